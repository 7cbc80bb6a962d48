using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace AdaptThenUnlearn.Attestation;

/// <summary>The files of a model with their digests, as an in-toto statement of OpenSSF Model Signing lists them.</summary>
/// <remarks>
/// By the <see href="https://github.com/ossf/model-signing-spec/blob/main/spec/v1.0.md">specification, version 1.0</see>,
/// sections 5 and 6: whole files, SHA-256, no symbolic links. What else it allows (shards, BLAKE2b and BLAKE3, followed links) is
/// refused with its name. Stricter than there: the subject must be the digest of the digests, and the files be in order, because
/// every signer must write them so.
/// </remarks>
/// <param name="Name">Of the model; informs, and decides nothing.</param>
/// <param name="Files">At least one, in the order of their names' code points, each name once.</param>
/// <param name="IgnoredPaths">What the signer left out, relative to the model's folder, with what is below it.</param>
public sealed record ModelManifest(string Name, IReadOnlyList<ModelFile> Files, IReadOnlyList<string> IgnoredPaths)
{
    /// <summary>The kind of predicate.</summary>
    public const string PredicateType = "https://model_signing/signature/v1.0";

    private const string Sha256 = "sha256";
    private const string WholeFiles = "files";

    /// <summary>Left out of every model's folder, at its top.</summary>
    public static IReadOnlyList<string> DefaultIgnored { get; } = [".git", ".gitattributes", ".github", ".gitignore"];

