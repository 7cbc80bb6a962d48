using System.Text.Json;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Policies;

/// <summary>A policy, or every error in its text.</summary>
/// <param name="Policy">Null when there are errors.</param>
/// <param name="Errors">All errors, in the order of the text; those of arguments last.</param>
/// <param name="Warnings">What is allowed but questionable, in the same order.</param>
/// <param name="TextSha256">Digest of the text in UTF-8, as it was read; 64 lower-case hexadecimal digits.</param>
/// <param name="EffectiveJson">
/// The policy with preset, defaults and arguments filled in, as <see cref="CanonicalJson"/>; empty when there are errors.
/// </param>
public sealed record PolicyResult(
    UnlearningPolicy? Policy,
    IReadOnlyList<PolicyError> Errors,
    IReadOnlyList<PolicyError> Warnings,
    string TextSha256,
    string EffectiveJson)
{
    /// <summary>The policies that it builds on, the nearest first; those that were found where there are errors.</summary>
    public IReadOnlyList<PolicyBase> Bases { get; init; } = [];
}

/// <summary>
/// Turns text into a policy: parse it, put it over what it builds on, apply arguments, check its shape and fill in defaults,
/// check its values, and that it is nowhere laxer than what it builds on.
/// </summary>
public static class PolicyReader
{
    /// <summary>Reads a policy; never throws because of what the text contains.</summary>
    /// <param name="text">JSON; comments and trailing commas are allowed.</param>
    /// <param name="file">The file's name in messages.</param>
    /// <param name="vocabulary">The names that the policy may use.</param>
    /// <param name="overrides">Arguments that replace or add values; the last one of a path wins.</param>
    /// <param name="readBase">
    /// Gives the text of a policy that this one builds on, by its path and its pinned digest; it throws an <see
    /// cref="IOException"/> or an <see cref="UnauthorizedAccessException"/> where there is none. Null where there can be none.
    /// </param>
    public static PolicyResult Read(
        string text,
        string file,
        PolicyVocabulary vocabulary,
        IReadOnlyList<PolicyOverride> overrides,
        Func<string, string, string>? readBase = null)
    {
        var digest = Sha256Digest.Compute(text);
        var (root, syntaxError) = PolicyText.Parse(text, file);
        if (syntaxError is not null)
            return new(null, [syntaxError], [], digest, "");

        if (root is not ObjectNode written)
            return new(null, [NotAnObject(root!)], [], digest, "");

        var bases = new PolicyBases(vocabulary, readBase);
        var (merged, basis) = bases.Extend(written, file);
        if (bases.Errors.Count > 0)
            return new(null, InOrder(bases.Errors), [], digest, "") { Bases = bases.Found };

        var (effective, overrideErrors) = PolicyOverride.ApplyAll(merged, overrides);
        var completion = new PolicyCompletion(vocabulary);
        var complete = completion.Complete(effective);
        var policy = Deserialise(complete);
        var loosened = basis is null || completion.Errors.Count > 0 ? [] : PolicyTightening.FindLoosened(basis, policy);
        var findings = Place(
            policy.Check(JsonPath.Root).Where(finding => HasValidInputs(finding, completion)).Concat(loosened), effective);

        var errors =
            InOrder([.. overrideErrors, .. completion.Errors, .. findings.Where(found => found.Severity == Severity.Error)]);
        var warnings = InOrder([.. findings.Where(found => found.Severity == Severity.Warning)]);
        return errors.Length == 0
            ? new(policy, [], warnings, digest, CanonicalJson.Serialize(policy)) { Bases = bases.Found }
            : new(null, errors, warnings, digest, "") { Bases = bases.Found };
    }

