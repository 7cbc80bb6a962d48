using System.Text.Json;
using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Measurements;

/// <summary>
/// The form of a quality reading in a run record: properties for the metrics that the first records had, a list for all others.
/// </summary>
internal sealed class QualityReadingJson : JsonConverter<QualityReading>
{
    /// <inheritdoc/>
    public override QualityReading Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        JsonSerializer.Deserialize<Stored>(ref reader, options)!.ToReading();

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, QualityReading value, JsonSerializerOptions options) =>
        JsonSerializer.Serialize(writer, Stored.FromReading(value), options);

    // Names and order are the file format.
    private sealed record Stored(
        string Metric,
        string Extractor,
        string ExtractorSha256,
        string ReferenceSha256,
        IReadOnlyList<string> Excluded,
        long Samples,
        long? ReferenceSamples,
        double? FrechetDistance,
        double? KernelDistance,
        double? KernelDistanceDeviation,
        double? Precision,
        double? Recall,
        double? Density,
        double? Coverage,
        string? NotMeasured,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] FrechetGroups? Groups = null,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? OthersNotMeasured = null,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<StoredMetric>? OtherMetrics = null)
    {
        public static Stored FromReading(QualityReading reading)
        {
            var kernel = reading.Find(RecordedMetrics.KernelDistance);
            List<StoredMetric> others =
            [
                .. reading.Values.Where(value => !HasProperty(value.Metric)).Select(value => new StoredMetric(
                    value.Metric.Name,
                    value.Metric.Title,
                    value.Metric.Unit,
                    value.Metric.IsHigherBetter,
                    value.Value,
                    value.Deviation,
                    value.NotMeasured)),
            ];
            return new(
                reading.DistanceName, reading.Extractor, reading.ExtractorSha256, reading.ReferenceSha256, reading.Excluded,
                reading.Samples, reading.ReferenceSamples,
                reading.FrechetDistance, kernel?.Value, kernel?.Deviation,
                Value(RecordedMetrics.Precision),
                Value(RecordedMetrics.Recall),
                Value(RecordedMetrics.Density),
                Value(RecordedMetrics.Coverage),
                reading.NotMeasured, reading.Groups,
                RecordedMetrics.All.Skip(1)
                    .Select(metric => reading.Find(metric)?.NotMeasured)
                    .FirstOrDefault(reason => reason is not null),
                others.Count == 0 ? null : others);

            double? Value(QualityMetric metric) => reading.Find(metric)?.Value;
        }

        public QualityReading ToReading() => new(
            Metric, Extractor, ExtractorSha256, ReferenceSha256, Excluded, Samples, ReferenceSamples,
            [
                new(RecordedMetrics.FrechetDistance, FrechetDistance, NotMeasured: NotMeasured),
                Other(RecordedMetrics.KernelDistance, KernelDistance) with { Deviation = KernelDistanceDeviation },
                Other(RecordedMetrics.Precision, Precision),
                Other(RecordedMetrics.Recall, Recall),
                Other(RecordedMetrics.Density, Density),
                Other(RecordedMetrics.Coverage, Coverage),
                .. (OtherMetrics ?? []).Select(other => other.ToValue()),
            ],
            Groups);

        private static bool HasProperty(QualityMetric metric) =>
            RecordedMetrics.All.Any(recorded => recorded.Name == metric.Name);

        private MetricValue Other(QualityMetric metric, double? value) =>
            new(metric, value, NotMeasured: value is null ? OthersNotMeasured : null);
    }

    private sealed record StoredMetric(
        string Name, string Title, string Unit, bool IsHigherBetter, double? Value, double? Deviation, string? NotMeasured)
    {
        public MetricValue ToValue() => new(new QualityMetric(Name, Title, Unit, IsHigherBetter), Value, Deviation, NotMeasured);
    }
}
