using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>How many reference images have a generated one like them; see <see cref="ManifoldMetrics"/>.</summary>
public sealed class RecallMetric : IQualityMetric
{
    /// <inheritdoc/>
    public QualityMetric Metric => RecordedMetrics.Recall;

    /// <inheritdoc/>
    public string Description =>
        "Share of reference images within the neighbourhood of a generated image (Kynkäänniemi et al. 2019).";

    /// <inheritdoc/>
    public double Ideal => 1;

    /// <inheritdoc/>
    public double? Worst => 0;

    /// <inheritdoc/>
    public string ReasonProperty => ManifoldMetrics.ReasonProperty;

    /// <inheritdoc/>
    public MetricResult Compute(ComparedFeatures features) => new(features.Manifold.Recall, features.Manifold.NotMeasured);
}
