using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary><see cref="FrechetDistance"/> as a metric.</summary>
public sealed class FrechetDistanceMetric : IQualityMetric
{
    /// <inheritdoc/>
    public QualityMetric Metric => RecordedMetrics.FrechetDistance;

    /// <inheritdoc/>
    public string Description =>
        "Distance between two normal distributions with the means and covariances of the features (Heusel et al. 2017).";

    /// <inheritdoc/>
    public double Ideal => 0;

    /// <inheritdoc/>
    public double? Worst => null;

    /// <inheritdoc/>
    public string ReasonProperty => "notMeasured";

    /// <inheritdoc/>
    public MetricResult Compute(ComparedFeatures features) =>
        FrechetDistance.Between(features.GeneratedMoments, features.ReferenceMoments);
}
