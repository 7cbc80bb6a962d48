using System.Globalization;
using System.Text.Json.Serialization;
using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Labelling;

/// <summary>A person's labels of generated images: which of them show a feature and which do not.</summary>
/// <param name="SchemaVersion">Version of the format; 1.</param>
/// <param name="Feature">The feature.</param>
/// <param name="Generator">SHA-256 of the checkpoint that made the images.</param>
/// <param name="Seed">Seed of the images.</param>
/// <param name="Labels">Whether an image shows the feature, by the image's number from 0. Other images have no label.</param>
public sealed record LabelSheet(
    int SchemaVersion, string Feature, string Generator, long Seed, SortedDictionary<int, bool> Labels)
{
    /// <summary>The version of the format that is written.</summary>
    public const int CurrentSchemaVersion = 1;

    /// <summary>Fewest labels of either kind that a classifier is trained from.</summary>
    public const int MinLabelsPerClass = 10;

    /// <summary>How many images show the feature.</summary>
    [JsonIgnore]
    public int With => Labels.Values.Count(shows => shows);

    /// <summary>How many images do not show it.</summary>
    [JsonIgnore]
    public int Without => Labels.Count - With;

    /// <summary>Why no classifier can be trained from these labels yet, or null.</summary>
    [JsonIgnore]
    public string? WhyTooFewLabels => With >= MinLabelsPerClass && Without >= MinLabelsPerClass
        ? null
        : string.Create(
                CultureInfo.InvariantCulture,
                $"{With} images are labelled as showing '{Feature}' and {Without} as not showing it; at least "
                    + $"{MinLabelsPerClass} of each are needed, and 50 to 200 in all are a good number");

    /// <summary>SHA-256 of the labels and of the images that they belong to: 64 lower-case hexadecimal digits.</summary>
    public string Sha256() => Sha256Digest.Compute(
        $"{Feature}\n{Generator}\n" + string.Create(CultureInfo.InvariantCulture, $"{Seed}\n") + string.Join(
            '\n', Labels.Select(label => string.Create(CultureInfo.InvariantCulture, $"{label.Key} {label.Value}"))));

    /// <summary>The same sheet with some labels changed.</summary>
    /// <param name="changes">New labels by image; null removes a label.</param>
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
