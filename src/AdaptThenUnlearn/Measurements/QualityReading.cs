using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Measurements;

/// <summary>
/// How good the retained images are: generated images without the undesired features against a reference without them.
/// </summary>
/// <param name="DistanceName">
/// The Fréchet distance's public name: <c>classifier Fréchet distance</c>, or <c>FID</c> for Inception-v3 alone.
/// </param>
/// <param name="Extractor">Name of the feature extractor in the policy.</param>
/// <param name="ExtractorSha256">Its digest.</param>
/// <param name="ReferenceSha256">
/// Digest of the reference; of samples of the original generator, as <see cref="OriginalReference"/> names them.
/// </param>
/// <param name="Excluded">Classes left out of the reference and of the generated images.</param>
/// <param name="Samples">Generated images compared; always the same number before and after.</param>
/// <param name="ReferenceSamples">Reference images behind the statistics; null where their file does not say.</param>
/// <param name="Values">One for each metric, in the order in which reports list them; the Fréchet distance is among them.</param>
/// <param name="Groups">
/// From which the error of the Fréchet distance is estimated; null where there is no distance, and in records from before it was.
/// </param>
[JsonConverter(typeof(QualityReadingJson))]
public sealed record QualityReading(
    string DistanceName,
    string Extractor,
    string ExtractorSha256,
    string ReferenceSha256,
    IReadOnlyList<string> Excluded,
    long Samples,
    long? ReferenceSamples,
    IReadOnlyList<MetricValue> Values,
    FrechetGroups? Groups = null)
{
    /// <summary>As a policy's <c>quality.reference</c>: the original generator's own samples.</summary>
    public const string OriginalGenerator = "original-generator";

    /// <summary>How a reference of the original generator's own samples is named.</summary>
    /// <param name="generatorSha256">Digest of the original's checkpoint.</param>
    public static string OriginalReference(string generatorSha256) => $"{OriginalGenerator} {generatorSha256}";

    /// <summary>The Fréchet distance in squared feature units; null when it could not be measured.</summary>
    public double? FrechetDistance => Find(RecordedMetrics.FrechetDistance)?.Value;

    /// <summary>Why there is no Fréchet distance; null where there is one.</summary>
    public string? NotMeasured => Find(RecordedMetrics.FrechetDistance)?.NotMeasured;

    /// <summary>
    /// Why metrics beside the Fréchet distance have no value, each reason once; none where they have, or where it has none
    /// either.
    /// </summary>
    /// <remarks>Those with their own properties share one reason in a record: the first.</remarks>
    public IReadOnlyList<string> OthersNotMeasured()
    {
        var first = Values.FirstOrDefault(
            value => RecordedMetrics.All.Skip(1).Any(metric => metric.Name == value.Metric.Name)
                && value.NotMeasured is not null);
        var listed = Values.Where(value => RecordedMetrics.All.All(metric => metric.Name != value.Metric.Name));
        return [.. listed.Prepend(first).Select(value => value?.NotMeasured).OfType<string>().Distinct()];
    }

    /// <summary>
    /// <see cref="Groups"/>, where they can be groups of the compared images; null where nothing can be estimated from them.
    /// </summary>
    public FrechetGroups? UsableGroups => Groups is { } groups && groups.AreValidFor(Samples) ? groups : null;

    /// <summary>Whether the reference was samples of an original generator.</summary>
    public bool IsAgainstOriginal => ReferenceSha256.StartsWith(OriginalGenerator + " ", StringComparison.Ordinal);

    /// <summary>One metric's value; null where the reading does not have it.</summary>
    /// <param name="metric">Found by its name.</param>
    public MetricValue? Find(QualityMetric metric) => Values.FirstOrDefault(value => value.Metric.Name == metric.Name);

    /// <summary>The same reading with another value for one metric.</summary>
    /// <param name="changed">Replaces the value of its metric, or is added.</param>
    public QualityReading With(MetricValue changed) => this with
    {
        Values = Find(changed.Metric) is null
            ? [.. Values, changed]
            : [.. Values.Select(value => value.Metric.Name == changed.Metric.Name ? changed : value)],
    };

    /// <summary>E.g. <c>10000 of the reference</c>.</summary>
    public string ReferenceSize() =>
        ReferenceSamples > 0
            ? FormattableString.Invariant($"{ReferenceSamples} of the reference")
            : "a reference that does not say its size";
}
