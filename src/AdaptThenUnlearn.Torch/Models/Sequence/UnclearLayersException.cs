using System.Text.Encodings.Web;
using System.Text.Json;

namespace AdaptThenUnlearn.Torch.Models.Sequence;

/// <summary>The weights of a network do not determine its layers, and the policy does not state them.</summary>
/// <param name="reason">What is unclear.</param>
/// <param name="suggestions">Possible lists of layers, for the user to check against the network.</param>
public sealed class UnclearLayersException(string reason, IReadOnlyList<IReadOnlyList<string>> suggestions)
    : ArgumentException($"its weights do not determine its layers: {reason}")
{
    private static readonly JsonSerializerOptions _readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>What the user can do.</summary>
    public string Remedy =>
        $"say them as \"layers\" of the policy's generator, or with --layers: "
            + $"{string.Join(" or ", suggestions.Select(Property))} (compare with Python's print(netG) and correct it), "
        + "or export the network as TorchScript, which says what it computes (docs/bring-your-own-generator.md)";

    /// <summary>A list of layers as the property of a policy: <c>"layers": ["…"]</c>.</summary>
    public static string Property(IReadOnlyList<string> layers) =>
        $"\"layers\": [{string.Join(", ", layers.Select(layer => JsonSerializer.Serialize(layer, _readable)))}]";
}
