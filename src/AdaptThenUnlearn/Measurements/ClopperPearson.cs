namespace AdaptThenUnlearn.Measurements;

/// <summary>Exact confidence bounds of a share, from counts alone.</summary>
/// <remarks>
/// Clopper and Pearson 1934, "The use of confidence or fiducial limits illustrated in the case of the binomial",
/// Biometrika 26(4): the bounds are quantiles of beta distributions. The regularised incomplete beta function is evaluated
/// by its continued fraction (Abramowitz and Stegun, 26.5.8) with the modified Lentz method, and inverted by bisection.
/// </remarks>
public static class ClopperPearson
{
    /// <summary>The largest share that <paramref name="hits"/> in <paramref name="samples"/> do not rule out.</summary>
    /// <param name="hits">k, 0 to <paramref name="samples"/>.</param>
    /// <param name="samples">n, at least 1.</param>
    /// <param name="confidence">One-sided, between 0 and 1.</param>
    /// <returns>0 to 1; the p for which P(X ≤ k) = 1 − confidence, and 1 when every sample was a hit.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An argument is outside its range.</exception>
    public static double UpperBound(long hits, long samples, double confidence)
    {
        Check(hits, samples, confidence);
        return hits == samples ? 1 : BetaDistribution.Quantile(confidence, hits + 1, samples - hits);
    }

    /// <summary>The smallest share that <paramref name="hits"/> in <paramref name="samples"/> do not rule out.</summary>
    /// <inheritdoc cref="UpperBound"/>
    /// <returns>0 to 1; the p for which P(X ≥ k) = 1 − confidence, and 0 without a hit.</returns>
    public static double LowerBound(long hits, long samples, double confidence)
    {
        Check(hits, samples, confidence);
        return hits == 0 ? 0 : BetaDistribution.Quantile(1 - confidence, hits, samples - hits + 1);
    }

    private static void Check(long hits, long samples, double confidence)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(samples, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(hits);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(hits, samples);
        if (!(confidence is > 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(confidence), confidence, "must lie between 0 and 1");
    }
}
