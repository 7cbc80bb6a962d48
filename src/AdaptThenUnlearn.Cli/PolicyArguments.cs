using System.CommandLine;
using System.Text.Json;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Locking;

namespace AdaptThenUnlearn.Cli;

/// <summary>The policies that a command line names, as files or patterns, without JSON schemas and locks among them.</summary>
/// <remarks>
/// Editors want the schema of policies beside them, and locks lie there, where <c>policies/*.json</c> matches them too. They are
/// not policies, and nothing of a policy is lost with them: a file that has a policy's properties is never taken for another.
/// </remarks>
/// <param name="Files">Files that are read as policies.</param>
/// <param name="Skipped">Files that are a schema or a lock.</param>
/// <param name="Problem">Why nothing may be done with the policies; null where nothing is wrong.</param>
internal sealed record PolicyArguments(
    IReadOnlyList<string> Files, IReadOnlyList<string> Skipped, BadArgumentException? Problem)
{
    private const long MaxSchemaBytes = 4 << 20;
    private const string SchemaHost = "json-schema.org";

    // Every policy has these at its root, and no schema of policies does; a lock has the first.
    private static readonly string[] _policyProperties = ["schemaVersion", "name", "generator", "undesiredFeatures"];
    private static readonly JsonDocumentOptions _json =
        new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    /// <summary>Creates the argument of a command that takes several policies.</summary>
    public static Argument<FileInfo[]> CreateArgument() => new("POLICY")
    {
        Description = "Policy files, or patterns such as 'policies/*.json'; JSON schemas and locks among them are skipped",
        Arity = ArgumentArity.OneOrMore,
    };

    /// <summary>Expands patterns, and skips each schema and each lock with a note.</summary>
    /// <param name="given">As given.</param>
    /// <param name="terminal">Prints the notes.</param>
    public static PolicyArguments Find(IEnumerable<FileInfo> given, Terminal terminal)
    {
        var files = FilePattern.ExpandAll(given.Select(file => file.ToString()), out var unmatched);
        var others = files.Select(file => (File: file, What: FindOtherKind(file)))
            .Where(other => other.What is not null)
            .ToList();
        foreach (var (file, what) in others)
            terminal.WriteStatus(LogLine.Sanitize($"{file}: {what}, not a policy; it is skipped"));

        var skipped = others.ConvertAll(other => other.File);
        var policies = files.Where(file => !skipped.Contains(file)).ToList();
        var problem = unmatched.Count > 0 ? FilePattern.NoMatch(unmatched[0])
            : policies.Count == 0 && others.Count > 0
                ? new BadArgumentException(
                    $"there is no policy: {string.Join(", ", others.Select(other => $"{other.File} is {other.What}"))}; name "
                        + "a policy")
            : null;
        return new PolicyArguments(policies, skipped, problem);
    }

    /// <summary>The policies, where every pattern has a match and there is a policy.</summary>
    /// <exception cref="BadArgumentException">There is a <see cref="Problem"/>.</exception>
    public IReadOnlyList<string> RequireFiles() => Problem is null ? Files : throw Problem;

    // A file that cannot be read is taken for a policy, and gives its error there.
    private static string? FindOtherKind(string path)
    {
        try
        {
            var text = RegularFile.DecodeText(RegularFile.ReadAllBytes(path, MaxSchemaBytes));
            using var document = JsonDocument.Parse(text, _json);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                return null;

            var properties = document.RootElement.EnumerateObject().ToList();
            if (PolicyLockText.LooksLikeOne(document.RootElement)
                && !properties.Exists(property => _policyProperties.Skip(1).Contains(property.Name)))
                return "a lock";
            return properties.Exists(property => property.NameEquals("$schema") && NamesJsonSchema(property.Value))
                && !properties.Exists(property => _policyProperties.Contains(property.Name))
                ? "a JSON schema"
                : null;
        }
        catch (Exception unreadable) when (unreadable is JsonException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static bool NamesJsonSchema(JsonElement value) =>
        value.ValueKind == JsonValueKind.String
        && Uri.TryCreate(value.GetString(), UriKind.Absolute, out var address)
        && address.Host == SchemaHost;
}
