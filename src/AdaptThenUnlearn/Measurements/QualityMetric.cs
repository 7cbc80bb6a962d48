namespace AdaptThenUnlearn.Measurements;

/// <summary>
/// What a metric of image quality is called and how its values are read; enough to show it without computing it.
/// </summary>
/// <param name="Name">Its key in JSON, in camel case, e.g. <c>kid</c>.</param>
/// <param name="Title">What people read within a sentence, e.g. <c>kernel distance, KID</c>.</param>
/// <param name="Unit">Of its values, e.g. <c>squared feature units</c>, or their range, e.g. <c>0 to 1</c>.</param>
/// <param name="IsHigherBetter">Whether a larger value is a better one.</param>
public sealed record QualityMetric(string Name, string Title, string Unit, bool IsHigherBetter)
{
    /// <summary>The title at the beginning of a line.</summary>
    public string Heading() => Title.Length == 0 ? "" : char.ToUpperInvariant(Title[0]) + Title[1..];

    /// <summary>The direction in words.</summary>
    public string Direction() => IsHigherBetter ? "higher is better" : "lower is better";
}

/// <summary>One metric's value for one generator.</summary>
/// <param name="Metric">Which metric.</param>
/// <param name="Value">Null when it could not be measured.</param>
/// <param name="Deviation">Standard deviation, where the metric is a mean over subsets; null elsewhere.</param>
/// <param name="NotMeasured">
/// Why there is no value; null when there is one, or when the Fréchet distance's reason is the reason.
/// </param>
public sealed record MetricValue(QualityMetric Metric, double? Value, double? Deviation = null, string? NotMeasured = null);
