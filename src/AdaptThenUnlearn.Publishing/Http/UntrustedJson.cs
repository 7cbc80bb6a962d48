using System.Text.Json.Nodes;

namespace AdaptThenUnlearn.Publishing.Http;

/// <summary>Reads JSON of any structure: what is not there, or of another kind, is null.</summary>
internal static class UntrustedJson
{
    /// <summary>The value below a path of properties.</summary>
    public static JsonNode? At(this JsonNode? node, params ReadOnlySpan<string> path)
    {
        foreach (var name in path)
            node = (node as JsonObject)?[name];
        return node;
    }

    /// <summary>The first item of a list.</summary>
    public static JsonNode? FirstItem(this JsonNode? node) => node is JsonArray { Count: > 0 } items ? items[0] : null;

    /// <summary>The text; null where it is not a text or empty.</summary>
    public static string? AsText(this JsonNode? node) =>
        node is JsonValue value && value.TryGetValue<string>(out var text) && text.Length > 0 ? text : null;

    /// <summary>The whole number.</summary>
    public static long? AsNumber(this JsonNode? node) =>
        node is JsonValue value && value.TryGetValue<long>(out var number) ? number : null;

    /// <summary>The truth value.</summary>
    public static bool? AsBoolean(this JsonNode? node) =>
        node is JsonValue value && value.TryGetValue<bool>(out var truth) ? truth : null;
}
