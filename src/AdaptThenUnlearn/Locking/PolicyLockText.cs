using System.Buffers.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace AdaptThenUnlearn.Locking;

/// <summary>Reads and writes the text of lock files.</summary>
public static partial class PolicyLockText
{
    /// <summary>Largest lock file that is read; a token with its certificates has some thousand bytes.</summary>
    public const long MaxBytes = 1 << 20;

    private static readonly JsonSerializerOptions _json = new(JsonSerializerOptions.Strict)
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>The lock as JSON.</summary>
    public static string Write(PolicyLock policyLock) => JsonSerializer.Serialize(policyLock, _json) + "\n";

    /// <summary>Reads a lock; never throws because of what the text contains.</summary>
    /// <param name="text">JSON.</param>
    /// <param name="problem">Why it is no lock, in words that follow the file's name; null where it is one.</param>
    /// <returns>Null where there is a problem.</returns>
    public static PolicyLock? Parse(string text, out string? problem)
    {
        try
        {
            var read = JsonSerializer.Deserialize<PolicyLock>(text, _json);
            problem = read is null ? "is null" : FindProblem(read);
            return problem is null ? read : null;
        }
        catch (JsonException damaged)
        {
            problem = damaged.Message;
            return null;
        }
    }

    /// <summary>Whether a text is an object with the properties of a lock, damaged or not.</summary>
    /// <param name="root">Of the text.</param>
    public static bool LooksLikeOne(JsonElement root) =>
        root.ValueKind == JsonValueKind.Object
        && root.TryGetProperty("policySha256", out _)
        && root.TryGetProperty("policy", out var name)
        && name.ValueKind == JsonValueKind.String;

    private static string? FindProblem(PolicyLock read) =>
        read.SchemaVersion != PolicyLock.CurrentSchemaVersion
            ? FormattableString.Invariant($"is a lock of version {read.SchemaVersion}, and this tool reads version 1")
        : !DigestPattern().IsMatch(read.PolicySha256)
            ? "has a 'policySha256' that is not 64 lower-case hexadecimal digits"
        : read.TimestampToken is { } token && (token.Length == 0 || !Base64.IsValid(token))
            ? "has a 'timestampToken' that is not Base64"
        : null;

    [GeneratedRegex("^[0-9a-f]{64}$", RegexOptions.NonBacktracking)]
    private static partial Regex DigestPattern();
}
