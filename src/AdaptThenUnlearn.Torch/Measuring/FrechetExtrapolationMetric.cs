using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary><see cref="FrechetExtrapolation"/> as a metric.</summary>
public sealed class FrechetExtrapolationMetric : IQualityMetric
{
    /// <inheritdoc/>
    public QualityMetric Metric { get; } =
        new("fdInfinity", "extrapolated distance, FD∞", "squared feature units", IsHigherBetter: false);

    /// <inheritdoc/>
    public string Description =>
        "Fréchet distance of infinitely many images, by a line over 1/N through subsets of 15 sizes (Chong and Forsyth 2020).";

    /// <inheritdoc/>
    public double Ideal => 0;

    /// <inheritdoc/>
    public double? Worst => null;

    /// <inheritdoc/>
    public MetricResult Compute(ComparedFeatures features) =>
        FrechetExtrapolation.Between(features.Generated, features.ReferenceMoments, features.Settings.Seed);
}
