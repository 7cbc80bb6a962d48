using AdaptThenUnlearn.Files;
using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace AdaptThenUnlearn.Policies;

/// <summary>What a single value must be: written once beside the parameter, used by the reader and by the schema.</summary>
/// <remarks>On a list it applies to each item.</remarks>
[AttributeUsage(AttributeTargets.Parameter)]
internal abstract class ValueConstraintAttribute : Attribute
{
    /// <summary>The diagnostic code of a violation.</summary>
    public virtual string Code => PolicyCodes.ImpossibleValue;

    /// <summary>What is wrong with a value of the right type; null if nothing is.</summary>
    public abstract string? FindViolation(ScalarNode value, PolicyVocabulary vocabulary);

    /// <summary>Adds the keywords of JSON Schema that mean the same.</summary>
    /// <param name="schema">Has its <c>type</c> already.</param>
    /// <param name="vocabulary">Has the names of the catalogues.</param>
    public abstract void AddToSchema(JsonObject schema, PolicyVocabulary vocabulary);

    /// <summary>Lets editors complete some names where any other value of the type is allowed too.</summary>
    protected static void Suggest(JsonObject schema, IReadOnlyList<string> names) => schema["anyOf"] = new JsonArray(
        new JsonObject { ["enum"] = new JsonArray([.. names.Select(name => JsonValue.Create(name))]) },
        new JsonObject { ["type"] = schema["type"]!.DeepClone() });
}

/// <summary>A number between two ends.</summary>
internal sealed class WithinAttribute(double min, double max = double.PositiveInfinity) : ValueConstraintAttribute
{
    /// <summary>The lower end itself is not allowed.</summary>
    public bool Above { get; init; }

    /// <summary>The upper end itself is not allowed.</summary>
    public bool Below { get; init; }

    public override string? FindViolation(ScalarNode value, PolicyVocabulary vocabulary)
    {
        var number = double.Parse(value.Text, CultureInfo.InvariantCulture);
        var holds = (Above ? number > min : number >= min) && (Below ? number < max : number <= max);
        return holds ? null : $"must be {Words}, but is {value.Text}";
    }

    public override void AddToSchema(JsonObject schema, PolicyVocabulary vocabulary)
    {
        schema[Above ? "exclusiveMinimum" : "minimum"] = min;
        if (double.IsFinite(max))
            schema[Below ? "exclusiveMaximum" : "maximum"] = max;
    }

    private string Words
    {
        get
        {
            if (min.Equals(max))
                return Number(min);

            var lower = $"{(Above ? "above" : "at least")} {Number(min)}";
            return double.IsFinite(max) ? $"{lower} and {(Below ? "below" : "at most")} {Number(max)}" : lower;
        }
    }

    private static string Number(double value) => value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Text of a certain form.</summary>
internal sealed class TextPatternAttribute(string pattern, string words) : ValueConstraintAttribute
{
    /// <summary>A key of output folders and rules.</summary>
    public const string Key = "^[a-z0-9-]{1,64}$";

    /// <summary>The form of a key in a message.</summary>
    public const string KeyWords = "1 to 64 of the characters a-z, 0-9 and '-'";

    /// <summary>A SHA-256 digest.</summary>
    public const string Sha256 = "^[0-9a-fA-F]{64}$";

    /// <summary>Name of an environment variable.</summary>
    public const string Variable = "^[A-Za-z_][A-Za-z0-9_]*$";

    /// <summary>The form of such a name in a message.</summary>
    public const string VariableWords = "the name of an environment variable (letters, digits and '_')";

    /// <summary>The form of a digest in a message.</summary>
    public const string Sha256Words = "a SHA-256 digest of 64 hexadecimal digits";

    private readonly Regex _form = new(pattern.Replace("$", "\\z", StringComparison.Ordinal), RegexOptions.CultureInvariant);

    public override string? FindViolation(ScalarNode value, PolicyVocabulary vocabulary) =>
        _form.IsMatch(value.Text) ? null : $"must be {words}, but is '{value.Text}'";

    public override void AddToSchema(JsonObject schema, PolicyVocabulary vocabulary) => schema["pattern"] = pattern;
}

/// <summary>Text that is not empty or white space.</summary>
internal sealed class NotBlankAttribute : ValueConstraintAttribute
{
    public override string? FindViolation(ScalarNode value, PolicyVocabulary vocabulary) =>
        string.IsNullOrWhiteSpace(value.Text) ? "must not be empty" : null;

