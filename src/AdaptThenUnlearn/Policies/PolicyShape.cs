using System.Reflection;
using System.Text.Json;

namespace AdaptThenUnlearn.Policies;

/// <summary>What a policy may hold at a place, read off the records' constructors.</summary>
internal abstract record PolicyShape
{
    /// <summary>The shape of a whole policy.</summary>
    public static RecordShape Policy { get; } = (RecordShape)FromType(typeof(UnlearningPolicy), new NullabilityInfoContext());

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
            [.. constructor.GetParameters().Select(parameter => Member(parameter, nullability))],
            type.GetCustomAttribute<NeedsOneOfAttribute>());
    }

    private static PolicyMember Member(ParameterInfo parameter, NullabilityInfoContext nullability)
    {
        var type = Nullable.GetUnderlyingType(parameter.ParameterType) ?? parameter.ParameterType;
        return new PolicyMember(
            JsonNamingPolicy.CamelCase.ConvertName(parameter.Name!),
            FromType(type, nullability),
            nullability.Create(parameter).WriteState == NullabilityState.Nullable,
            [.. parameter.GetCustomAttributes<ValueConstraintAttribute>()],
            parameter.GetCustomAttribute<NotEmptyAttribute>() is not null);
    }
}

/// <summary>An object with fixed properties.</summary>
internal sealed record RecordShape(IReadOnlyList<PolicyMember> Members, NeedsOneOfAttribute? NeedsOneOf) : PolicyShape;

/// <summary>One property of a record.</summary>
/// <param name="Name">Camel case, as in the policy.</param>
/// <param name="Shape">Of the value.</param>
/// <param name="Nullable">May be null, and then may be left out.</param>
/// <param name="Constraints">Of the value, or of each item.</param>
/// <param name="NotEmpty">A list or map that needs an entry.</param>
internal sealed record PolicyMember(
    string Name, PolicyShape Shape, bool Nullable, IReadOnlyList<ValueConstraintAttribute> Constraints, bool NotEmpty);

/// <summary>An object whose property names are the policy's own.</summary>
internal sealed record MapShape(PolicyShape Value) : PolicyShape;

internal sealed record ListShape(PolicyShape Item) : PolicyShape;

/// <summary>Text, number, or true and false.</summary>
/// <param name="Description">In a message.</param>
/// <param name="SchemaType">In JSON Schema.</param>
/// <param name="Smallest">Of a whole number.</param>
/// <param name="Largest">Of a whole number.</param>
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

    /// <summary>A value of this type that stands in for a wrong one while the rest is judged.</summary>
    public ScalarNode CreatePlaceholder(Position at) => SchemaType switch
    {
        "string" => new(at, JsonValueKind.String, ""),
        "boolean" => new(at, JsonValueKind.False, "false"),
        _ => new(at, JsonValueKind.Number, "0"),
    };
}
