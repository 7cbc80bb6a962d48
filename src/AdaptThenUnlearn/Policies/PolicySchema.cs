using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AdaptThenUnlearn.Policies;

/// <summary>
/// The JSON Schema (draft 2020-12) of a policy, read off the records: what editors explain, complete and check.
/// </summary>
public static class PolicySchema
{
    /// <summary>The property by which a policy refers to its schema; ignored by the reader.</summary>
    internal const string Reference = "$schema";

    private static readonly JsonSerializerOptions _indented = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>The schema's text, with a line break at the end.</summary>
    /// <param name="vocabulary">The names that editors suggest for methods, losses and formats; other names stay valid.</param>
    public static string Export(PolicyVocabulary vocabulary)
    {
        var root = new JsonObject
        {
            [Reference] = "https://json-schema.org/draft/2020-12/schema",
            ["title"] = "AdaptThenUnlearn policy",
        };
        foreach (var (keyword, value) in new PolicySchemaWriter(vocabulary).WritePolicy().ToArray())
            root[keyword] = value?.DeepClone();

        // The reader ignores its value, so the schema accepts any.
        root["properties"]![Reference] = new JsonObject { ["description"] = "Path or address of this schema, for editors." };
        return root.ToJsonString(_indented) + "\n";
    }
}
