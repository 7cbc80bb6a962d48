namespace AdaptThenUnlearn.Measurements;

/// <summary>Exact confidence bounds of a share, from counts alone.</summary>
/// <remarks>
/// Clopper and Pearson 1934, "The use of confidence or fiducial limits illustrated in the case of the binomial",
/// Biometrika 26(4): the bounds are quantiles of beta distributions. The regularised incomplete beta function is evaluated
/// by its continued fraction (Abramowitz and Stegun, 26.5.8) with the modified Lentz method, and inverted by bisection.
/// </remarks>
public static class ClopperPearson
{
    private const int Bisections = 200;

    /// <summary>The largest share that <paramref name="hits"/> in <paramref name="samples"/> do not rule out.</summary>
    /// <param name="hits">k, 0 to <paramref name="samples"/>.</param>
    /// <param name="samples">n, at least 1.</param>
    /// <param name="confidence">One-sided, between 0 and 1.</param>
    /// <returns>0 to 1; the p for which P(X ≤ k) = 1 − confidence, and 1 when every sample was a hit.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An argument is outside its range.</exception>
    public static double UpperBound(long hits, long samples, double confidence)
    {
        Check(hits, samples, confidence);
        return hits == samples ? 1 : BetaQuantile(confidence, hits + 1, samples - hits);
    }

    /// <summary>The smallest share that <paramref name="hits"/> in <paramref name="samples"/> do not rule out.</summary>
    /// <inheritdoc cref="UpperBound"/>
    /// <returns>0 to 1; the p for which P(X ≥ k) = 1 − confidence, and 0 without a hit.</returns>
    public static double LowerBound(long hits, long samples, double confidence)
    {
        Check(hits, samples, confidence);
        return hits == 0 ? 0 : BetaQuantile(1 - confidence, hits, samples - hits + 1);
    }

    private static void Check(long hits, long samples, double confidence)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(samples, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(hits);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(hits, samples);
        if (!(confidence is > 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(confidence), confidence, "must lie between 0 and 1");
    }

    private static double BetaQuantile(double probability, double a, double b)
    {
        var (low, high) = (0.0, 1.0);
        for (var halving = 0; halving < Bisections && low < high; halving++)
        {
            var middle = (low + high) / 2;
            if (middle == low || middle == high)
                break;   // neighbours in double precision
            if (BetaDistribution(middle, a, b) < probability)
                low = middle;
            else
                high = middle;
        }

        return high;
    }

    // Regularised incomplete beta function I_x(a, b).
    private static double BetaDistribution(double x, double a, double b)
    {
        if (x <= 0)
            return 0;
        if (x >= 1)
            return 1;
        var front = Math.Exp(LogGamma(a + b) - LogGamma(a) - LogGamma(b) + a * Math.Log(x) + b * Math.Log(1 - x));
        return x < (a + 1) / (a + b + 2)   // where the fraction converges fast; elsewhere by symmetry
            ? front * ContinuedFraction(x, a, b) / a
            : 1 - front * ContinuedFraction(1 - x, b, a) / b;
    }

    private static double ContinuedFraction(double x, double a, double b)
    {
        const double tiny = 1e-300;
        var c = 1.0;
        var d = 1 / Away(1 - (a + b) * x / (a + 1));
        var value = d;
        for (var m = 1; m <= 10_000; m++)
        {
            Step(m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)));
            var change = Step(-(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)));
            if (Math.Abs(change - 1) < 1e-15)
                break;
        }

        return value;

        double Step(double coefficient)
        {
            d = 1 / Away(1 + coefficient * d);
            c = Away(1 + coefficient / c);
            value *= d * c;
            return d * c;
        }

        static double Away(double denominator) => Math.Abs(denominator) < tiny ? tiny : denominator;
    }

    // Stirling's series above 10 (error below 1e-17 relative), reached by the recurrence ln Γ(x) = ln Γ(x + 1) − ln x.
    private static double LogGamma(double x)
    {
        var shift = 0.0;
        for (; x < 10; x++)
            shift += Math.Log(x);
        var inverse = 1 / x;
        var square = inverse * inverse;
        var series = inverse * (1.0 / 12 - square * (1.0 / 360 - square * (1.0 / 1260 - square * (1.0 / 1680 - square * (1.0 / 1188 - square * 691.0 / 360360)))));
        return (x - 0.5) * Math.Log(x) - x + 0.5 * Math.Log(2 * Math.PI) + series - shift;
    }
}
