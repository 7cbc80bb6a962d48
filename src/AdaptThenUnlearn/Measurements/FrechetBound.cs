namespace AdaptThenUnlearn.Measurements;

/// <summary>
/// Upper confidence bounds for a Fréchet distance and for how much it grew, from the distances without each group of images.
/// </summary>
/// <remarks>
/// Delete-a-group jackknife for groups of unequal sizes (Busing, Meijer and van der Leeden 1999): with n images, m_j of them in
/// group j, h_j = n / m_j and pseudo-values τ_j = h_j θ − (h_j − 1) θ₍ⱼ₎, the estimate without its first-order bias is θ_J = G θ
/// − Σ (1 − 1/h_j) θ₍ⱼ₎ and its variance (1/G) Σ (τ_j − θ_J)² / (h_j − 1). Quantiles are Student's, with G − 1 degrees of
/// freedom.
/// </remarks>
public static class FrechetBound
{
    /// <summary>Upper bound of a distance.</summary>
    /// <remarks>
    /// The distance of n images plus the quantile times its standard error. A distance of few images is too large on average, for
    /// tr Σ^½ is concave in Σ: that errs on the strict side and stays in.
    /// </remarks>
    /// <param name="distance">Of all compared images.</param>
    /// <param name="groups">Of the same images.</param>
    /// <param name="confidence">One-sided, at least 0.5, below 1.</param>
    public static double ForDistance(double distance, FrechetGroups groups, double confidence) =>
        distance + Quantile(confidence) * Math.Sqrt(new Jackknife(distance, groups).Variance);

    /// <summary>How much a distance grew, and the upper bound of that.</summary>
    /// <remarks>
    /// Few images add about the same to both distances, which draws their ratio towards 1: both are taken without their bias. The
    /// bound is Fieller's (1954): the largest r at which (θ_after − r θ_before) is not below 0 beyond its error, with the
    /// covariance of both over the same latents.
    /// </remarks>
    /// <param name="before">Distance of the original.</param>
    /// <param name="groupsBefore">Of its images.</param>
    /// <param name="after">Distance of the other generator.</param>
    /// <param name="groupsAfter">Of its images.</param>
    /// <param name="confidence">One-sided, at least 0.5, below 1.</param>
    /// <returns>Null when the distance before cannot be distinguished from 0, so that nothing bounds the ratio.</returns>
    public static FrechetIncrease? ForIncrease(
        double before, FrechetGroups groupsBefore, double after, FrechetGroups groupsAfter, double confidence)
    {
        var (was, isNow) = (new Jackknife(before, groupsBefore), new Jackknife(after, groupsAfter));
        var squared = Quantile(confidence) * Quantile(confidence);
        var a = was.Estimate * was.Estimate - squared * was.Variance;
        if (!(was.Estimate > 0 && a > 0))
            return null;

        // The roots of (θ_after − r θ_before)² = t² var(θ_after − r θ_before).
        var b = was.Estimate * isNow.Estimate - squared * was.Covariance(isNow);
        var c = isNow.Estimate * isNow.Estimate - squared * isNow.Variance;
        var largest = (b + Math.Sqrt(Math.Max(0, b * b - a * c))) / a;
        return new FrechetIncrease(was.Estimate, isNow.Estimate, isNow.Estimate / was.Estimate - 1, largest - 1);
    }

    private static double Quantile(double confidence) => StudentT.Quantile(confidence, FrechetGroups.Count - 1);

    private sealed class Jackknife
    {
        private readonly double[] _deviations;   // (τ_j − θ_J) / √(h_j − 1)

        public Jackknife(double distance, FrechetGroups groups)
        {
            double samples = groups.Sizes.Sum();
            var parts = groups.Sizes.Zip(groups.Without, (size, without) => (Factor: samples / size, Without: without)).ToList();
            Estimate = parts.Count * distance - parts.Sum(part => (1 - 1 / part.Factor) * part.Without);
            _deviations = [.. parts.Select(
                part => (part.Factor * distance - (part.Factor - 1) * part.Without - Estimate) / Math.Sqrt(part.Factor - 1))];
            Variance = Covariance(this);
        }

        public double Estimate { get; }

        public double Variance { get; }

        public double Covariance(Jackknife other) => _deviations.Zip(other._deviations, (one, its) => one * its).Average();
    }
}

/// <summary>How much a Fréchet distance grew.</summary>
/// <param name="Before">The distance before, without the bias of few images; positive.</param>
/// <param name="After">The distance after, without that bias.</param>
/// <param name="Increase"><paramref name="After"/> / <paramref name="Before"/> − 1.</param>
/// <param name="UpperBound">Of the increase.</param>
public sealed record FrechetIncrease(double Before, double After, double Increase, double UpperBound);
