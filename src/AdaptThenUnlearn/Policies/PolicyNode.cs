using System.Text.Json;

namespace AdaptThenUnlearn.Policies;

/// <summary>Where a value was written.</summary>
/// <param name="File">The file, or the argument.</param>
/// <param name="Line">1-based; 0 in an argument.</param>
/// <param name="Column">1-based, in UTF-16 units; 0 in an argument.</param>
internal readonly record struct Position(string File, int Line, int Column);

/// <summary>A JSON value and its place in the text.</summary>
internal abstract record PolicyNode(Position At)
{
    /// <summary>The type or value in a message.</summary>
    public abstract string Description { get; }

    public abstract void WriteTo(Utf8JsonWriter writer);
}

/// <summary>A property: its name, the place of the name, and its value.</summary>
internal sealed record PolicyProperty(string Name, Position At, PolicyNode Value);

/// <summary>An object: its properties in the order of the text, repeated ones included.</summary>
internal sealed record ObjectNode(Position At, IReadOnlyList<PolicyProperty> Properties) : PolicyNode(At)
{
    public override string Description => "an object";

    /// <summary>The first property of that name, or null.</summary>
    public PolicyProperty? Find(string name) => Properties.FirstOrDefault(property => property.Name == name);

    public override void WriteTo(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        foreach (var property in Properties)
        {
            writer.WritePropertyName(property.Name);
            property.Value.WriteTo(writer);
        }

        writer.WriteEndObject();
    }
}

/// <summary>A list: its items in the order of the text.</summary>
internal sealed record ListNode(Position At, IReadOnlyList<PolicyNode> Items) : PolicyNode(At)
{
    public override string Description => "a list";

    public override void WriteTo(Utf8JsonWriter writer)
    {
        writer.WriteStartArray();
        foreach (var item in Items)
            item.WriteTo(writer);

        writer.WriteEndArray();
    }
}

/// <summary>Text (decoded), a number (as written), true, false or null.</summary>
internal sealed record ScalarNode(Position At, JsonValueKind Kind, string Text) : PolicyNode(At)
{
    public static ScalarNode Null(Position at) => new(at, JsonValueKind.Null, "null");

    public override string Description => Kind switch
    {
        JsonValueKind.String => "text",
        JsonValueKind.Number => $"the number {Text}",
        _ => Text,
    };

    public override void WriteTo(Utf8JsonWriter writer)
    {
        if (Kind == JsonValueKind.String)
            writer.WriteStringValue(Text);
        else
            writer.WriteRawValue(Text);
    }
}
