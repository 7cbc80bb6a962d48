using System.Text.Json;

namespace AdaptThenUnlearn.Policies;

/// <summary>The part of a policy that decides what is measured, and how: only readings that were taken under the same part can be judged by another policy's limits.</summary>
/// <remarks>
/// What merely limits, waives, trains, reports or describes is left out by name, and everything else compared, so that a property that is new is
/// not overlooked. Files are compared as declared; their pins are not, since a pin says of which file the readings must be, and not how they are taken.
/// </remarks>
public static class MeasuringPart
{
    /// <summary>JSON paths of the properties, or of what holds them, in which two policies would measure differently; none when readings of the one are readings of the other.</summary>
    /// <param name="one">Effective.</param>
    /// <param name="other">Effective.</param>
    public static IReadOnlyList<string> Differences(UnlearningPolicy one, UnlearningPolicy other) => [.. Differing(JsonPath.Root, Of(one), Of(other))];

    private static JsonElement Of(UnlearningPolicy policy) => JsonSerializer.SerializeToElement(
        policy with
        {
            Name = "",
            Description = null,
            Owner = null,
            Generator = policy.Generator with { Checkpoint = ClassifierChoice.Slashes(policy.Generator.Checkpoint), Sha256 = null, Discriminator = null },
            Classifiers = policy.Classifiers.ToDictionary(named => named.Key, named => named.Value with { Checkpoint = ClassifierChoice.Slashes(named.Value.Checkpoint), Sha256 = null }),
            UndesiredFeatures = [.. policy.UndesiredFeatures.Select(feature => feature with { MaxRate = null, MinUnlearned = null, Negatives = null })],
            Quality = policy.Quality is { } quality ? Of(quality) : null,
            Evaluation = policy.Evaluation with { Range = policy.Evaluation.RangeOrDefault },
            Unlearning = UnlearningPresets.Of(UnlearningPresets.DefaultName),
            Waivers = [],
            Report = new ReportOptions([], PublishSamples: false),
        },
        PolicyJson.Options);

    private static QualityOptions Of(QualityOptions quality) => quality with
    {
        Reference = ClassifierChoice.Slashes(quality.Reference),
        MaxFrechetDistance = null,
        MaxFrechetIncrease = null,
        MinShareKept = null,
        ExtractorWeights = quality.ExtractorWeights is { } weights ? ClassifierChoice.Slashes(weights) : null,
        ExtractorSha256 = null,
    };

    private static IEnumerable<string> Differing(JsonPath at, JsonElement one, JsonElement other)
    {
        if (one.ValueKind == JsonValueKind.Object && other.ValueKind == JsonValueKind.Object)
            return one.EnumerateObject().Concat(other.EnumerateObject()).Select(property => property.Name).Distinct().SelectMany(name =>
                one.TryGetProperty(name, out var its) && other.TryGetProperty(name, out var others) ? Differing(at[name], its, others) : [at[name].Text]);
        if (IsListOfObjects(one) && IsListOfObjects(other) && one.GetArrayLength() == other.GetArrayLength())
            return one.EnumerateArray().Zip(other.EnumerateArray()).SelectMany((pair, index) => Differing(at[index], pair.First, pair.Second));
        return JsonElement.DeepEquals(one, other) ? [] : [at.Text];
    }

    private static bool IsListOfObjects(JsonElement element) => element.ValueKind == JsonValueKind.Array && element.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Object);
}
