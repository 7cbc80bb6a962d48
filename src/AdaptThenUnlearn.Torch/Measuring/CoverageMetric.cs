using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>How many reference images have a generated one nearby; see <see cref="ManifoldMetrics"/>.</summary>
public sealed class CoverageMetric : IQualityMetric
{
    /// <inheritdoc/>
    public QualityMetric Metric => RecordedMetrics.Coverage;

    /// <inheritdoc/>
    public string Description => "Share of reference images with a generated image in their neighbourhood (Naeem et al. 2020).";

    /// <inheritdoc/>
    public double Ideal => 1;

    /// <inheritdoc/>
    public double? Worst => 0;

    /// <inheritdoc/>
    public string ReasonProperty => ManifoldMetrics.ReasonProperty;

    /// <inheritdoc/>
    public MetricResult Compute(ComparedFeatures features) => new(features.Manifold.Coverage, features.Manifold.NotMeasured);
}
