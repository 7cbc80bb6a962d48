using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Publishing.Admission;

/// <summary>Earlier runs that a published one is shown beside: its history, and the run of the base branch.</summary>
/// <remarks>They decide nothing: the verdict is that of the published run alone.</remarks>
/// <param name="history">Records of any policy.</param>
/// <param name="baselines">Records that were named as baselines; where there are none, the history is searched for one.</param>
/// <param name="baseBranch">Branch that the pull request goes to; null where it is unknown.</param>
/// <param name="vocabulary">The names that policies may use.</param>
public sealed class EarlierRuns(
    RunHistory history, IReadOnlyList<RunRecord> baselines, string? baseBranch, PolicyVocabulary vocabulary)
{
    /// <summary>The run with what is known of earlier ones.</summary>
    /// <param name="run">The run.</param>
    /// <param name="notes">Receives a sentence without a full stop for what cannot be shown, and why.</param>
    public PublishedRun AddTo(PublishedRun run, Action<string> notes)
    {
        if (history.NoteAbout(run.Record) is { } others)
            notes(others);

        var earlier = history.Before(run.Record);
        return run with { Earlier = earlier, Baseline = FindBaseline(run.Record, earlier, notes) };
    }

    private RunRecord? FindBaseline(RunRecord current, IReadOnlyList<RunRecord> earlier, Action<string> notes)
    {
        var named = new RunHistory(baselines, []).Before(current);
        if (baselines.Count > 0 && named.Count == 0)
            notes($"{current.Policy.Name}: no baseline is of this policy and generator, and was measured before");

        // The branch of a fork is called owner:branch, so that it is never taken for the base branch.
        var found = baselines.Count > 0
            ? named is [.., var newest] ? newest : null
            : earlier.LastOrDefault(record => record.Origin is { PullRequest: null, Ref: { } name } && name == baseBranch);
        if (found is null)
            return null;

        var day = DateOnly.FromDateTime(found.Times.Finished.UtcDateTime);
        if (Verification.VerifyReadings(found, vocabulary, day).Problems is not [var problem, ..])
            return found;

        notes($"{current.Policy.Name}: the baseline does not stand: {problem}");
        return null;
    }
}
