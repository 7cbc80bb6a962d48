using System.Text.Json;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Policies;

/// <summary>Finds the policies that a policy builds on, and puts what they say below what it says itself.</summary>
/// <param name="vocabulary">The names that policies may use.</param>
/// <param name="read">
/// Gives the text of a policy by its path and its pinned digest; it throws an <see cref="IOException"/> or an
/// <see cref="UnauthorizedAccessException"/> where there is none. Null where no policy can be read.
/// </param>
internal sealed class PolicyBases(PolicyVocabulary vocabulary, Func<string, string, string>? read)
{
    /// <summary>How many policies can stand below one another.</summary>
    public const int MaxDepth = 8;

    private const string Property = "extends";

    private static readonly (string Name, PolicyNode Value)[] _complements =
    [
        ("name", PolicyText.ParseArgument("\"base\"", "")!),
        ("generator", PolicyText.ParseArgument("""{ "checkpoint": "none" }""", "")!),
    ];

    private readonly List<PolicyBase> _found = [];
    private readonly List<PolicyError> _errors = [];

    /// <summary>The policies that were found, the nearest first.</summary>
    public IReadOnlyList<PolicyBase> Found => _found;

    /// <summary>What is wrong with them, and with the references to them.</summary>
    public IReadOnlyList<PolicyError> Errors => _errors;

    /// <summary>The policy with what it inherits, and the policy in effect that it builds on.</summary>
    /// <param name="written">As written.</param>
    /// <param name="file">Path of the policy.</param>
    /// <returns>The policy itself and null where it builds on none, or where an error was found.</returns>
    public (ObjectNode Merged, UnlearningPolicy? Base) Extend(ObjectNode written, string file) => Extend(written, file, [file]);

    private (ObjectNode Merged, UnlearningPolicy? Base) Extend(ObjectNode written, string file, IReadOnlyList<string> chain)
    {
        // What has the wrong form is reported with the policy's other values.
        var at = JsonPath.Root[Property];
        if (written.Find(Property) is not { Value: ObjectNode given }
            || given.Find("policy")?.Value is not ScalarNode { Kind: JsonValueKind.String, Text: { Length: > 0 } relative } named
            || given.Find("sha256")?.Value is not ScalarNode { Kind: JsonValueKind.String } pinned
            || relative.Contains('\0', StringComparison.Ordinal))
            return (written, null);

        // Find the text.
        var folder = Path.GetDirectoryName(file) ?? "";
        var path = PackagePath.IsInPackage(relative)
            ? relative
            : Path.Combine(
                folder, Path.DirectorySeparatorChar == '\\' ? relative : ClassifierChoice.NormalizeSlashes(relative));

        // As text: the folder of a record's policy is not known, and the full path of many ".." ends at the root.
        var normal = ClassifierChoice.NormalizePath(path);
        if (PackagePath.IsInPackage(path))
        {
            if (!PackagePath.IsSamePackage(path, normal))
                return Refuse(
                    named.At, at["policy"], PackagePath.FindProblem(relative) ?? $"lies outside its package: {path}");
            path = normal;
        }

        if (chain.Any(other => other.Length > 0 && ClassifierChoice.NormalizePath(other) == normal))
            return Refuse(named.At, at["policy"], $"is a circle: {string.Join(" builds on ", chain.Append(path))}");
        if (chain.Count > MaxDepth)
            return Refuse(
                named.At, at["policy"],
                FormattableString.Invariant($"makes a chain of more than {MaxDepth} policies below the first; merge some"));
        string text;
        try
        {
            text = read is null ? throw new IOException("only a policy in a file can build on another") : read(path, pinned.Text);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            return Refuse(named.At, at["policy"], $"cannot be read: {failed.Message}");
        }

        var sha256 = Sha256Digest.Compute(text);
        if (!sha256.Equals(pinned.Text, StringComparison.OrdinalIgnoreCase))
            return Refuse(
                pinned.At, at["sha256"],
                $"is not the digest of {path}, which is {sha256}; look at what has changed there, and pin that "
                    + "digest if it is meant");
        _found.Add(new PolicyBase(path, text, sha256));

        // Read it, with what it builds on itself, and require that it is a policy by itself but for a name and a generator.
        var (root, syntax) = PolicyText.Parse(text, path);
        if (root is not ObjectNode its)
        {
            _errors.Add(syntax ?? Error(root!.At, JsonPath.Root, $"a policy is an object, but this is {root.Description}"));
            return (written, null);
        }

        var (whole, itsBase) = Extend(its, path, [.. chain, path]);
        if (_errors.Count > 0 || Check(Complemented(whole, written, "sha256", "shippedAs"), itsBase) is not { } ownCoordinates)
            return (written, null);

        // Its paths are relative to its own folder.
        var moved = PolicyInheritance.MovePaths(whole, Path.GetDirectoryName(relative.Replace('\\', '/')) ?? "");
        var completion = new PolicyCompletion(vocabulary);
        var complete = completion.Complete(Complemented(
            moved, written, "sha256", "discriminator", "maxDuplicates", "resize", "shippedAs"));
        return (
            PolicyInheritance.Merge(written, moved),
            completion.Errors.Count == 0 ? PolicyReader.Deserialise(complete) : ownCoordinates);
    }

    private UnlearningPolicy? Check(ObjectNode whole, UnlearningPolicy? itsBase)
    {
        var completion = new PolicyCompletion(vocabulary);
        var complete = completion.Complete(whole);
        _errors.AddRange(completion.Errors);
        if (completion.Errors.Count > 0)
            return null;

        var policy = PolicyReader.Deserialise(complete);
        var findings = policy.Check(JsonPath.Root).Where(finding => finding.Severity == Severity.Error)
            .Concat(itsBase is null ? [] : PolicyTightening.FindLoosened(itsBase, policy));
        _errors.AddRange(PolicyReader.Place(findings, whole));
        return _errors.Count == 0 ? policy : null;
    }

    // A base need not have a name or a generator: those of the policy that builds on it stand in, and that it has none is said of
    // that one. What the base does not say of a generator it does not demand.
    private static ObjectNode Complemented(ObjectNode policy, ObjectNode by, params string[] free) => policy with
    {
        Properties =
        [
            .. policy.Properties.Where(property => property.Name != Property),
            .. _complements.Where(needed => policy.Find(needed.Name) is null)
                .Select(needed => by.Find(needed.Name) is { } found
                    ? found with { Value = Without(found.Value, free) }
                    : new PolicyProperty(needed.Name, policy.At, needed.Value)),
        ],
    };

    private static PolicyNode Without(PolicyNode value, string[] names) => value is ObjectNode section
        ? section with { Properties = [.. section.Properties.Where(property => !names.Contains(property.Name))] }
        : value;

    private (ObjectNode Merged, UnlearningPolicy? Base) Refuse(Position at, JsonPath path, string problem)
    {
        _errors.Add(Error(at, path, problem));
        return (new ObjectNode(at, []), null);
    }

    private static PolicyError Error(Position at, JsonPath path, string problem) =>
        new(PolicyCodes.UnusableBase, at.File, at.Line, at.Column, path.Text, problem);
}