    public override void AddToSchema(JsonObject schema, PolicyVocabulary vocabulary) => schema["pattern"] = "\\S";
}

/// <summary>Path of a file or folder, relative to the policy, or of a file in a restored NuGet package.</summary>
internal sealed class FilePathAttribute : ValueConstraintAttribute
{
    public override string? FindViolation(ScalarNode value, PolicyVocabulary vocabulary) =>
        string.IsNullOrWhiteSpace(value.Text) ? "must not be empty" : PackagePath.FindProblem(value.Text);

    public override void AddToSchema(JsonObject schema, PolicyVocabulary vocabulary) =>
        schema["pattern"] = $"^(?!nuget:)[\\s\\S]*\\S|{PackagePath.Form}";
}

/// <summary>A layer as Python prints it, or the name of a known layout.</summary>
internal sealed class LayerPatternAttribute : ValueConstraintAttribute
{
    public override string? FindViolation(ScalarNode value, PolicyVocabulary vocabulary) =>
        LayerText.Layouts.Contains(value.Text) || LayerText.FindProblem(value.Text) is not { } problem
            ? null
            : $"{problem}; or name one layout alone: {Suggestion.JoinWithOr(LayerText.Layouts)}";

    public override void AddToSchema(JsonObject schema, PolicyVocabulary vocabulary)
    {
        schema["pattern"] = "\\S";
        Suggest(schema, LayerText.Layouts);
    }
}

/// <summary>A day that exists, <c>yyyy-MM-dd</c>.</summary>
internal sealed class DayAttribute : ValueConstraintAttribute
{
    public override string? FindViolation(ScalarNode value, PolicyVocabulary vocabulary) =>
        DateOnly.TryParseExact(value.Text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _)
            ? null
            : $"must be a day such as 2026-12-31, but is '{value.Text}'";

    public override void AddToSchema(JsonObject schema, PolicyVocabulary vocabulary)
    {
        schema["format"] = "date";
        schema["pattern"] = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$";
    }
}

/// <summary>A name that a catalogue or this release knows.</summary>
internal sealed class KnownNameAttribute(NameKind kind) : ValueConstraintAttribute
{
    public override string Code => PolicyCodes.UnknownName;

    public override string? FindViolation(ScalarNode value, PolicyVocabulary vocabulary)
    {
        var names = kind.Names(vocabulary);
        return names.Contains(value.Text) ? null : Suggestion.NotOneOf(value.Text, names, kind.Describe());
    }

    /// <inheritdoc/>
    /// <remarks>Names of catalogues are suggested and stay open, so that a new member needs no new schema.</remarks>
    public override void AddToSchema(JsonObject schema, PolicyVocabulary vocabulary)
    {
        var names = kind.Names(vocabulary);
        if (!kind.IsClosed())
        {
            Suggest(schema, names);
            return;
        }

        var allowed = new JsonArray([.. names.Select(name => JsonValue.Create(name))]);
        if (schema["type"] is JsonArray)   // "null" is the other type
            allowed.Add(null);
        schema["enum"] = allowed;
    }
}

/// <summary>A name that an editor suggests; other text is allowed too.</summary>
internal sealed class SuggestedNameAttribute(NameKind kind) : ValueConstraintAttribute
{
    public override string? FindViolation(ScalarNode value, PolicyVocabulary vocabulary) => null;

    public override void AddToSchema(JsonObject schema, PolicyVocabulary vocabulary) => Suggest(schema, kind.Names(vocabulary));
}

/// <summary>A list or a map with at least one entry.</summary>
[AttributeUsage(AttributeTargets.Parameter)]
internal sealed class NotEmptyAttribute : Attribute;

/// <summary>An object instead of which a text may be written, which is the value of one (camel case) property.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class ShorthandAttribute(string property) : Attribute
{
    public string Property => property;
}

/// <summary>An object instead of which one of some words may be written; each stands for a whole object.</summary>
/// <remarks>
/// The policy in effect, and so the record, has the object: what a word means cannot change there. It has the word where the
/// object is written as one, because only a file of the run says what it means.
/// </remarks>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class WordsAttribute(string property) : Attribute
{
    /// <summary>The record's static property with the objects by their words.</summary>
    public string Property => property;
}

/// <summary>An object that needs at least one of these (camel case) properties, or exactly one.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class NeedsOneOfAttribute(params string[] properties) : Attribute
{
    public IReadOnlyList<string> Properties => properties;

    /// <summary>Whether there may be no more than one of them.</summary>
    public bool AreExclusive { get; init; }

    public string Message => $"needs {Names}{(AreExclusive ? "" : ", or both")}";

    public string MessageOfSeveral => $"may have only one of {Names}";

    private string Names => string.Join(" or ", properties.Select(name => $"'{name}'"));
}
