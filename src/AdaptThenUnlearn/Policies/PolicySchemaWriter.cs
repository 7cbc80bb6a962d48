using System.Text.Json;
using System.Text.Json.Nodes;

namespace AdaptThenUnlearn.Policies;

/// <summary>Turns the shape of a policy into JSON Schema, with descriptions, defaults and the names that are known.</summary>
/// <param name="vocabulary">Has the names of the catalogues.</param>
internal sealed class PolicySchemaWriter(PolicyVocabulary vocabulary)
{
    /// <summary>The schema of a whole policy.</summary>
    public JsonObject WritePolicy()
    {
        var shape = PolicyShape.Policy;
        var schema = new JsonObject { ["description"] = PolicyDocumentation.Describe(shape.Type) };
        return Record(shape, schema, DefaultValues.Create());
    }

    private JsonObject Record(RecordShape shape, JsonObject schema, DefaultValues? defaults)
    {
        var properties = new JsonObject();
        var required = new JsonArray();
        foreach (var member in shape.Members)
        {
            var memberDefaults = defaults?.Find(member.Name);
            properties[member.Name] = Member(shape, member, memberDefaults);
            if (!member.Nullable && !PolicyCompletion.IsComplete(memberDefaults?.Value, member.Shape))
                required.Add(member.Name);
        }

        schema["type"] ??= "object";
        schema["properties"] = properties;
        schema["additionalProperties"] = false;
        if (required.Count > 0)
            schema["required"] = required;

        if (shape.NeedsOneOf is { } needs)
            schema[needs.AreExclusive ? "oneOf" : "anyOf"] = new JsonArray([.. needs.Properties.Select(NotNull)]);

        return schema;
    }

    private JsonObject Member(RecordShape record, PolicyMember member, DefaultValues? defaults)
    {
        // Describe the property, with the defaults of the presets where they differ.
        var description = PolicyDocumentation.Describe(record.Type, member.Parameter);
        var schema = new JsonObject
        {
            ["description"] = defaults?.DescribeDifferences() is { } differences ? $"{description} {differences}" : description,
            ["type"] = TypeOf(member.Shape),
        };
        if (member.Nullable)
            schema["type"] = new JsonArray(TypeOf(member.Shape), "null");
        if (member.Shape is RecordShape { Shorthand: { } shorthand } written)
            AllowText(schema, written.Members.Single(each => each.Name == shorthand).Constraints);
        if (member.Shape is RecordShape { Words: { Count: > 0 } words })
            AllowText(schema, [], [.. words.Keys]);

        // Say what values it may have.
        Value(schema, member.Shape, member.Constraints, defaults);
        if (member.NotEmpty)
            schema[member.Shape is ListShape ? "minItems" : "minProperties"] = 1;

        // Add what an editor offers.
        if (member.AbsentMeans is { } value)
            schema["default"] = JsonSerializer.SerializeToNode(value);
        else if (defaults?.Shared is { } shared)
            schema["default"] = shared;

        if (member.Examples.Count > 0)
        {
            var offers = member.Shape is ListShape ? schema["items"]! : schema;
            offers["examples"] = new JsonArray([.. member.Examples.Select(example => JsonSerializer.SerializeToNode(example))]);
        }

        return schema;
    }

    private JsonObject Value(
        JsonObject schema, PolicyShape shape, IReadOnlyList<ValueConstraintAttribute> constraints, DefaultValues? defaults)
    {
        switch (shape)
        {
            case RecordShape record:
                return Record(record, schema, defaults);

            case MapShape map:
                schema["additionalProperties"] = Item(map.Value, []);
                return schema;

            case ListShape list:
                schema["items"] = Item(list.Item, constraints);
                return schema;

            default:
                foreach (var constraint in constraints)
                    constraint.AddToSchema(schema, vocabulary);

                return schema;
        }
    }

