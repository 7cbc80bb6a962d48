using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Comparing;

namespace AdaptThenUnlearn.Cli.Comparing;

/// <summary>A small search over a policy's values: one after another, each new setting kept only if it helps.</summary>
/// <remarks>
/// Coordinate descent from the policy's settings. A trial is scored by the annotators' readings of the candidates it kept. The
/// auditors' readings
/// are the final test, and a search that used them would fit the settings to that test. The score of a trial is the mean over its
/// runs of
/// FD / FD of the first trial + 10 · excess / rate before; lower is better. So a missed point of PUL weighs as much as a tenth of
/// the Fréchet
/// distance. If the annotator has too many features for the candidates' images, no distance is measured in any run, and the first
/// term is 1 in all
/// of them. Seeds differ by far more than settings do, so a trial is followed only if its mean is better by the margin and every
/// run is better too.
/// </remarks>
/// <param name="knobSettings">For each value of the policy, the settings to try, in order.</param>
/// <param name="evaluate">Makes a trial's runs and returns their cells, in the same order each time; null if the budget does not
/// allow them.</param>
public sealed class TuningSearch(
    IReadOnlyList<IReadOnlyList<string>> knobSettings, Func<IReadOnlyList<string>, IReadOnlyList<ComparedCell>?> evaluate)
{
    /// <summary>A trial is followed only if its mean is better by this much.</summary>
    public const double Margin = 0.03;

    private const double MissWeight = 10;

    private readonly List<Trial> _trials = [];

    /// <summary>Searches until every setting was tried or the budget ends.</summary>
    /// <returns>Null if not even the first trial could be made; only the first trial if it has no score, because others cannot be
    /// compared with it.</returns>
    public TuningResult? Run()
    {
        if (RunTrial([]) is not { } start)
            return null;
        if (!start.IsScored)
            return new TuningResult(_trials, start, Finished: false);

        var best = start;
        foreach (var knob in knobSettings)
        {
            var from = best;
            foreach (var setting in knob)
            {
                if (RunTrial([.. from.Settings, setting]) is not { } trial)
                    return new TuningResult(_trials, best, Finished: false);
                if (trial.Score < best.Score - Margin && trial.Scores.Zip(best.Scores).All(pair => pair.First < pair.Second))
                    best = trial;
            }
        }

        return new TuningResult(_trials, best, Finished: true);
    }

    private Trial? RunTrial(IReadOnlyList<string> settings)
    {
        if (evaluate(settings) is not { } cells)
            return null;

        var trial = new Trial(settings, cells, Scores(cells, _trials.Count == 0 ? cells : _trials[0].Cells));
        _trials.Add(trial);
        return trial;
    }

    /// <summary>The score of each run of a trial; infinite if it did not finish or nothing could be measured.</summary>
    /// <param name="cells">The cells of the trial.</param>
    /// <param name="first">The cells of the first trial, in the same order.</param>
    public static IReadOnlyList<double> Scores(IReadOnlyList<ComparedCell> cells, IReadOnlyList<ComparedCell> first)
    {
        return [.. cells.Zip(first).Select(pair => Score(pair.First, pair.Second))];

        static double Score(ComparedCell cell, ComparedCell first) =>
            cell.Outcome is { Selected: { } selected } outcome
            && (outcome.AnnotatorHitsBefore ?? outcome.HitsBefore) is > 0 and var hits
            && Relative(selected, first.Outcome?.Selected) is { } distance
                ? distance + MissWeight * selected.Excess * outcome.Samples / hits
                : double.PositiveInfinity;

        static double? Relative(SelectedCandidate own, SelectedCandidate? first) => (own.FrechetDistance, first) switch
        {
            (null, { FrechetDistance: not null }) => null,
            ({ } distance, { FrechetDistance: { } other }) => distance / other,
            _ => 1,
        };
    }
}

/// <summary>One trial of a search.</summary>
/// <param name="Settings">Changes to the policy, as <c>path=value</c> within <c>unlearning</c>; none for the first trial.</param>
/// <param name="Cells">The runs of the trial; at least one.</param>
/// <param name="Scores">The score of each run; lower is better.</param>
public sealed record Trial(IReadOnlyList<string> Settings, IReadOnlyList<ComparedCell> Cells, IReadOnlyList<double> Scores)
{
    /// <summary>The mean of the runs' scores.</summary>
    public double Score => Scores.Average();

    /// <summary>Whether every run could be scored.</summary>
    public bool IsScored => double.IsFinite(Score);

    /// <summary>Why a run could not be scored; null if all could.</summary>
    public string? WhyNotScored => Cells.Zip(Scores).Where(pair => !double.IsFinite(pair.Second))
        .Select(pair => $"{pair.First.Key}: {pair.First.Failure ?? "the annotator's readings give no score"}").FirstOrDefault();
}

/// <summary>The result of a search.</summary>
/// <param name="Trials">The trials in the order they were made; at least one.</param>
/// <param name="Best">The trial to follow.</param>
/// <param name="Finished">Whether every setting was tried.</param>
public sealed record TuningResult(IReadOnlyList<Trial> Trials, Trial Best, bool Finished);
