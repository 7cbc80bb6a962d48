using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli;

/// <summary>Whether the record of an earlier run may answer in place of a new one: it is not signed, so that whoever can write it decides what it says.</summary>
/// <param name="fresh">Whether none may.</param>
/// <param name="reuse">Whether the caller vouches for whoever can write the folder.</param>
/// <param name="environment">Tells of a build server, where a checkout, a cache or another job may have put records there.</param>
public sealed class RecordReuse(bool fresh, bool reuse, EnvironmentSnapshot environment)
{
    /// <summary>Whether a folder's record may answer.</summary>
    /// <param name="folder">The run's.</param>
    /// <param name="reason">Why not, where there is a record and the caller has not said so; else null.</param>
    public bool MayReuse(string folder, out string? reason)
    {
        reason = fresh || reuse || !File.Exists(Path.Combine(folder, RunRecord.FileName)) ? null
            : BuildServer.DetectVariable(environment) is { } variable ? $"this is a build server ({variable} is set), where somebody else may have put it there"
            : RecordOwner.FindProblem(folder);
        return !fresh && reason is null;
    }
}