    /// <summary>The order of names: that of their code points, which is that of their bytes in UTF-8.</summary>
    public static IComparer<string> NameOrder { get; } = Comparer<string>.Create(
        (one, other) => Encoding.UTF8.GetBytes(one).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(other)));

    /// <summary>SHA-256 over the digests' bytes, in order: the model's own digest; 64 lower-case hexadecimal digits.</summary>
    public string RootSha256 =>
        Convert.ToHexStringLower(SHA256.HashData([.. Files.SelectMany(file => Convert.FromHexString(file.Sha256))]));

    /// <summary>A manifest with its files in order.</summary>
    /// <param name="name">Of the model: its folder's or file's.</param>
    /// <param name="files">At least one, each name once.</param>
    public static ModelManifest Create(string name, IEnumerable<ModelFile> files) =>
        new(name, [.. files.OrderBy(file => file.Name, NameOrder)], DefaultIgnored);

    /// <summary>The statement.</summary>
    public JsonObject ToStatement() => new()
    {
        ["_type"] = TestResultStatement.Type,
        ["subject"] = new JsonArray(new JsonObject
        {
            ["name"] = Name,
            ["digest"] = new JsonObject { [Sha256] = RootSha256 },
        }),
        ["predicateType"] = PredicateType,
        ["predicate"] = new JsonObject
        {
            ["resources"] = new JsonArray(
            [
                .. Files.Select(file => new JsonObject
                {
                    ["name"] = file.Name,
                    ["digest"] = file.Sha256,
                    ["algorithm"] = Sha256,
                }),
            ]),
            ["serialization"] = new JsonObject
            {
                ["method"] = WholeFiles,
                ["hash_type"] = Sha256,
                ["allow_symlinks"] = false,
                ["ignore_paths"] = new JsonArray([.. IgnoredPaths.Select(path => JsonValue.Create(path))]),
            },
        },
    };

    /// <summary>Reads a statement.</summary>
    /// <param name="text">JSON; anybody may have written it.</param>
    /// <param name="manifest">Null where it is none, or not one that can be checked.</param>
    /// <returns>Why there is none, in a sentence without a full stop that begins with a verb; null where there is one.</returns>
    public static string? TryRead(string text, out ModelManifest? manifest)
    {
        manifest = null;
        if (!TestResultStatement.TryParse(text, out var statement)
            || Text(statement["_type"]) != TestResultStatement.Type)
            return "does not hold an in-toto statement";
        if (Text(statement["predicateType"]) is not PredicateType)
            return $"holds a statement of another kind ({Text(statement["predicateType"]) ?? "none"}), not {PredicateType}";
        if (statement["predicate"] is not JsonObject predicate
            || predicate["serialization"] is not JsonObject serialization
            || predicate["resources"] is not JsonArray resources)
            return "holds no list of the model's files";

        if (UnknownMethod(serialization) is { } unknown)
            return unknown;
        if (!TryReadPaths(serialization["ignore_paths"], out var ignored))
            return "leaves out paths that cannot be in a model's folder";
        if (ReadFiles(resources, out var files) is { } wrong)
            return wrong;
        if (statement["subject"] is not JsonArray { Count: 1 } subjects
            || subjects[0] is not JsonObject subject
            || Text(subject["name"]) is not { Length: > 0 } name
            || subject["digest"] is not JsonObject digests)
            return "does not name one model";

        var read = new ModelManifest(name, files, ignored);
        if (Text(digests[Sha256]) != read.RootSha256)
            return "names a digest of the model that is not the one of its files";
        manifest = read;
        return null;
    }

    /// <summary>Whether a name can be that of a file in a model's folder, written the one way it must be.</summary>
    /// <param name="name">Relative, with forward slashes.</param>
    public static bool IsPath([NotNullWhen(true)] string? name) =>
        name is { Length: > 0 }
        && !name.Contains('\0', StringComparison.Ordinal)
        && !Path.IsPathRooted(name)
        && name.Split('/').All(part => part is not ("" or "." or ".."));

    private static string? UnknownMethod(JsonObject serialization)
    {
        var (method, hash) = (Text(serialization["method"]), Text(serialization["hash_type"]));
        if (method != WholeFiles)
            return $"lists the model's files by a method that is not supported ({method ?? "none"}); files is";
        if (hash != Sha256)
            return $"has digests that are not supported ({hash ?? "none"}); sha256 is";
        return serialization["allow_symlinks"] is JsonValue links && links.TryGetValue<bool>(out var areFollowed) && !areFollowed
            ? null
            : "was made with symbolic links followed, which is not supported";
    }

    private static bool TryReadPaths(JsonNode? listed, out IReadOnlyList<string> paths)
    {
        paths = [];
        if (listed is null)
            return true;   // bundles from before version 1.1 of the reference implementation
        if (listed is not JsonArray array)
            return false;
        var texts = array.Select(Text).ToList();
        paths = [.. texts.OfType<string>()];
        return texts.TrueForAll(path => IsPath(path) && path.IndexOfAny(['*', '?', '[']) < 0);
    }

    private static string? ReadFiles(JsonArray resources, out IReadOnlyList<ModelFile> files)
    {
        List<ModelFile> read = [];
        files = read;
        foreach (var resource in resources)
        {
            if (Text(resource?["name"]) is not { } name || Text(resource?["digest"]) is not { } digest)
                return "lists a file without a name or a digest";
            if (!IsPath(name))
                return $"lists a file outside the model's folder, or by another name than it has: {name}";
            if (Text(resource!["algorithm"]) is not Sha256 || !IsDigest(digest))
                return $"lists a file without a SHA-256: {name}";
            if (read.Count > 0 && NameOrder.Compare(read[^1].Name, name) >= 0)
                return $"lists its files out of order, or one twice: {name}";
            read.Add(new ModelFile(name, digest));
        }

        return read.Count == 0 ? "lists no file: a model has at least one" : null;
    }

    private static bool IsDigest(string text) =>
        text.Length == SHA256.HashSizeInBytes * 2 && text.All(digit => char.IsAsciiHexDigitLower(digit));

    private static string? Text(JsonNode? node) =>
        node is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
}

/// <summary>A file of a model.</summary>
/// <param name="Name">Relative to the model's folder, with forward slashes; of a model in one file its own name.</param>
/// <param name="Sha256">64 lower-case hexadecimal digits.</param>
public sealed record ModelFile(string Name, string Sha256);
