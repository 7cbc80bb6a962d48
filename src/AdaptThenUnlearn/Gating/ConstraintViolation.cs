using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Gating;

/// <summary>How far a candidate misses the policy's limits, as one number: 0 where it meets them. Pure.</summary>
/// <remarks>
/// Candidates are compared by it during unlearning. Of each feature it takes the stricter of both limits as a rate; of the kept
/// classes, the one that lost most. Shares are between 0 and 1, so that the violations can be added.
/// </remarks>
public static class ConstraintViolation
{
    // Rates are compared by a mild upper bound, so that a candidate is not chosen for its luck with a small sample.
    private const double Confidence = 0.9;

    /// <summary>The largest rate that both limits of a feature allow, 0 to 1.</summary>
    /// <param name="feature">Says <c>maxRate</c> and <c>minUnlearned</c>.</param>
    /// <param name="isViolated">
    /// Whether the original misses the feature's limits. Where it does not, there is nothing to unlearn, and <c>maxRate</c> alone
    /// holds.
    /// </param>
    /// <param name="original">The original generator's count, on the candidates' latents.</param>
    public static double AllowedRate(UndesiredFeature feature, bool isViolated, Look original)
    {
        var byUnlearned = feature.MinUnlearned is { } unlearned && isViolated
            ? (1 - unlearned) * original.Hits / original.Samples
            : 1;
        return Math.Min(feature.MaxRate ?? 1, byUnlearned);
    }

    /// <summary>
    /// How far a rate's upper bound lies above the part of its limit that candidates must meet; 0 where it does not.
    /// </summary>
    /// <param name="candidate">The candidate's count.</param>
    /// <param name="allowed">As <see cref="AllowedRate"/> gives it.</param>
    /// <param name="margin">The policy's <c>candidateMargin</c>: candidates must meet this part of the limit.</param>
    public static double OfRate(Look candidate, double allowed, double margin) =>
        Math.Max(0, ClopperPearson.UpperBound(candidate.Hits, candidate.Samples, Confidence) - margin * allowed);

    /// <summary>How far the class that lost most lies below the share that each class must keep; 0 where it does not.</summary>
    /// <param name="minShareKept">The policy's limit; null where it has none.</param>
    /// <param name="smallestShareKept">After over before, of the class that lost most.</param>
    public static double OfShares(double? minShareKept, double smallestShareKept) =>
        Math.Max(0, (minShareKept ?? 0) - smallestShareKept);
}
