namespace AdaptThenUnlearn.Measurements;

/// <summary>How likely the length of a standard normal vector is at most a given length.</summary>
/// <remarks>
/// The squared length of a standard normal vector with d components has the χ² distribution with d degrees of freedom, so
/// P(‖z‖ ≤ r) is the regularised lower incomplete gamma function P(d/2, r²/2) (Abramowitz and Stegun, 26.4.19). It is evaluated
/// by its series (6.5.29) for small arguments and by its continued fraction (6.5.31, modified Lentz method) for large ones.
/// </remarks>
public static class ChiDistribution
{
    private const double Precision = 1e-15;
    private const int MostTerms = 10_000;

    /// <summary>The share of standard normal vectors that are at most so long.</summary>
    /// <param name="length">r, ≥ 0.</param>
    /// <param name="dimensions">d, at least 1.</param>
    /// <returns>0 to 1.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An argument is outside its range, or the length is not a number.</exception>
    public static double ShareBelow(double length, int dimensions)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(dimensions, 1);
        if (!(length >= 0))
            throw new ArgumentOutOfRangeException(nameof(length), length, "must not be negative");

        var (a, x) = (dimensions / 2.0, length * length / 2);
        return x == 0 ? 0
            : double.IsPositiveInfinity(x) ? 1
            : x < a + 1 ? Series(a, x)
            : 1 - ContinuedFraction(a, x);
    }

    private static double Front(double a, double x) => Math.Exp(a * Math.Log(x) - x - BetaDistribution.LogGamma(a));

    private static double Series(double a, double x)
    {
        var term = 1 / a;
        var sum = term;
        for (var n = 1; n <= MostTerms && term > sum * Precision; n++)
        {
            term *= x / (a + n);
            sum += term;
        }

        return Math.Min(1, sum * Front(a, x));
    }

    // Q(a, x), the other side. Its front factor underflows long before its terms can become a problem.
    private static double ContinuedFraction(double a, double x)
    {
        const double tiny = 1e-300;
        var b = x + 1 - a;
        var c = 1 / tiny;
        var d = 1 / b;
        var value = d;
        for (var n = 1; n <= MostTerms; n++)
        {
            var coefficient = -n * (n - a);
            b += 2;
            d = 1 / Away(coefficient * d + b);
            c = Away(b + coefficient / c);
            value *= d * c;
            if (Math.Abs(d * c - 1) < Precision)
                break;
        }

        return Math.Clamp(value * Front(a, x), 0, 1);

        static double Away(double denominator) => Math.Abs(denominator) < tiny ? tiny : denominator;
    }
}
