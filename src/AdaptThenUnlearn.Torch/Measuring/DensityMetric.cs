using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>How densely reference images surround generated ones; see <see cref="ManifoldMetrics"/>.</summary>
public sealed class DensityMetric : IQualityMetric
{
    /// <inheritdoc/>
    public QualityMetric Metric => RecordedMetrics.Density;

    /// <inheritdoc/>
    public string Description =>
        "Mean number of reference neighbourhoods that a generated image lies in, over the number of neighbours (Naeem et "
            + "al. 2020).";

    /// <inheritdoc/>
    public double Ideal => 1;

    /// <inheritdoc/>
    public double? Worst => 0;

    /// <inheritdoc/>
    public string ReasonProperty => ManifoldMetrics.ReasonProperty;

    /// <inheritdoc/>
    public MetricResult Compute(ComparedFeatures features) => new(features.Manifold.Density, features.Manifold.NotMeasured);
}
