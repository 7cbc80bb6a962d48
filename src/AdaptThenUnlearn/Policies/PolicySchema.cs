using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AdaptThenUnlearn.Policies;

/// <summary>The JSON Schema (draft 2020-12) of a policy, read off the records: what editors complete and check while one types.</summary>
public static class PolicySchema
{
    /// <summary>The property by which a policy refers to its schema; ignored by the reader.</summary>
    internal const string Reference = "$schema";

    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>The schema's text, with a line break at the end.</summary>
    public static string Export()
    {
        var root = new JsonObject
        {
            [Reference] = "https://json-schema.org/draft/2020-12/schema",
            ["title"] = "AdaptThenUnlearn policy",
        };
        var presets = PolicyDefaults.For(new ObjectNode(default, []));
        foreach (var (keyword, value) in Record(PolicyShape.Policy, presets, showsDefaults: true).ToArray())
            root[keyword] = value?.DeepClone();

        root["properties"]![Reference] = new JsonObject { ["type"] = "string" };
        return root.ToJsonString(Indented) + "\n";
    }

    private static JsonObject Record(RecordShape shape, ObjectNode? presets, bool showsDefaults)
    {
        var properties = new JsonObject();
        var required = new JsonArray();
        foreach (var member in shape.Members)
        {
            var preset = presets?.Find(member.Name)?.Value;

            // What is left out of 'unlearning' comes from the preset that the policy names: no one default to show.
            properties[member.Name] = Member(member, preset, showsDefaults && member.Name != "unlearning");
            if (!member.Nullable && !PolicyCompletion.IsComplete(preset, member.Shape))
                required.Add(member.Name);
        }

        var schema = new JsonObject { ["type"] = "object", ["properties"] = properties, ["additionalProperties"] = false };
        if (required.Count > 0)
            schema["required"] = required;

        if (shape.NeedsOneOf is { } needs)
            schema["anyOf"] = new JsonArray([.. needs.Properties.Select(NotNull)]);

        return schema;
    }

    private static JsonObject Member(PolicyMember member, PolicyNode? preset, bool showsDefaults)
    {
        var schema = Of(member.Shape, member.Constraints, preset, showsDefaults);
        if (member.Nullable)
        {
            schema["type"] = new JsonArray(schema["type"]!.GetValue<string>(), "null");
            (schema["enum"] as JsonArray)?.Add(null);
        }

        if (member.NotEmpty)
            schema[member.Shape is ListShape ? "minItems" : "minProperties"] = 1;

        if (showsDefaults && preset is (ScalarNode or ListNode { Items.Count: > 0 }))
            schema["default"] = Json(preset);

        return schema;
    }

    private static JsonObject Of(
        PolicyShape shape, IReadOnlyList<ValueConstraintAttribute> constraints, PolicyNode? preset, bool showsDefaults)
    {
        switch (shape)
        {
            case RecordShape record:
                return Record(record, preset as ObjectNode, showsDefaults);

            case MapShape map:
                return new JsonObject { ["type"] = "object", ["additionalProperties"] = Of(map.Value, [], null, showsDefaults) };

            case ListShape list:
                return new JsonObject { ["type"] = "array", ["items"] = Of(list.Item, constraints, null, showsDefaults) };

            default:
                var schema = new JsonObject { ["type"] = ((ScalarShape)shape).SchemaType };
                foreach (var constraint in constraints)
                    constraint.AddToSchema(schema);

                return schema;
        }
    }

    private static JsonNode NotNull(string property) => new JsonObject
    {
        ["required"] = new JsonArray(property),
        ["properties"] = new JsonObject { [property] = new JsonObject { ["not"] = new JsonObject { ["type"] = "null" } } },
    };

    private static JsonNode? Json(PolicyNode node)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
            node.WriteTo(writer);

        return JsonNode.Parse(stream.ToArray());
    }
}
