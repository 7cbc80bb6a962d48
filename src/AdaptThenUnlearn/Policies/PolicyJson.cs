using System.Text.Encodings.Web;
using System.Text.Json;

namespace AdaptThenUnlearn.Policies;

/// <summary>How policy records are written as JSON and read back: strictly, in camel case.</summary>
internal static class PolicyJson
{
    public static JsonSerializerOptions Options { get; } = new(JsonSerializerOptions.Strict)
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
}
