using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli;

/// <summary>
/// Decides whether the record of an earlier run, or the result of an earlier attack, may replace a new one. They are not signed:
/// anyone who can write the folder can forge one.
/// </summary>
/// <param name="fresh">Whether records are never reused (<c>--fresh</c>).</param>
/// <param name="reuse">Whether the caller trusts everyone who can write the folder (<c>--reuse</c>).</param>
/// <param name="environment">Shows whether this is a build server, where a checkout, a cache or another job may have written the
/// record.</param>
public sealed class RecordReuse(bool fresh, bool reuse, EnvironmentSnapshot environment)
{
    /// <summary>Whether a folder's record may be reused.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="reason">Why the record is not trusted; null where there is none, or <c>--fresh</c> was given.</param>
    /// <param name="name">File name of the record.</param>
    public bool MayReuse(string folder, out string? reason, string name = RunRecord.FileName)
    {
        reason = fresh || reuse || !File.Exists(Path.Combine(folder, name)) ? null
            : BuildServer.DetectVariable(environment) is { } variable ? $"this is a build server ({variable} is set), where " +
                "another job may have written it"
            : RecordOwner.FindProblem(folder, name);
        return !fresh && reason is null;
    }

    /// <summary>
    /// Refuses to run the programs that the policy of a record names, where somebody else may have written the record.
    /// </summary>
    /// <param name="policy">Of the record.</param>
    /// <param name="record">Path of the record.</param>
    /// <exception cref="BadArgumentException">It is not trusted; nothing was run.</exception>
    public void RequireMayRun(UnlearningPolicy policy, string record)
    {
        var programs = policy.ProgramRoles();
        if (programs.Count > 0
            && !MayReuse(Path.GetDirectoryName(Path.GetFullPath(record))!, out var doubt, Path.GetFileName(record))
            && doubt is not null)
            throw new BadArgumentException(
                $"{record}: its policy has programs run ({string.Join(", ", programs)}), and the record is not trusted: {doubt}; "
                + "nothing was run: look at what the policy names, and add --reuse if nobody else writes that folder");
    }
}
