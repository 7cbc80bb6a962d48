namespace AdaptThenUnlearn.Measurements;

/// <summary>Quantiles of the beta distribution, from which exact binomial bounds and Student's t follow.</summary>
internal static class BetaDistribution
{
    /// <summary>The value that a share of the distribution lies below.</summary>
    /// <param name="probability">Between 0 and 1.</param>
    /// <param name="a">First shape; positive.</param>
    /// <param name="b">Second shape; positive.</param>
    /// <returns>0 to 1.</returns>
    public static double Quantile(double probability, double a, double b)
    {
        // Halve the interval until its ends are neighbours in double precision.
        var (low, high) = (0.0, 1.0);
        while ((low + high) / 2 is var middle && low < middle && middle < high)
        {
            if (Below(middle, a, b) < probability)
                low = middle;
            else
                high = middle;
        }

        return high;
    }

    /// <summary>The share of the distribution below a value: the regularised incomplete beta function I_x(a, b).</summary>
    /// <param name="x">0 to 1.</param>
    /// <param name="a">First shape; positive.</param>
    /// <param name="b">Second shape; positive.</param>
    /// <returns>0 to 1; below the distribution's bulk with a small relative error, also where it is tiny.</returns>
    internal static double Below(double x, double a, double b)
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
    internal static double LogGamma(double x)
    {
        var shift = 0.0;
        for (; x < 10; x++)
            shift += Math.Log(x);
        var inverse = 1 / x;
        var square = inverse * inverse;
        var series = inverse * (1.0 / 12
            - square * (1.0 / 360
                - square * (1.0 / 1260
                    - square * (1.0 / 1680
                        - square * (1.0 / 1188
                            - square * 691.0 / 360360)))));
        return (x - 0.5) * Math.Log(x) - x + 0.5 * Math.Log(2 * Math.PI) + series - shift;
    }
}
