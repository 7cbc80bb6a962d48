using System.Collections;
using System.Reflection;
using System.Text.Json;

namespace AdaptThenUnlearn.Policies;

/// <summary>What a policy may hold at a place, read off the constructors of the records.</summary>
internal abstract record PolicyShape
{
    /// <summary>The shape of a whole policy.</summary>
    public static RecordShape Policy { get; } = Of(typeof(UnlearningPolicy));

    /// <summary>The shape of one of a policy's records.</summary>
    public static RecordShape Of(Type record) => (RecordShape)FromType(record, new NullabilityInfoContext());

    private static PolicyShape FromType(Type type, NullabilityInfoContext nullability)
    {
        if (ScalarShape.Known.TryGetValue(type, out var scalar))
            return scalar;

        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>))
            return new ListShape(FromType(type.GenericTypeArguments[0], nullability));

        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyDictionary<,>))
            return new MapShape(FromType(type.GenericTypeArguments[1], nullability));

        var constructor = type.GetConstructors().Single(each => each.GetParameters().Length > 0);
        return new RecordShape(
            type,
            [.. constructor.GetParameters().Select(parameter => Member(parameter, nullability))],
            type.GetCustomAttribute<NeedsOneOfAttribute>(),
            type.GetCustomAttribute<ShorthandAttribute>()?.Property)
        {
            Words = WordsOf(type),
        };
    }

    private static Dictionary<string, PolicyNode> WordsOf(Type type)
    {
        if (type.GetCustomAttribute<WordsAttribute>() is not { } words)
            return [];

        const BindingFlags Anywhere = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;
        var forms = (IDictionary)type.GetProperty(words.Property, Anywhere)!.GetValue(null)!;
        return forms.Keys.Cast<string>().Order(StringComparer.Ordinal).ToDictionary(
            word => word,
            word => PolicyText.ParseArgument(JsonSerializer.Serialize(forms[word], type, PolicyJson.Options), word)!);
    }

    private static PolicyMember Member(ParameterInfo parameter, NullabilityInfoContext nullability)
    {
        var type = Nullable.GetUnderlyingType(parameter.ParameterType) ?? parameter.ParameterType;
        return new PolicyMember(
            JsonNamingPolicy.CamelCase.ConvertName(parameter.Name!),
            parameter.Name!,
            FromType(type, nullability),
            nullability.Create(parameter).WriteState == NullabilityState.Nullable,
            [.. parameter.GetCustomAttributes<ValueConstraintAttribute>()],
            parameter.GetCustomAttribute<NotEmptyAttribute>() is not null)
        {
            AbsentMeans = parameter.GetCustomAttribute<AbsentMeansAttribute>()?.Value,
            Examples = parameter.GetCustomAttribute<ExamplesAttribute>()?.Values ?? [],
        };
    }
}

/// <summary>An object with fixed properties.</summary>
/// <param name="Type">The record that it was read off.</param>
/// <param name="Members">Its properties, in the record's order.</param>
/// <param name="NeedsOneOf">Properties of which at least one must be there; null where there are none.</param>
/// <param name="Shorthand">The property that a text instead of the object stands for; null where there must be an object.</param>
internal sealed record RecordShape(
    Type Type, IReadOnlyList<PolicyMember> Members, NeedsOneOfAttribute? NeedsOneOf, string? Shorthand) : PolicyShape
{
    /// <summary>
    /// What a word stands for, by the word: a whole object, or itself where the object is known later. None where there must be
    /// an object.
    /// </summary>
    public IReadOnlyDictionary<string, PolicyNode> Words { get; init; } = new Dictionary<string, PolicyNode>();
}

/// <summary>One property of a record.</summary>
/// <param name="Name">Camel case, as in the policy.</param>
/// <param name="Parameter">The record's parameter; empty for an entry of a list or map.</param>
/// <param name="Shape">Shape of the value.</param>
/// <param name="Nullable">Whether it may be null, and therefore may be left out.</param>
/// <param name="Constraints">What the value, or each item, must be.</param>
/// <param name="NotEmpty">Whether a list or map needs an entry.</param>
internal sealed record PolicyMember(
    string Name,
    string Parameter,
    PolicyShape Shape,
    bool Nullable,
    IReadOnlyList<ValueConstraintAttribute> Constraints,
    bool NotEmpty)
{
    /// <summary>The value that it has when it is absent and no default is filled in; null where there is none.</summary>
    public object? AbsentMeans { get; init; }

    /// <summary>Example values, or example items; for editors.</summary>
    public IReadOnlyList<object> Examples { get; init; } = [];
}

/// <summary>An object whose property names the policy chooses.</summary>
internal sealed record MapShape(PolicyShape Value) : PolicyShape;

/// <summary>A list of items of one shape.</summary>
internal sealed record ListShape(PolicyShape Item) : PolicyShape;

/// <summary>Text, a number, or true or false.</summary>
/// <param name="Description">The type in a message.</param>
/// <param name="SchemaType">The type in JSON Schema.</param>
/// <param name="Smallest">Smallest whole number of the type.</param>
/// <param name="Largest">Largest whole number of the type.</param>
internal sealed record ScalarShape(string Description, string SchemaType, long Smallest = 0, long Largest = 0) : PolicyShape
{
    public static IReadOnlyDictionary<Type, ScalarShape> Known { get; } = new Dictionary<Type, ScalarShape>
    {
        [typeof(string)] = new("text", "string"),
        [typeof(bool)] = new("true or false", "boolean"),
        [typeof(double)] = new("a number", "number"),
        [typeof(int)] = new("a whole number", "integer", int.MinValue, int.MaxValue),
        [typeof(long)] = new("a whole number", "integer", long.MinValue, long.MaxValue),
    };

    /// <summary>A value of this type that replaces a wrong one, so that the rest can be checked.</summary>
    public ScalarNode CreatePlaceholder(Position at) => SchemaType switch
    {
        "string" => new(at, JsonValueKind.String, ""),
        "boolean" => new(at, JsonValueKind.False, "false"),
        _ => new(at, JsonValueKind.Number, "0"),
    };
}
