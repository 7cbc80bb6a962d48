using System.Text.Json;
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

    /// <summary>The counts as JSON, on one line.</summary>
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
}
