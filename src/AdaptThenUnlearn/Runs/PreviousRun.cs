using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Runs;

/// <summary>Finds an earlier run that is still valid, so that nothing need be run again.</summary>
public static class PreviousRun
{
    /// <summary>
    /// The earlier run's record, if it passed, was asked the same, and every file still has its hash; otherwise null.
    /// </summary>
    /// <remarks>
    /// A failed run is never reused: it must fail again, with its reasons, each time. Neither is one that trained nothing
    /// although something has to be unlearned and is waived: that was only judged. Nor is one that was measured in parts, or
    /// whose outcome is another today, or whose images came from a command, which may load what no digest covers. A person's
    /// audit, which no policy names, stays with the run that it was judged with.
    /// </remarks>
    /// <param name="folder">The run's folder.</param>
    /// <param name="source">The policy as it is now.</param>
    /// <param name="tool">This tool's name and version.</param>
    /// <param name="inputs">Every file that a run would read, by its role.</param>
    /// <param name="vocabulary">What policies may name.</param>
    /// <param name="today">UTC day, against which waivers expire.</param>
    /// <param name="cancel">Ends hashing soon, also of a large file.</param>
    public static RunRecord? FindUpToDate(
        string folder,
        PolicySource source,
        string tool,
        IEnumerable<(string Role, string Path)> inputs,
        PolicyVocabulary vocabulary,
        DateOnly today,
        CancellationToken cancel = default)
    {
        RunRecord record;
        try
        {
            record = RunRecordFile.Read(Path.Combine(folder, RunRecord.FileName));
        }
        catch (RunRecordException)
        {
            return null;   // none, or not one of ours: run
        }

        var isSameRequest = source.Sha256 == record.PolicySource.Sha256
            && source.EffectiveSha256 == record.PolicySource.EffectiveSha256
            && source.Overrides.SequenceEqual(record.PolicySource.Overrides)
            && tool == record.Tool
            && inputs.Select(input => (input.Role, Full(input.Path)))
                .SequenceEqual(record.Inputs.Where(input => !InputRoles.IsAudit(input.Role))
                    .Select(input => (input.Role, Full(Path.Combine(folder, input.Path)))));
        isSameRequest &= record.Parts is null   // another process measured
            && record.Policy.Generator.Command is null;
        isSameRequest &= record.Training is not null
            || Gate.ViolatedFeatures(record.JudgedPolicy(), record.Before, today).Count == 0;
        return isSameRequest
            && Verification.VerifyRun(folder, record, vocabulary, today, cancel) is { Passed: true, IsReworded: false } judged
            && judged.Outcome == record.Verdict.Outcome   // a rule may have taken effect since
                ? record
                : null;

        static string Full(string path) => Path.GetFullPath(path);
    }
}
