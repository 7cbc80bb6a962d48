using System.Text.Encodings.Web;
using System.Text.Json;

namespace AdaptThenUnlearn.Torch.Models.Sequence;

/// <summary>What a network computes cannot be told from its weights, and nobody has said it.</summary>
/// <param name="reason">Why this one cannot be told.</param>
/// <param name="suggestions">Lists of layers that may be meant, each to be checked by whoever knows the network.</param>
public sealed class UnclearLayersException(string reason, IReadOnlyList<IReadOnlyList<string>> suggestions)
    : ArgumentException($"its layers cannot be told from its weights: {reason}")
{
    private static readonly JsonSerializerOptions _readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>What to do about it.</summary>
    public string Remedy =>
        $"say them as \"layers\" of the policy's generator, or with --layers: {string.Join(" or ", suggestions.Select(Property))} (compare with Python's print(netG) and correct it), "
        + "or export the network as TorchScript, which says what it computes (docs/bring-your-own-generator.md)";

    /// <summary>A list of layers as the property of a policy: <c>"layers": ["…"]</c>.</summary>
    public static string Property(IReadOnlyList<string> layers) => $"\"layers\": [{string.Join(", ", layers.Select(layer => JsonSerializer.Serialize(layer, _readable)))}]";
}
