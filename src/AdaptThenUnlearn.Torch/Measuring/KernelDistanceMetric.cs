using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary><see cref="KernelDistance"/> as a metric.</summary>
public sealed class KernelDistanceMetric : IQualityMetric
{
    /// <inheritdoc/>
    public QualityMetric Metric => RecordedMetrics.KernelDistance;

    /// <inheritdoc/>
    public string Description =>
        "Mean over subsets of the unbiased squared discrepancy with a cubic polynomial kernel (Bińkowski et al. 2018).";

    /// <inheritdoc/>
    public double Ideal => 0;

    /// <inheritdoc/>
    public double? Worst => null;

    /// <inheritdoc/>
    public bool HasDeviation => true;

    /// <inheritdoc/>
    public MetricResult Compute(ComparedFeatures features)
    {
        var settings = features.Settings;
        var found = KernelDistance.Between(
            features.Reference, features.Generated, settings.KernelSubsets, settings.KernelSubsetSize, settings.Seed);
        return new MetricResult(found.Mean, found.NotMeasured, found.Deviation);
    }
}
