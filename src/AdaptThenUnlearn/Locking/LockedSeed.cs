using System.Globalization;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Locking;

/// <summary>The evaluation seed under a lock. Nobody chooses it: it follows from the lock and from the generator.</summary>
/// <remarks>
/// The seed is the number that the first 13 hexadecimal digits write (52 bits, so that every JSON reader keeps it) of
/// SHA-256(lock digest ‖ generator digest), both as 64 lower-case hexadecimal digits in ASCII. Before a generator is there,
/// nothing can be adapted to the images that it is judged by.
/// </remarks>
public static class LockedSeed
{
    private const int Digits = 13;

    /// <summary>Derives the seed.</summary>
    /// <param name="lockSha256">The lock's digest: that of the policy in effect.</param>
    /// <param name="generatorSha256">Of the checkpoint that is judged.</param>
    /// <returns>0 to 2⁵² − 1.</returns>
    public static long Derive(string lockSha256, string generatorSha256) => long.Parse(
        Sha256Digest.Compute(lockSha256 + generatorSha256).AsSpan(0, Digits), NumberStyles.HexNumber,
        CultureInfo.InvariantCulture);

    /// <summary>The policy that a generator is measured and judged by under a lock: the same, with the derived seed.</summary>
    /// <param name="policy">The locked policy.</param>
    /// <param name="lockSha256">The lock's digest; null without a lock, and the policy stays as it is.</param>
    /// <param name="generatorSha256">Of the checkpoint that is judged.</param>
    public static UnlearningPolicy ApplyTo(UnlearningPolicy policy, string? lockSha256, string generatorSha256) =>
        lockSha256 is null ? policy : policy with
        {
            Evaluation = policy.Evaluation with { Seed = Derive(lockSha256, generatorSha256) },
        };
}
