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
/// <param name="Order">
/// The images in the order of their pages, as far as they were chosen. Null, and left out, where no page chose them: then the
/// labelled images are all of a random sample.
/// </param>
public sealed record LabelSheet(
    int SchemaVersion,
    string Feature,
    string Generator,
    long Seed,
    SortedDictionary<int, bool> Labels,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<int>? Order = null)
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

    /// <summary>Whether errors may be counted on a labelled image: it is of a random sample.</summary>
    /// <param name="image">The image's number.</param>
    public bool IsTest(int image) => Order is null || PageOrder.IsTest(image);

    /// <summary>Labels of images that decide which images come next.</summary>
    [JsonIgnore]
    public IReadOnlyDictionary<int, bool> LearningLabels =>
        Labels.Where(label => !PageOrder.IsTest(label.Key)).ToDictionary();

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
