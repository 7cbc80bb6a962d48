using System.Globalization;
using System.Text.Json.Serialization;
using AdaptThenUnlearn.Locking;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Runs;

/// <summary>The lock under which a run measured, as <c>run.json</c> keeps it; the lock's file is among the inputs.</summary>
/// <param name="PolicySha256">The lock's digest: that of the policy in effect.</param>
/// <param name="Time">When the policy was locked, as the lock says; UTC.</param>
/// <param name="Seed">
/// The seed of the images that decided, before and after: <see cref="LockedSeed.Derive"/> of the lock and the judged generator.
/// </param>
/// <param name="Stamped">
/// The time in the lock's time-stamp token; null, and left out of the record, where it has none.
/// </param>
public sealed record RunLock(
    string PolicySha256,
    DateTimeOffset Time,
    long Seed,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] DateTimeOffset? Stamped = null)
{
    /// <summary>What does not fit between a record and its lock, in sentences.</summary>
    /// <remarks>Never throws for what a record holds: a record may come from anyone.</remarks>
    /// <param name="record">As read.</param>
    public static IEnumerable<string> FindProblems(RunRecord record)
    {
        var files = record.Inputs.Count(input => input.Role == InputRoles.Lock);
        if (record.Lock is not { } made)
        {
            if (files > 0)
                yield return "the record names a lock among its inputs, and does not say that it was measured under it";
            yield break;
        }

        if (files != 1)
            yield return "the run's lock is not one recorded input";
        if (made.PolicySha256 != record.PolicySource.EffectiveSha256)
            yield return $"the run's lock is of another policy ({made.PolicySha256})";
        var judged = (record.After ?? record.Before).GeneratorSha256;
        if (LockedSeed.Derive(made.PolicySha256, judged) is var seed && seed != made.Seed)
            yield return FormattableString.Invariant(
                $"the recorded seed {made.Seed} is not the one that the lock and the generator {judged} give ({seed})");
        foreach (var (what, time) in new[] { ("lock", (DateTimeOffset?)made.Time), ("time stamp of the lock", made.Stamped) })
            if (time > record.Times.Started)
                yield return $"the {what} is of {Utc(time.Value)}, after the run began ({Utc(record.Times.Started)})";
    }

    private static string Utc(DateTimeOffset time) => time.UtcDateTime.ToString("u", CultureInfo.InvariantCulture);
}
