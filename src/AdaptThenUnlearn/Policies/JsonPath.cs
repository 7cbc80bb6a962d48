using AdaptThenUnlearn.Diagnostics;

namespace AdaptThenUnlearn.Policies;

/// <summary>A place in a policy, e.g. <c>$.unlearning.repulsion.weight</c>.</summary>
/// <param name="Text">The path as text.</param>
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

    /// <summary>No finding if <paramref name="holds"/>, otherwise one at this place.</summary>
    /// <param name="holds">Whether the requirement is met.</param>
    /// <param name="message">What is wrong if it is not.</param>
    /// <param name="dependsOn">
    /// Other places that the requirement refers to. If one of them is wrong, there is no finding here.
    /// </param>
    public IEnumerable<PolicyFinding> Must(bool holds, string message, params JsonPath[] dependsOn) =>
        holds ? [] : [new PolicyFinding(PolicyCodes.ImpossibleValue, this, message, dependsOn)];

    /// <summary>No finding if <paramref name="holds"/>, otherwise one that something is missing here.</summary>
    public IEnumerable<PolicyFinding> MustBePresent(bool holds, string message, params JsonPath[] dependsOn) =>
        holds ? [] : [new PolicyFinding(PolicyCodes.Missing, this, message, dependsOn)];

    /// <summary>A warning at this place.</summary>
    public PolicyFinding Warning(string code, string message, params JsonPath[] dependsOn) =>
        new(code, this, message, dependsOn, Severity.Warning);

    /// <summary>No finding if <paramref name="name"/> is one of <paramref name="names"/>, otherwise one at this place.</summary>
    public IEnumerable<PolicyFinding> MustBeOneOf(
        string name, IReadOnlyCollection<string> names, string what, params JsonPath[] dependsOn) =>
        names.Contains(name)
            ? []
            : [new PolicyFinding(PolicyCodes.UnknownName, this, Suggestion.NotOneOf(name, names, what), dependsOn)];

    /// <summary>A finding for every name that the list has already.</summary>
    public IEnumerable<PolicyFinding> MustBeDistinct(IEnumerable<string> names, Func<JsonPath, JsonPath> placeInItem)
    {
        var seen = new HashSet<string>();
        var list = this;
        return names.Index()
            .Where(entry => !seen.Add(entry.Item))
            .Select(entry => new PolicyFinding(
                PolicyCodes.RepeatedName, placeInItem(list[entry.Index]), $"'{entry.Item}' is already in this list", []));
    }

    private static bool IsPlain(string property) =>
        property.Length > 0 && property.All(character => char.IsAsciiLetterOrDigit(character) || character is '_' or '-' or '$');
}

/// <summary>What a check found; the reader adds file, line and column.</summary>
/// <param name="Code">One of <see cref="PolicyCodes"/>.</param>
/// <param name="Path">The place.</param>
/// <param name="Message">What is wrong.</param>
/// <param name="DependsOn">Other places that it refers to.</param>
/// <param name="Severity">Error or warning.</param>
internal sealed record PolicyFinding(
    string Code, JsonPath Path, string Message, IReadOnlyList<JsonPath> DependsOn, Severity Severity = Severity.Error);