    /// <summary>
    /// The place of a property, for messages about it. Where it is absent, that of the object that lacks it, or of the reference
    /// to the policy that it is inherited from.
    /// </summary>
    /// <param name="text">The policy's text.</param>
    /// <param name="path">A JSON path, e.g. <c>$.undesiredFeatures[0].class</c>.</param>
    /// <returns>1-based; zeros when the text is not a JSON object.</returns>
    public static (int Line, int Column) Locate(string text, string path)
    {
        if (PolicyText.Parse(text, "").Root is not ObjectNode written)
            return (0, 0);

        var positions = new Dictionary<string, Position>();
        Collect(written, JsonPath.Root, positions);
        if (!positions.TryGetValue(path, out var at) && !positions.TryGetValue(JsonPath.Root["extends"].Text, out at))
            at = Nearest(path, positions);
        return (at.Line, at.Column);
    }

    private static PolicyError NotAnObject(PolicyNode root) => new(
        PolicyCodes.WrongType,
        root.At.File,
        root.At.Line,
        root.At.Column,
        JsonPath.Root.Text,
        $"a policy is an object, but this is {root.Description}");

    /// <summary>Reads one of a policy's records that stands by itself; its names are in no catalogue.</summary>
    /// <param name="text">JSON; comments and trailing commas are allowed.</param>
    /// <param name="file">The file's name in messages.</param>
    /// <param name="check">Finds what is wrong with values of the right type.</param>
    internal static (T? Part, IReadOnlyList<PolicyError> Errors) ReadPart<T>(
        string text, string file, Func<T, IEnumerable<PolicyFinding>> check) where T : class
    {
        var (root, syntaxError) = PolicyText.Parse(text, file);
        if (syntaxError is not null)
            return (null, [syntaxError]);

        var completion = new PolicyCompletion(new PolicyVocabulary([], [], [], [], [], []));
        var complete = completion.Complete(root!, PolicyShape.Of(typeof(T)));
        if (completion.Errors.Count > 0)
            return (null, InOrder(completion.Errors));

        var part = Deserialise<T>(complete);
        var errors = Place(check(part).Where(finding => finding.Severity == Severity.Error), root!);
        return errors.Count == 0 ? (part, []) : (null, InOrder(errors));
    }

    internal static UnlearningPolicy Deserialise(PolicyNode complete) => Deserialise<UnlearningPolicy>(complete);

    private static T Deserialise<T>(PolicyNode complete)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
            complete.WriteTo(writer);

        return JsonSerializer.Deserialize<T>(stream.ToArray(), PolicyJson.Options)!;
    }

    private static bool HasValidInputs(PolicyFinding finding, PolicyCompletion completion) =>
        completion.IsValid(finding.Path) && finding.DependsOn.All(completion.IsValid);

    internal static IReadOnlyList<PolicyError> Place(IEnumerable<PolicyFinding> findings, PolicyNode effective)
    {
        var positions = new Dictionary<string, Position>();
        Collect(effective, JsonPath.Root, positions);
        return [.. findings.Select(finding =>
        {
            var at = Nearest(finding.Path.Text, positions);
            return new PolicyError(
                finding.Code, at.File, at.Line, at.Column, finding.Path.Text, finding.Message, finding.Severity);
        })];
    }

    private static void Collect(PolicyNode node, JsonPath path, Dictionary<string, Position> positions)
    {
        positions.TryAdd(path.Text, node.At);
        foreach (var property in (node as ObjectNode)?.Properties ?? [])
            Collect(property.Value, path[property.Name], positions);

        foreach (var (index, item) in ((node as ListNode)?.Items ?? []).Index())
            Collect(item, path[index], positions);
    }

    /// <summary>The place of a value, or of the nearest object or list that contains it.</summary>
    private static Position Nearest(string path, Dictionary<string, Position> positions)
    {
        Position at;
        while (!positions.TryGetValue(path, out at))
            path = path[..path.LastIndexOfAny(['.', '['])];

        return at;
    }

    private static PolicyError[] InOrder(IReadOnlyList<PolicyError> errors) =>
    [
        .. errors
            .OrderBy(error => error.Line == 0)
            .ThenBy(error => error.Line)
            .ThenBy(error => error.Column)
            .ThenBy(error => error.Path, StringComparer.Ordinal),
    ];
}
