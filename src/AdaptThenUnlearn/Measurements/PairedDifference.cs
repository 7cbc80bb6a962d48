namespace AdaptThenUnlearn.Measurements;

/// <summary>The mean of paired differences, with Student's t interval.</summary>
/// <remarks>
/// Student 1908, "The probable error of a mean": mean ± t(n − 1) · s / √n, where s is the standard deviation with n − 1. It
/// assumes that the pairs do not depend on one another, and differences that are about normal.
/// </remarks>
/// <param name="Mean">Of the differences.</param>
/// <param name="Lower">Lower end of the interval.</param>
/// <param name="Upper">Upper end of the interval.</param>
public sealed record PairedDifference(double Mean, double Lower, double Upper)
{
    /// <summary>Whether the interval includes 0: the pairs do not show which side is larger.</summary>
    public bool IncludesZero => Lower <= 0 && Upper >= 0;

    /// <summary>Computes it.</summary>
    /// <param name="differences">One for each pair; finite.</param>
    /// <param name="confidence">Of the two-sided interval; above 0 and below 1.</param>
    /// <returns>Null where there are fewer than two pairs: one pair does not show how much pairs vary.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="confidence"/> is out of range.</exception>
    public static PairedDifference? Of(IReadOnlyCollection<double> differences, double confidence = 0.95)
    {
        if (!(confidence is > 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(confidence), confidence, "must be above 0 and below 1");
        if (differences.Count < 2)
            return null;

        var (n, mean) = (differences.Count, differences.Average());
        var variance = differences.Sum(difference => (difference - mean) * (difference - mean)) / (n - 1);
        var half = StudentT.Quantile((1 + confidence) / 2, n - 1) * Math.Sqrt(variance / n);
        return new PairedDifference(mean, mean - half, mean + half);
    }
}
