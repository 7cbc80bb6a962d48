using System.Text.Json;
using System.Text.Json.Serialization;
using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Labelling;

/// <summary>A classifier's errors on images that it was not trained on, class by class. Its checkpoint keeps them.</summary>
/// <param name="ByClass">The errors by the class's name.</param>
/// <param name="LabelsSha256">Digest of the labels it was trained and tested with: 64 lower-case hexadecimal digits.</param>
public sealed record HeldOutCounts(IReadOnlyDictionary<string, HeldOutError> ByClass, string LabelsSha256)
{
    private const string Source = "held out when it was trained";
    private static readonly JsonSerializerOptions _json =
        new(JsonSerializerOptions.Strict) { PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    /// <summary>
    /// The scores of the same images, by the class's name, to count errors at a threshold; empty where they were not kept.
    /// </summary>
    [JsonIgnore]
    public IReadOnlyDictionary<string, DetectionScores> Scores { get; init; } = new Dictionary<string, DetectionScores>();

    /// <summary>The counts as JSON, on one line, without the scores.</summary>
    public string ToText() => JsonSerializer.Serialize(this, _json);

    /// <summary>Reads what <see cref="ToText"/> wrote.</summary>
    /// <exception cref="FormatException">The text is something else, or its counts are impossible.</exception>
    public static HeldOutCounts Parse(string text)
    {
        try
        {
            var read = JsonSerializer.Deserialize<HeldOutCounts>(text, _json);
            return read is not null && read.ByClass.Values.All(counts => counts is { } && counts.Counts(Source).ArePossible)
                ? read
                : throw new FormatException("its held-out counts are impossible");
        }
        catch (JsonException damaged)
        {
            throw new FormatException($"its held-out counts cannot be read: {damaged.Message}", damaged);
        }
    }

    /// <summary>The counts of one class; null if it was not counted.</summary>
    /// <param name="name">The class.</param>
    public DetectionCounts? ForClass(string name) =>
        ByClass.TryGetValue(name, out var error) ? error.Counts(Source) with { LabelsSha256 = LabelsSha256 } : null;

    /// <summary>The counts of one class at a threshold; null if its scores were not kept.</summary>
    /// <param name="name">The class.</param>
    /// <param name="threshold">Smallest probability of an image that shows the class; above 0 and at most 1.</param>
    public DetectionCounts? ForClass(string name, double threshold) =>
        Scores.TryGetValue(name, out var scores) ? scores.Count(threshold, Source) with { LabelsSha256 = LabelsSha256 } : null;
}
