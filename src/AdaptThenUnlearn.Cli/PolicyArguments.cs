using System.CommandLine;
using System.Text.Json;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Cli;

/// <summary>The policies that a command line names, as files or patterns, without the JSON schemas among them.</summary>
/// <remarks>
/// Editors want the schema of policies beside them, where <c>policies/*.json</c> matches it too. It is not a policy, and nothing
/// of a policy is lost with it: a file that has a policy's properties is never taken for a schema.
/// </remarks>
/// <param name="Files">Files that are read as policies.</param>
/// <param name="Schemas">Skipped files.</param>
/// <param name="Problem">Why nothing may be done with the policies; null where nothing is wrong.</param>
internal sealed record PolicyArguments(
    IReadOnlyList<string> Files, IReadOnlyList<string> Schemas, BadArgumentException? Problem)
{
    private const long MaxSchemaBytes = 4 << 20;
    private const string SchemaHost = "json-schema.org";

    // Every policy has these at its root, and no schema of policies does.
    private static readonly string[] _policyProperties = ["schemaVersion", "name", "generator", "undesiredFeatures"];
    private static readonly JsonDocumentOptions _json =
        new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    /// <summary>Creates the argument of a command that takes several policies.</summary>
    public static Argument<FileInfo[]> CreateArgument() => new("POLICY")
    {
        Description = "Policy files, or patterns such as 'policies/*.json'; JSON schemas among them are skipped",
        Arity = ArgumentArity.OneOrMore,
    };

    /// <summary>Expands patterns, and skips each schema with a note.</summary>
    /// <param name="given">As given.</param>
    /// <param name="terminal">Prints the notes.</param>
    public static PolicyArguments Find(IEnumerable<FileInfo> given, Terminal terminal)
    {
        var files = FilePattern.ExpandAll(given.Select(file => file.ToString()), out var unmatched);
        var schemas = files.Where(IsSchema).ToList();
        foreach (var schema in schemas)
            terminal.WriteStatus(LogLine.Sanitize($"{schema}: a JSON schema, not a policy; it is skipped"));

        var policies = files.Where(file => !schemas.Contains(file)).ToList();
        var problem = unmatched.Count > 0 ? FilePattern.NoMatch(unmatched[0])
            : policies.Count == 0 && schemas.Count > 0
                ? new BadArgumentException($"there is no policy: {string.Join(", ", schemas)} is a JSON schema; name a policy")
            : null;
        return new PolicyArguments(policies, schemas, problem);
    }

    /// <summary>The policies, where every pattern has a match and there is a policy.</summary>
    /// <exception cref="BadArgumentException">There is a <see cref="Problem"/>.</exception>
    public IReadOnlyList<string> RequireFiles() => Problem is null ? Files : throw Problem;

    // A file that cannot be read is taken for a policy, and gives its error there.
    private static bool IsSchema(string path)
    {
        try
        {
            var text = RegularFile.DecodeText(RegularFile.ReadAllBytes(path, MaxSchemaBytes));
            using var document = JsonDocument.Parse(text, _json);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                return false;

            var properties = document.RootElement.EnumerateObject().ToList();
            return properties.Exists(property => property.NameEquals("$schema") && NamesJsonSchema(property.Value))
                && !properties.Exists(property => _policyProperties.Contains(property.Name));
        }
        catch (Exception unreadable) when (unreadable is JsonException or IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static bool NamesJsonSchema(JsonElement value) =>
        value.ValueKind == JsonValueKind.String
        && Uri.TryCreate(value.GetString(), UriKind.Absolute, out var address)
        && address.Host == SchemaHost;
}
