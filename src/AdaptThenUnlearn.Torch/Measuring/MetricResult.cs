using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>A metric's value, or why there is none.</summary>
/// <param name="Value">Null when it could not be measured.</param>
/// <param name="NotMeasured">Why there is no value; null when there is one.</param>
/// <param name="Deviation">Standard deviation, where the metric is a mean over subsets; null elsewhere.</param>
public sealed record MetricResult(double? Value, string? NotMeasured, double? Deviation = null)
{
    /// <summary>No value.</summary>
    /// <param name="why">In a sentence without a full stop.</param>
    public static MetricResult Unmeasured(string why) => new(null, why);

    /// <summary>The result as a reading holds it.</summary>
    /// <param name="metric">That gave it.</param>
    public MetricValue ToValue(IQualityMetric metric) => new(metric.Metric, Value, Deviation, NotMeasured);
}
