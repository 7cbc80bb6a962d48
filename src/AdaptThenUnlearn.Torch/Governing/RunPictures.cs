using System.Globalization;
using System.Text;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Unlearning;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>Makes the pictures of a run: images of the same latents before and after, and curves of the training.</summary>
/// <param name="policy">Names the undesired features.</param>
/// <param name="classifiers">Of the policy.</param>
/// <param name="images">Draws the evaluation images.</param>
/// <param name="folder">Where the pictures are written.</param>
internal sealed class RunPictures(
    UnlearningPolicy policy, PolicyClassifiers classifiers, EvaluationImages images, RunFolder folder)
{
    private const string GridName = "images/before-after.png";
    private const string CurvesName = "curves.csv";
    private const string PlotName = "images/curves.png";
    private const int Columns = 8;
    private const int Half = 32;              // images of each kind in a panel
    private const int BatchesSearched = 50;   // at most, for images that show an undesired feature
    private const int PanelWidth = 512;       // pixels, about

    /// <summary>Names of the files, relative to the run's folder.</summary>
    public static IReadOnlyList<string> Names { get; } = [GridName, CurvesName, PlotName];

    /// <summary>
    /// Draws images of both generators for the same latents: first those whose original shows an undesired feature, then others.
    /// </summary>
    /// <param name="original">Before unlearning.</param>
    /// <param name="unlearned">After unlearning; null where nothing was unlearned.</param>
    public void Grid(ImageGenerator original, ImageGenerator? unlearned)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();

        // Search the evaluation images until both halves of a panel are full.
        List<Tensor> undesired = [], others = [];
        List<Tensor> undesiredAfter = [], othersAfter = [];
        var last = original is ImageSequence { Count: { } there }
            ? Math.Min(BatchesSearched, there / EvaluationImages.BatchSize)
            : BatchesSearched;
        for (var number = 0; number < last && (undesired.Count < Half || others.Count < Half); number++)
        {
            var batch = new EvaluationBatch(number, 0, EvaluationImages.BatchSize);
            var before = images.Draw(original, batch);
            var after = unlearned is null ? null : images.Draw(unlearned, batch);
            var flagged = Flagged(before);
            for (var image = 0; image < flagged.Length; image++)
            {
                var (kept, keptAfter) = flagged[image] ? (undesired, undesiredAfter) : (others, othersAfter);
                if (kept.Count >= Half)
                    continue;
                kept.Add(before[image]);
                if (after is not null)
                    keptAfter.Add(after[image]);
            }
        }

        // Draw a panel for each generator.
        var panels = new List<GridPanel> { Panel("before", [.. undesired, .. others]) };
        if (unlearned is not null)
            panels.Add(Panel("after, same latents", [.. undesiredAfter, .. othersAfter]));
        var scale = Math.Max(1, PanelWidth / Columns / original.Shape.Resolution);
        folder.Write(OutputRoles.Grid, GridName, ImageGrid.Png(panels, Columns, scale));
    }

    /// <summary>Writes the numbers of the training as CSV, and draws them as curves.</summary>
    public void Curves(UnlearnedGenerator unlearned)
    {
        folder.Write(OutputRoles.Curves, CurvesName, Csv(unlearned));
        var (curve, candidates) = (unlearned.Curve, unlearned.Candidates);
        List<Chart> charts =
        [
            new(
                "undesired features, % of candidate's images (annotator)",
                [CandidateCurve("largest rate", candidate => 100 * candidate.Rate)],
                unlearned.SelectedStep),
            new(
                "Fréchet distance of candidate to the original's retained images",
                [CandidateCurve("Fréchet distance", candidate => candidate.FrechetDistance ?? double.NaN)],
                unlearned.SelectedStep),
        ];
        if (curve.Count > 0)
        {
            // Where nothing was adapted there is no repulsion, and no distance from θN.
            var isAdapted = curve[0].SquaredDistance is not null;
            charts.AddRange(
            [
                new("losses", [
                    StepCurve("generator", point => point.GeneratorLoss),
                    StepCurve("discriminator", point => point.DiscriminatorLoss),
                    .. isAdapted ? [StepCurve("repulsion", point => Math.Max(0, point.RepulsionLoss))] : (Curve[])[],
                    StepCurve("terms on images", point => point.ImageLoss)
                ], unlearned.SelectedStep),
                new("squared distance in parameters", [
                    .. isAdapted ? [StepCurve("‖θ − θN‖²", point => point.SquaredDistance!.Value)] : (Curve[])[],
                    StepCurve("‖θ − θG‖²", point => point.SquaredDistanceFromOriginal)
                ], unlearned.SelectedStep),
            ]);
        }

        folder.Write(OutputRoles.Plot, PlotName, CurvePlot.Png(charts));

        Curve CandidateCurve(string name, Func<Candidate, double> value) =>
            new(name, [.. candidates.Select(candidate => new CurveValue(candidate.Step, value(candidate)))]);

        Curve StepCurve(string name, Func<CurvePoint, double> value) =>
            new(name, [.. curve.Select(point => new CurveValue(point.Step, value(point)))]);
    }

    private static string Csv(UnlearnedGenerator unlearned)
    {
        var text = new StringBuilder(
            "step,generatorLoss,discriminatorLoss,repulsionLoss,imageLoss,squaredDistanceToAdapted,"
                + "squaredDistanceToOriginal,candidateRate,candidateFrechetDistance,candidateSmallestShareKept,kept\n");
        var candidates = unlearned.Candidates.ToDictionary(candidate => candidate.Step);
        var points = unlearned.Curve.ToDictionary(point => point.Step);
        foreach (var step in candidates.Keys.Union(points.Keys).Order())
        {
            var point = points.GetValueOrDefault(step);
            var candidate = candidates.GetValueOrDefault(step);
            var isKept = candidate is not null && step == unlearned.SelectedStep;
            text.Append(
                CultureInfo.InvariantCulture,
                $"{step},{point?.GeneratorLoss},{point?.DiscriminatorLoss},{point?.RepulsionLoss},{point?.ImageLoss},"
                    + $"{point?.SquaredDistance},{point?.SquaredDistanceFromOriginal},"
                    + $"{candidate?.Rate},{candidate?.FrechetDistance},{candidate?.SmallestShareKept},{(isKept ? 1 : 0)}\n");
        }

        return text.ToString();
    }

    private GridPanel Panel(string title, IReadOnlyList<Tensor> pictures)
    {
        var all = stack(pictures);
        return new GridPanel($"{title} (red: undesired)", all, Flagged(all));
    }

    private bool[] Flagged(Tensor batch)
    {
        using var scope = NewDisposeScope();
        var flagged = zeros(batch.shape[0], dtype: @bool, device: batch.device);
        foreach (var rule in policy.UndesiredFeatures.Select(classifiers.Auditor))
            flagged = flagged.logical_or(rule.Shows(rule.Classifier.Logits(rule.Classifier.Features(batch))));

        return flagged.cpu().data<bool>().ToArray();
    }
}
