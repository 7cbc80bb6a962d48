using AdaptThenUnlearn.Diagnostics;

namespace AdaptThenUnlearn.Policies;

/// <summary>A place in a policy, e.g. <c>$.unlearning.repulsion.weight</c>.</summary>
/// <param name="Text">The path as it is printed.</param>
internal readonly record struct JsonPath(string Text)
{
    public static JsonPath Root { get; } = new("$");

    public JsonPath this[string property] => new(IsPlain(property)
        ? $"{Text}.{property}"
        : $"{Text}['{property.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal)}']");

    public JsonPath this[int index] => new($"{Text}[{index}]");

    /// <summary>Whether this is <paramref name="place"/> or lies inside it.</summary>
    public bool IsWithin(JsonPath place) =>
        Text.StartsWith(place.Text, StringComparison.Ordinal)
        && (Text.Length == place.Text.Length || Text[place.Text.Length] is '.' or '[');

    /// <summary>Nothing when <paramref name="holds"/>, otherwise one finding at this place.</summary>
    /// <param name="holds">What is demanded.</param>
    /// <param name="message">What is said when it does not hold.</param>
    /// <param name="dependsOn">Other places the demand rests on: when one of them is wrong, this is not judged.</param>
    public IEnumerable<PolicyFinding> Must(bool holds, string message, params JsonPath[] dependsOn) =>
        holds ? [] : [new PolicyFinding(PolicyCodes.ImpossibleValue, this, message, dependsOn)];

    /// <summary>Nothing when <paramref name="holds"/>, otherwise one finding that something is missing here.</summary>
    public IEnumerable<PolicyFinding> MustBePresent(bool holds, string message, params JsonPath[] dependsOn) =>
        holds ? [] : [new PolicyFinding(PolicyCodes.Missing, this, message, dependsOn)];

    /// <summary>A warning at this place.</summary>
    public PolicyFinding Warning(string code, string message, params JsonPath[] dependsOn) =>
        new(code, this, message, dependsOn, Severity.Warning);

    /// <summary>Nothing when <paramref name="name"/> is one of <paramref name="names"/>, otherwise one finding at this place.</summary>
    public IEnumerable<PolicyFinding> MustBeOneOf(string name, IReadOnlyCollection<string> names, string what, params JsonPath[] dependsOn) =>
        names.Contains(name) ? [] : [new PolicyFinding(PolicyCodes.UnknownName, this, Suggestion.NotOneOf(name, names, what), dependsOn)];

    /// <summary>A finding for every name that stands in the list before.</summary>
    public IEnumerable<PolicyFinding> MustBeDistinct(IEnumerable<string> names, Func<JsonPath, JsonPath> placeInItem)
    {
        var seen = new HashSet<string>();
        var list = this;
        return names.Index()
            .Where(entry => !seen.Add(entry.Item))
            .Select(entry => new PolicyFinding(
                PolicyCodes.RepeatedName, placeInItem(list[entry.Index]), $"'{entry.Item}' stands in this list before", []));
    }

    private static bool IsPlain(string property) =>
        property.Length > 0 && property.All(character => char.IsAsciiLetterOrDigit(character) || character is '_' or '-' or '$');
}

/// <summary>What a check found; the reader adds file, line and column.</summary>
/// <param name="Code">One of <see cref="PolicyCodes"/>.</param>
/// <param name="Path">The place.</param>
/// <param name="Message">What is wrong.</param>
/// <param name="DependsOn">Other places it rests on.</param>
/// <param name="Severity">Error or warning.</param>
internal sealed record PolicyFinding(
    string Code, JsonPath Path, string Message, IReadOnlyList<JsonPath> DependsOn, Severity Severity = Severity.Error);
