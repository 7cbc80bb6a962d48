using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Comparing;

namespace AdaptThenUnlearn.Cli.Comparing;

/// <summary>A small search over a policy's own knobs: one after another, each kept only where it helps.</summary>
/// <remarks>
/// Coordinate descent from the policy's settings. What a trial is worth is read off the annotators' judgement of the
/// candidates it kept: auditors mark exams, and a search that looked at them would be sitting the exam. The score of a
/// trial is the mean over its runs of FD / FD of the first trial + 10 · excess / rate before, so a point of PUL missed
/// weighs as much as a tenth of the Fréchet distance; lower is better. Where the annotator's features are too many for the
/// candidates' images, no distance is measured in any run, and the first term is 1 in all of them. Runs of different seeds differ by far more than
/// settings do, so a trial is followed only if it is better by the margin in the mean and better in every single run.
/// </remarks>
/// <param name="knobSettings">For each knob, the settings to try, in order.</param>
/// <param name="evaluate">Makes a trial's runs and returns what came of them, in the same order each time; null when there are no runs left to make.</param>
public sealed class TuningSearch(IReadOnlyList<IReadOnlyList<string>> knobSettings, Func<IReadOnlyList<string>, IReadOnlyList<ComparedCell>?> evaluate)
{
    /// <summary>What a trial's mean must be better by to be followed.</summary>
    public const double Margin = 0.03;

    private const double MissWeight = 10;

    private readonly List<Trial> _trials = [];

    /// <summary>Searches until every setting was tried or the budget ends.</summary>
    /// <returns>Null when not even the first trial could be made; that trial alone when it has no score, for nothing can be better or worse than that.</returns>
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

    /// <summary>What each run of a trial is worth; infinite when it could not finish or nothing could be measured.</summary>
    /// <param name="cells">Of the trial.</param>
    /// <param name="first">Of the first trial, in the same order.</param>
    public static IReadOnlyList<double> Scores(IReadOnlyList<ComparedCell> cells, IReadOnlyList<ComparedCell> first)
    {
        return [.. cells.Zip(first).Select(pair => Score(pair.First, pair.Second))];

        static double Score(ComparedCell cell, ComparedCell first) =>
            cell.Outcome is { Selected: { } selected } outcome && (outcome.AnnotatorHitsBefore ?? outcome.HitsBefore) is > 0 and var hits && Relative(selected, first.Outcome?.Selected) is { } distance
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
/// <param name="Settings">Over the policy's own, as <c>path=value</c> within <c>unlearning</c>; none for the first trial.</param>
/// <param name="Cells">Its runs; at least one.</param>
/// <param name="Scores">Of each run; lower is better.</param>
public sealed record Trial(IReadOnlyList<string> Settings, IReadOnlyList<ComparedCell> Cells, IReadOnlyList<double> Scores)
{
    /// <summary>Their mean.</summary>
    public double Score => Scores.Average();

    /// <summary>Whether every run could be scored.</summary>
    public bool IsScored => double.IsFinite(Score);

    /// <summary>Why a run could not be scored; null when all could.</summary>
    public string? WhyNotScored => Cells.Zip(Scores).Where(pair => !double.IsFinite(pair.Second)).Select(pair => $"{pair.First.Key}: {pair.First.Failure ?? "nothing that the annotator saw can be scored"}").FirstOrDefault();
}

/// <summary>What a search came to.</summary>
/// <param name="Trials">In the order they were made; at least one.</param>
/// <param name="Best">The one to follow.</param>
/// <param name="Finished">Whether every setting was tried.</param>
public sealed record TuningResult(IReadOnlyList<Trial> Trials, Trial Best, bool Finished);
