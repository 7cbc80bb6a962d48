using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>How many generated images look like reference images; see <see cref="ManifoldMetrics"/>.</summary>
public sealed class PrecisionMetric : IQualityMetric
{
    /// <inheritdoc/>
    public QualityMetric Metric => RecordedMetrics.Precision;

    /// <inheritdoc/>
    public string Description =>
        "Share of generated images within the neighbourhood of a reference image (Kynkäänniemi et al. 2019).";

    /// <inheritdoc/>
    public double Ideal => 1;

    /// <inheritdoc/>
    public double? Worst => 0;

    /// <inheritdoc/>
    public string ReasonProperty => ManifoldMetrics.ReasonProperty;

    /// <inheritdoc/>
    public MetricResult Compute(ComparedFeatures features) => new(features.Manifold.Precision, features.Manifold.NotMeasured);
}
