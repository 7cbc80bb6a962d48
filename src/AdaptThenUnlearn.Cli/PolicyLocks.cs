using System.CommandLine;
using System.Globalization;
using AdaptThenUnlearn.Cli.Timestamps;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Locking;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Publishing.Hosts;

namespace AdaptThenUnlearn.Cli;

/// <summary>A lock beside a policy.</summary>
/// <param name="Path">Of its file.</param>
/// <param name="Sha256">Of the file's bytes.</param>
/// <param name="Lock">What it says.</param>
/// <param name="Stamped">The time in its time-stamp token; null without one.</param>
public sealed record FoundLock(string Path, string Sha256, PolicyLock Lock, DateTimeOffset? Stamped)
{
    /// <summary>The later of its times: from then on a run may begin.</summary>
    public DateTimeOffset Time => Stamped > Lock.Time ? Stamped.Value : Lock.Time;
}

/// <summary>Finds the locks beside policies, and holds policies to them.</summary>
internal static class PolicyLocks
{
    /// <summary><c>--locked</c>: without it, deleting a lock would unlock its policy.</summary>
    public static Option<bool> Required { get; } = new("--locked")
    {
        Description = "Require a lock: a policy, or a record, without one is refused (default: " +
            $"{EnvironmentDefaults.LockedVariable}, else a lock counts where one is)",
    };

    /// <summary>Whether a lock must be there.</summary>
    /// <param name="parsed">The command line.</param>
    /// <exception cref="BadArgumentException">The variable has a bad value.</exception>
    public static bool AreRequired(ParseResult parsed) =>
        EnvironmentDefaults.RequiresLock(EnvironmentSnapshot.Capture()) || parsed.GetValue(Required);

    /// <summary>The policy with its lock, where one lies beside it.</summary>
    /// <param name="policy">Without errors.</param>
    /// <param name="required">Whether a lock must be there.</param>
    /// <exception cref="BadArgumentException">
    /// The lock is missing or damaged, it is of the future, or the policy differs from it.
    /// </exception>
    public static PolicyFile Apply(PolicyFile policy, bool required)
    {
        if (Find(policy.Path) is { } found)
            return FindProblem(policy, found) is { } problem
                ? throw new BadArgumentException(problem)
                : policy with { Lock = found };

        return required
            ? throw new BadArgumentException(Error(
                policy.Path, PolicyCodes.NoLock,
                $"the policy must be locked, and there is no {PolicyLock.PathFor(policy.Path)}: lock it with `atu lock "
                    + $"{policy.Path}`, or restore the lock that was deleted"))
            : policy;
    }

    /// <summary>The lock beside a policy; null where there is none.</summary>
    /// <param name="policyFile">Path of the policy.</param>
    /// <exception cref="BadArgumentException">It cannot be read, is damaged, or its time stamp does not hold.</exception>
    public static FoundLock? Find(string policyFile)
    {
        var path = PolicyLock.PathFor(policyFile);
        return Path.Exists(path) ? Read(path) : null;
    }

    /// <summary>Reads a lock.</summary>
    /// <param name="path">Of its file.</param>
    /// <exception cref="BadArgumentException">It cannot be read, is damaged, or its time stamp does not hold.</exception>
    public static FoundLock Read(string path)
    {
        try
        {
            var bytes = RegularFile.ReadAllBytes(path, PolicyLockText.MaxBytes);
            if (PolicyLockText.Parse(RegularFile.DecodeText(bytes), out var problem) is not { } read)
                throw Damaged(path, $"is not a policy's lock: {problem}");

            var stamp = read.DecodeToken() is { } token ? TimestampToken.Verify(token, read.PolicySha256) : null;
            return new FoundLock(path, Sha256Digest.Compute(bytes), read, stamp?.Time);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            throw Damaged(path, $"cannot be read: {unreadable.Message}");
        }
        catch (TimestampException unstamped)
        {
            throw Damaged(path, $"does not hold: {unstamped.Message}");
        }
    }

    /// <summary>Why a policy may not be governed under its lock; null where it may.</summary>
    /// <param name="policy">Without errors.</param>
    /// <param name="found">The lock beside it.</param>
    public static BuildMessage? FindProblem(PolicyFile policy, FoundLock found)
    {
        var locked = found.Lock;
        if (locked.PolicySha256 != policy.EffectiveSha256)
            return Error(
                policy.Path, PolicyCodes.DiffersFromLock,
                $"the policy differs from its lock {found.Path}: its digest in effect is {policy.EffectiveSha256}, and "
                    + $"{locked.PolicySha256} was locked on {Utc(locked.Time)}. "
                    + (policy.Overrides.Count > 0
                        ? "Leave out --set, which changes the policy, or restore the policy"
                        : "Restore it")
                    + $"; if the change is meant, lock it again with `atu lock {policy.Path} --replace`, and let whoever answers "
                    + "for the policy approve the new lock");

        if (locked.Policy != policy.Policy.Name)
            return Damaged(found.Path, $"names the policy '{locked.Policy}', and this is '{policy.Policy.Name}'").Diagnostic;
        var now = TimeProvider.System.GetUtcNow();
        return found.Time > now
            ? Error(
                found.Path, PolicyCodes.BadLock,
                $"the lock is of {Utc(found.Time)}, and by this machine's clock it is {Utc(now)}: set the clock, or wait")
            : null;
    }

    /// <summary>A time as messages write it.</summary>
    public static string Utc(DateTimeOffset time) => time.UtcDateTime.ToString("u", CultureInfo.InvariantCulture);

    private static BadArgumentException Damaged(string path, string problem) => new(Error(
        path, PolicyCodes.BadLock,
        $"the lock {problem}; restore the file, or make it again with `atu lock POLICY --replace`"));

    private static BuildMessage Error(string file, string code, string text) => new(Severity.Error, code, text, file);
}
