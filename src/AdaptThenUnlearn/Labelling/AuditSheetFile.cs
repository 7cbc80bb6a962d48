using System.Text.Json;
using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Labelling;

/// <summary>Reads and writes audits. A file is replaced at once, so that it is always complete.</summary>
public static class AuditSheetFile
{
    private const long MaxBytes = 32 << 20;

    private static readonly JsonSerializerOptions _json = new(JsonSerializerOptions.Strict)
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Name of the file beside the run.</summary>
    /// <param name="feature">Name of the feature.</param>
    /// <param name="isOnly">Whether the policy has no other feature.</param>
    public static string NameFor(string feature, bool isOnly) => isOnly ? "audit.json" : $"audit-{feature}.json";

    /// <summary>The sheet as JSON.</summary>
    public static string ToJson(AuditSheet sheet) => JsonSerializer.Serialize(sheet, _json);

    /// <summary>Writes a sheet with its seal.</summary>
    /// <param name="path">The sheet's file.</param>
    /// <param name="sheet">The answers.</param>
    /// <returns>As written.</returns>
    /// <exception cref="FileNotWrittenException">The file cannot be written.</exception>
    public static AuditSheet Write(string path, AuditSheet sheet)
    {
        var written = sheet with { Seal = sheet.ComputeSeal() };
        AtomicFile.Write(path, ToJson(written) + "\n");
        return written;
    }

    /// <summary>Reads a sheet.</summary>
    /// <param name="path">The sheet's file.</param>
    /// <returns>With the digest of the file.</returns>
    /// <exception cref="LabelException">It is missing, damaged or edited, or its images are not those of a draw.</exception>
    public static (AuditSheet Sheet, string Sha256) Read(string path)
    {
        try
        {
            var bytes = RegularFile.ReadAllBytes(path, MaxBytes);
            var sheet = JsonSerializer.Deserialize<AuditSheet>(bytes, _json) ?? throw new JsonException("it is null");
            if (sheet.Items.Contains(null!))
                throw new JsonException("an image is null");
            return sheet.FindProblem() is { } problem
                ? throw new LabelException($"{path}: {problem}; restore the file, or begin a new audit with `atu label --audit`")
                : (sheet, Sha256Digest.Compute(bytes));
        }
        catch (Exception unreadable) when (unreadable is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new LabelException(
                $"{path}: it cannot be read as an audit: {unreadable.Message}; restore the file, or begin a new audit with "
                    + "`atu label --audit`",
                unreadable);
        }
    }
}