    private JsonObject Item(PolicyShape shape, IReadOnlyList<ValueConstraintAttribute> constraints)
    {
        var schema = new JsonObject();
        if (shape is RecordShape record)
            schema["description"] = PolicyDocumentation.Describe(record.Type);

        schema["type"] = TypeOf(shape);
        return Value(schema, shape, constraints, defaults: null);
    }

    // Instead of the object a text: of one of its properties, or a word. The object's own keywords do not concern a text.
    private void AllowText(
        JsonObject schema, IReadOnlyList<ValueConstraintAttribute> constraints, params IReadOnlyList<string> words)
    {
        var text = new JsonObject { ["type"] = "string" };
        foreach (var constraint in constraints)
            constraint.AddToSchema(text, vocabulary);
        if (words.Count > 0)
            text["enum"] = new JsonArray([.. words.Select(word => JsonValue.Create(word))]);
        schema["anyOf"] = new JsonArray(text, new JsonObject { ["type"] = schema["type"]!.DeepClone() });
        schema["type"] = new JsonArray(
            [.. schema["type"] is JsonArray several ? several.Select(each => each!.DeepClone()) : [schema["type"]!.DeepClone()],
                "string"]);
    }

    private static string TypeOf(PolicyShape shape) => shape switch
    {
        RecordShape or MapShape => "object",
        ListShape => "array",
        _ => ((ScalarShape)shape).SchemaType,
    };

    private static JsonNode NotNull(string property) => new JsonObject
    {
        ["required"] = new JsonArray(property),
        ["properties"] = new JsonObject { [property] = new JsonObject { ["not"] = new JsonObject { ["type"] = "null" } } },
    };

    /// <summary>The defaults at a place of a policy: one for each preset, because a preset changes some of them.</summary>
    private sealed record DefaultValues(IReadOnlyList<(string Preset, PolicyNode? Value)> ByPreset)
    {
        /// <summary>The defaults of whole policies.</summary>
        public static DefaultValues Create() =>
            new([.. UnlearningPresets.Names.Select(preset => (preset, (PolicyNode?)OfPreset(preset)))]);

        /// <summary>The default where a policy names no preset.</summary>
        public PolicyNode? Value => ByPreset.Single(each => each.Preset == UnlearningPresets.DefaultName).Value;

        /// <summary>The default of a single value, or of a list, that every preset shares; null where there is none.</summary>
        public JsonNode? Shared =>
            Value is ScalarNode or ListNode { Items.Count: > 0 } && (AreSame || IsPresetItself) ? Json(Value) : null;

        /// <summary>The defaults of a property.</summary>
        public DefaultValues Find(string property) =>
            new([.. ByPreset.Select(each => (each.Preset, (each.Value as ObjectNode)?.Find(property)?.Value))]);

        /// <summary>The defaults as a sentence, where presets differ; null where they do not.</summary>
        public string? DescribeDifferences()
        {
            if (Value is not ScalarNode own || AreSame || IsPresetItself)
                return null;

            var others = ByPreset
                .Where(each => Text(each.Value) != own.Text)
                .Select(each => $"'{each.Preset}' {Text(each.Value) ?? "none"}");
            return $"By default {own.Text}; with the preset {string.Join(", ", others)}.";
        }

        private bool AreSame => ByPreset.Select(each => Text(each.Value)).Distinct().Count() == 1;

        private bool IsPresetItself => ByPreset.All(each => Text(each.Value) == each.Preset);

        private static ObjectNode OfPreset(string preset)
        {
            var policy = PolicyText.ParseArgument($$"""{ "unlearning": { "preset": "{{preset}}" } }""", "preset");
            return PolicyDefaults.For((ObjectNode)policy!);
        }

        private static string? Text(PolicyNode? node) => node is ScalarNode scalar ? scalar.Text : null;

        private static JsonNode? Json(PolicyNode node)
        {
            using var stream = new MemoryStream();
            using (var writer = new Utf8JsonWriter(stream))
                node.WriteTo(writer);

            return JsonNode.Parse(stream.ToArray());
        }
    }
}
