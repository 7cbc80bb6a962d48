using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AdaptThenUnlearn.Cli.Timestamps;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli;

/// <summary>Checks the lock that a run's record names: its file, where it is here, and the time stamp in it.</summary>
/// <param name="run">The run's folder and record.</param>
/// <param name="required">Whether the run must have been made under a lock.</param>
/// <param name="authorities">Certificates that must stand behind the time stamp; null to require none.</param>
internal sealed class RecordedLock(
    (string Folder, RunRecord Record) run, bool required, X509Certificate2Collection? authorities)
{
    /// <summary>What does not fit, in sentences; the record itself is checked elsewhere.</summary>
    /// <param name="note">What a reader may want to know of a lock that fits; null where there is nothing to say.</param>
    public IReadOnlyList<string> FindProblems(out string? note)
    {
        note = null;
        if (run.Record.Lock is not { } made)
            return required || authorities is not null
                ? ["the run was not made under a lock, and one is required"]
                : [];

        note = $"the policy was locked on {PolicyLocks.Utc(made.Time)}, as the lock itself says";
        var input = run.Record.Inputs.FirstOrDefault(input => input.Role == InputRoles.Lock);
        var path = input is null ? null : Path.Combine(run.Folder, input.Path);
        if (path is null || Sha256Digest.FindAt(path) != input!.Sha256)   // the check of files reports a missing or changed file
            return authorities is null ? [] : ["the lock is not here, so its time stamp was not checked"];

        try
        {
            return [.. Compare(path, made, ref note)];
        }
        catch (Exception unsuitable) when (unsuitable is BadArgumentException or TimestampException)
        {
            return [unsuitable.Message];
        }
    }

    /// <summary>Certificates that a caller trusts.</summary>
    /// <param name="file">PEM, one or several; null where none was named.</param>
    /// <exception cref="BadArgumentException">They cannot be read.</exception>
    public static X509Certificate2Collection? ReadAuthorities(string? file)
    {
        if (file is null)
            return null;

        X509Certificate2Collection read = [];
        try
        {
            read.ImportFromPem(RegularFile.ReadAllText(file, 1 << 20));
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new BadArgumentException($"--timestamp-authority: {file} cannot be read: {failed.Message}");
        }

        return read.Count > 0
            ? read
            : throw new BadArgumentException($"--timestamp-authority: {file} holds no certificate in PEM");
    }

    private List<string> Compare(string path, RunLock made, ref string? note)
    {
        var found = PolicyLocks.Read(path);
        List<string> problems = [];
        if (found.Lock.PolicySha256 != made.PolicySha256)
            problems.Add($"the lock {path} is of another policy than the record says");
        if (found.Lock.Time != made.Time || found.Stamped != made.Stamped)
            problems.Add($"the lock {path} is of another time than the record says");
        if (found.Lock.DecodeToken() is { } token)
        {
            var stamp = TimestampToken.Verify(token, made.PolicySha256, authorities);
            note = $"the policy was locked on {PolicyLocks.Utc(made.Time)}, and time-stamped on {PolicyLocks.Utc(stamp.Time)} by "
                + stamp.Signer
                + (stamp.IsTrusted ? "" : "; add --timestamp-authority to check who that is");
        }
        else if (authorities is not null)
        {
            problems.Add("the lock has no time stamp, and --timestamp-authority requires one");
        }

        return problems;
    }
}
