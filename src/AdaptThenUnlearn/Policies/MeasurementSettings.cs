using System.Text.Json;

namespace AdaptThenUnlearn.Policies;

/// <summary>The part of a policy that decides what is measured, and how.</summary>
/// <remarks>
/// A policy's limits can judge only readings that were taken under the same settings. Properties that limit, waive, train, report
/// or describe are left out by name, and everything else is compared, so that a new property is not overlooked. Files are
/// compared by path. Their pins are not compared, because a pin says which file is meant, and not how readings are taken.
/// </remarks>
public static class MeasurementSettings
{
    /// <summary>
    /// The JSON paths at which two policies would measure differently; none when the readings of one are readings of the other.
    /// </summary>
    /// <param name="one">An effective policy.</param>
    /// <param name="other">An effective policy.</param>
    public static IReadOnlyList<string> Differences(UnlearningPolicy one, UnlearningPolicy other) =>
        [.. FindDifferences(JsonPath.Root, Normalize(one), Normalize(other))];

    private static JsonElement Normalize(UnlearningPolicy policy) => JsonSerializer.SerializeToElement(
        policy with
        {
            Name = "",
            Description = null,
            Owner = null,
            Generator = policy.Generator with
            {
                Checkpoint = NormalizeSlashes(policy.Generator.Checkpoint),
                Images = NormalizeSlashes(policy.Generator.Images),
                Sha256 = null,
                Discriminator = null,
                MaxDuplicates = null,
                Timeout = null,
                ShippedAs = policy.Generator.ShippedAs is { } forms ? [.. forms.Select(Normalize)] : null,
            },
            Classifiers = policy.Classifiers.ToDictionary(named => named.Key, named => named.Value with
            {
                Checkpoint = ClassifierChoice.NormalizeSlashes(named.Value.Checkpoint),
                Sha256 = null,
                Calibration = NormalizeSlashes(named.Value.Calibration),
                CalibrationSha256 = null,
                TextModel = named.Value.TextModel?.WithPaths(ClassifierChoice.NormalizeSlashes),
            }),
            UndesiredFeatures = [.. policy.UndesiredFeatures.Select(
                feature => feature with { MaxRate = null, MinUnlearned = null, Negatives = null })],
            Quality = policy.Quality is { } quality ? Normalize(quality) : null,
            Evaluation = policy.Evaluation with { Range = policy.Evaluation.RangeOrDefault },
            Unlearning = UnlearningPresets.Get(UnlearningPresets.DefaultName),
            Waivers = [],
            Report = new ReportOptions([], PublishSamples: false),
            MaxWaiverDays = null,
            Rules = null,
            Ratchet = null,
            Extends = null,
            Audits = policy.Audits is { Count: > 0 } audits
                ? [.. audits.Select(audit => audit with { MaxSuccess = 0, Advisory = null })]
                : null,
        },
        PolicyJson.Options);

    // Where a Fréchet distance is limited, it is measured; one that is not measured has failed.
    private static ShippedForm Normalize(ShippedForm form) => form with
    {
        Checkpoint = ClassifierChoice.NormalizeSlashes(form.Checkpoint),
        Sha256 = null,
        MaxParityDifference = null,
        MaxPixelDifference = null,
        MaxFrechetDifference = null,
    };

    private static string? NormalizeSlashes(string? path) => path is null ? null : ClassifierChoice.NormalizeSlashes(path);

    private static QualityOptions Normalize(QualityOptions quality) => quality with
    {
        Reference = ClassifierChoice.NormalizeSlashes(quality.Reference),
        MaxFrechetDistance = null,
        MaxFrechetIncrease = null,
        MinShareKept = null,
        ExtractorWeights = quality.ExtractorWeights is { } weights ? ClassifierChoice.NormalizeSlashes(weights) : null,
        ExtractorSha256 = null,
    };

    /// <summary>The paths at which two JSON values differ.</summary>
    internal static IEnumerable<string> FindDifferences(JsonPath at, JsonElement one, JsonElement other)
    {
        if (one.ValueKind == JsonValueKind.Object && other.ValueKind == JsonValueKind.Object)
            return one.EnumerateObject()
                .Concat(other.EnumerateObject())
                .Select(property => property.Name)
                .Distinct()
                .SelectMany(name =>
                    one.TryGetProperty(name, out var its) && other.TryGetProperty(name, out var others)
                        ? FindDifferences(at[name], its, others)
                        : [at[name].Text]);
        if (IsListOfObjects(one) && IsListOfObjects(other) && one.GetArrayLength() == other.GetArrayLength())
            return one.EnumerateArray()
                .Zip(other.EnumerateArray())
                .SelectMany((pair, index) => FindDifferences(at[index], pair.First, pair.Second));
        return JsonElement.DeepEquals(one, other) ? [] : [at.Text];
    }

    private static bool IsListOfObjects(JsonElement element) =>
        element.ValueKind == JsonValueKind.Array && element.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Object);
}
