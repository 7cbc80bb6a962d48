namespace AdaptThenUnlearn.Measurements;

/// <summary>Student's t distribution: what a mean of few numbers is judged by.</summary>
public static class StudentT
{
    /// <summary>The value that a share of the distribution lies below.</summary>
    /// <remarks>From the beta distribution: with x = ν / (ν + t²), P(T &gt; t) = I_x(ν/2, ½) / 2.</remarks>
    /// <param name="confidence">At least 0.5, below 1.</param>
    /// <param name="degrees">ν, degrees of freedom; at least 1.</param>
    /// <returns>0 or more.</returns>
    public static double Quantile(double confidence, int degrees)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(degrees, 1);
        if (!(confidence is >= 0.5 and < 1))
            throw new ArgumentOutOfRangeException(nameof(confidence), confidence, "must be at least 0.5 and below 1");
        if (confidence == 0.5)
            return 0;

        var x = BetaDistribution.Quantile(2 * (1 - confidence), degrees / 2.0, 0.5);
        return Math.Sqrt(degrees * (1 - x) / x);
    }
}
