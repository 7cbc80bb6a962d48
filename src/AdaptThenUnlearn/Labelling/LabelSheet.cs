using System.Globalization;
using System.Text.Json.Serialization;
using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Labelling;

/// <summary>What a person said of generated images: which of them show a feature and which do not.</summary>
/// <param name="SchemaVersion">Of this form; 1.</param>
/// <param name="Feature">What was looked for.</param>
/// <param name="Generator">SHA-256 of the checkpoint that made the images.</param>
/// <param name="Seed">Of the images.</param>
/// <param name="Labels">Whether the image shows the feature, by the image's number from 0; who is not named has no label.</param>
public sealed record LabelSheet(int SchemaVersion, string Feature, string Generator, long Seed, SortedDictionary<int, bool> Labels)
{
    /// <summary>The version that is written.</summary>
    public const int CurrentSchemaVersion = 1;

    /// <summary>Fewest labels of either kind that a classifier is trained from.</summary>
    public const int MinLabelsPerClass = 10;

    /// <summary>Images that show the feature.</summary>
    [JsonIgnore]
    public int With => Labels.Values.Count(shows => shows);

    /// <summary>Images that do not.</summary>
    [JsonIgnore]
    public int Without => Labels.Count - With;

    /// <summary>Why no classifier can be trained from these labels yet, or null.</summary>
    [JsonIgnore]
    public string? WhyTooFewLabels => With >= MinLabelsPerClass && Without >= MinLabelsPerClass
        ? null
        : FormattableString.Invariant($"{With} images are labelled as showing '{Feature}' and {Without} as not showing it; at least {MinLabelsPerClass} of each are needed, and 50 to 200 in all are a good number");

    /// <summary>SHA-256 of what was said of which images: 64 lower-case hexadecimal digits.</summary>
    public string Sha256() => Sha256Digest.Compute(
        $"{Feature}\n{Generator}\n" + string.Create(CultureInfo.InvariantCulture, $"{Seed}\n") + string.Join('\n', Labels.Select(label => string.Create(CultureInfo.InvariantCulture, $"{label.Key} {label.Value}"))));

    /// <summary>The same with some labels changed.</summary>
    /// <param name="changes">By image; null takes a label away.</param>
    public LabelSheet WithChanges(IReadOnlyDictionary<int, bool?> changes)
    {
        var labels = new SortedDictionary<int, bool>(Labels);
        foreach (var (image, shows) in changes)
            if (shows is { } label)
                labels[image] = label;
            else
                labels.Remove(image);
        return this with { Labels = labels };
    }
}
