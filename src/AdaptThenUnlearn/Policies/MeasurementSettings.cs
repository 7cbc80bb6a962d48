using System.Text.Json;

namespace AdaptThenUnlearn.Policies;

/// <summary>The part of a policy that decides what is measured, and how: only readings that were taken under the same part can be judged by another policy's limits.</summary>
/// <remarks>
/// What merely limits, waives, trains, reports or describes is left out by name, and everything else compared, so that a property that is new is
/// not overlooked. Files are compared as declared; their pins are not, since a pin says of which file the readings must be, and not how they are taken.
/// </remarks>
public static class MeasurementSettings
{
    /// <summary>JSON paths of the properties, or of what holds them, in which two policies would measure differently; none when readings of the one are readings of the other.</summary>
    /// <param name="one">Effective.</param>
    /// <param name="other">Effective.</param>
    public static IReadOnlyList<string> Differences(UnlearningPolicy one, UnlearningPolicy other) => [.. FindDifferences(JsonPath.Root, Normalize(one), Normalize(other))];

    private static JsonElement Normalize(UnlearningPolicy policy) => JsonSerializer.SerializeToElement(
        policy with
        {
            Name = "",
            Description = null,
            Owner = null,
            Generator = policy.Generator with { Checkpoint = ClassifierChoice.NormalizeSlashes(policy.Generator.Checkpoint), Sha256 = null, Discriminator = null },
            Classifiers = policy.Classifiers.ToDictionary(named => named.Key, named => named.Value with { Checkpoint = ClassifierChoice.NormalizeSlashes(named.Value.Checkpoint), Sha256 = null }),
            UndesiredFeatures = [.. policy.UndesiredFeatures.Select(feature => feature with { MaxRate = null, MinUnlearned = null, Negatives = null })],
            Quality = policy.Quality is { } quality ? Normalize(quality) : null,
            Evaluation = policy.Evaluation with { Range = policy.Evaluation.RangeOrDefault },
            Unlearning = UnlearningPresets.Get(UnlearningPresets.DefaultName),
            Waivers = [],
            Report = new ReportOptions([], PublishSamples: false),
        },
        PolicyJson.Options);

    private static QualityOptions Normalize(QualityOptions quality) => quality with
    {
        Reference = ClassifierChoice.NormalizeSlashes(quality.Reference),
        MaxFrechetDistance = null,
        MaxFrechetIncrease = null,
        MinShareKept = null,
        ExtractorWeights = quality.ExtractorWeights is { } weights ? ClassifierChoice.NormalizeSlashes(weights) : null,
        ExtractorSha256 = null,
    };

    private static IEnumerable<string> FindDifferences(JsonPath at, JsonElement one, JsonElement other)
    {
        if (one.ValueKind == JsonValueKind.Object && other.ValueKind == JsonValueKind.Object)
            return one.EnumerateObject().Concat(other.EnumerateObject()).Select(property => property.Name).Distinct().SelectMany(name =>
                one.TryGetProperty(name, out var its) && other.TryGetProperty(name, out var others) ? FindDifferences(at[name], its, others) : [at[name].Text]);
        if (IsListOfObjects(one) && IsListOfObjects(other) && one.GetArrayLength() == other.GetArrayLength())
            return one.EnumerateArray().Zip(other.EnumerateArray()).SelectMany((pair, index) => FindDifferences(at[index], pair.First, pair.Second));
        return JsonElement.DeepEquals(one, other) ? [] : [at.Text];
    }

    private static bool IsListOfObjects(JsonElement element) => element.ValueKind == JsonValueKind.Array && element.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Object);
}
