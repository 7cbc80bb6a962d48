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

        AllowInherited(root);

        // The reader ignores its value, so the schema accepts any.
        root["properties"]![Reference] = new JsonObject { ["description"] = "Path or address of this schema, for editors." };
        return root.ToJsonString(_indented) + "\n";
    }

    // A policy that builds on another may leave out what it inherits, in the sections and entries that are merged.
    private static void AllowInherited(JsonObject root)
    {
        var properties = root["properties"]!.AsObject();
        var required = root["required"]!.AsArray().Select(name => name!.GetValue<string>()).ToList();
        root["required"] = new JsonArray("name");
        root["if"] = new JsonObject
        {
            ["required"] = new JsonArray("extends"),
            ["properties"] = new JsonObject { ["extends"] = new JsonObject { ["type"] = "object" } },
        };
        root["else"] = new JsonObject
        {
            ["required"] = new JsonArray([.. required.Where(name => name != "name").Select(name => JsonValue.Create(name))]),
            ["properties"] = new JsonObject
            {
                ["classifiers"] = new JsonObject
                {
                    ["additionalProperties"] = Take(properties["classifiers"]!["additionalProperties"]!),
                },
                ["undesiredFeatures"] = new JsonObject { ["items"] = Take(properties["undesiredFeatures"]!["items"]!) },
                ["quality"] = Take(properties["quality"]!),
            },
        };

        static JsonObject Take(JsonNode from)
        {
            var taken = new JsonObject();
            foreach (var keyword in new[] { "required", "anyOf" })
                if (from[keyword] is { } demand)
                {
                    from.AsObject().Remove(keyword);
                    taken[keyword] = demand;
                }

            return taken;
        }
    }
}
