using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Checkpoints;

namespace AdaptThenUnlearn.Cli;

/// <summary>What <c>atu attack</c> attacks: a policy, and the unlearned generator of its run or of another file.</summary>
/// <param name="File">The policy.</param>
/// <param name="After">Path of the unlearned generator.</param>
/// <param name="OriginalSha256">Digest of the original in the run; null where the command line names another generator.</param>
/// <param name="AfterSha256">Digest of the unlearned generator's file in the run; null as before.</param>
/// <param name="JudgedSha256">Digest of the generator that the run judged, whose file may say since that it was rejected.</param>
internal sealed record AttackSubject(
    PolicyFile File, string After, string? OriginalSha256 = null, string? AfterSha256 = null, string? JudgedSha256 = null)
{
    /// <summary>Path of the record that names the policy; null where the command line names it.</summary>
    public string? Record { get; private init; }

    /// <summary>Finds it.</summary>
    /// <param name="subject">A policy, or a run's <c>run.json</c>.</param>
    /// <param name="after">The unlearned generator; null for that of the run.</param>
    /// <param name="overrides">As given, <c>path=value</c>.</param>
    /// <param name="lockRequired">Whether the policy must have a lock.</param>
    /// <param name="terminal">Prints the policy's errors.</param>
    /// <returns>Null where the policy has errors, which have been printed.</returns>
    /// <exception cref="BadArgumentException">
    /// There is no such run, nothing was unlearned in it, or the policy differs from its lock or lacks one.
    /// </exception>
    /// <exception cref="RunRecordException">The record cannot be read.</exception>
    public static AttackSubject? Find(
        string subject, string? after, IReadOnlyList<string> overrides, bool lockRequired, Terminal terminal)
    {
        if (Path.GetFileName(subject) == RunRecord.FileName)
        {
            if (overrides.Count > 0)
                throw new BadArgumentException("--set is for a policy; the run was made with the values in its record");
            var record = RunRecordFile.Read(subject);
            var source = record.PolicySource;
            var written = PolicyFile.Read(
                Path.GetFullPath(Path.Combine(Path.GetDirectoryName(subject)!, source.File)), source.Overrides, terminal);
            return written.Result.Policy is null
                ? null
                : Create(PolicyLocks.Apply(written, lockRequired), after, record, subject) with
                {
                    Record = subject,
                };
        }

        var file = PolicyFile.Read(subject, overrides, terminal);
        if (file.Result.Policy is not { } policy)
            return null;
        file = PolicyLocks.Apply(file, lockRequired);
        if (after is not null)
            return new AttackSubject(file, after);

        var run = Path.Combine(
            EnvironmentDefaults.OutputFolder(EnvironmentSnapshot.Capture()), policy.Name, RunRecord.FileName);
        return System.IO.File.Exists(run)
            ? Create(file, after, RunRecordFile.Read(run), run) with
            {
                // The policy names the program; which file was made of it, the record says.
                Record = policy.ProgramRoles().Contains(InputRoles.Generator) ? run : null,
            }
            : throw new BadArgumentException(
                $"{run}: there is no run of this policy; run `atu govern` first, or name the unlearned generator with --after");
    }

    /// <summary>Refuses an original that is not the one of the run.</summary>
    /// <exception cref="DiagnosticException">The file has changed since.</exception>
    public void RequireOriginal(LoadedGenerator original) => Require("original generator", original, OriginalSha256);

    /// <summary>Refuses an unlearned generator that is not the one of the run.</summary>
    /// <exception cref="DiagnosticException">The file has changed since.</exception>
    public void RequireAfter(LoadedGenerator after) => Require("unlearned generator", after, AfterSha256);

    private static AttackSubject Create(PolicyFile file, string? after, RunRecord run, string path)
    {
        if (file.EffectiveSha256 != run.PolicySource.EffectiveSha256)
            throw new BadArgumentException(
                $"{path}: the policy has changed since this run; run `atu govern` again, or name the unlearned generator " +
                "with --after");
        if (after is not null)
            return new AttackSubject(file, after);
        if (run.After is null
            || run.Outputs.FirstOrDefault(output => OutputRoles.IsGenerator(output.Role)) is not { } artifact)
            throw new BadArgumentException(
                $"{path}: nothing was unlearned in this run, so there is nothing to compare; name a generator with --after");
        return new AttackSubject(
            file,
            Path.GetFullPath(Path.Combine(Path.GetDirectoryName(path)!, artifact.Path)),
            run.Before.GeneratorSha256,
            artifact.Sha256,
            run.After.GeneratorSha256);
    }

    private static void Require(string what, LoadedGenerator loaded, string? expected)
    {
        if (expected is not null && loaded.Sha256 != expected)
            throw new DiagnosticException(
                new BuildMessage(
                    Severity.Error, RunCodes.ChangedFile, $"the {what} is not the one of the run ({expected})"),
                ExitCodes.NotFinished);
    }
}
