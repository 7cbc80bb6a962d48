using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Runs;

/// <summary>Reads and writes run records, and takes digests.</summary>
public static class RunRecordFile
{
    /// <summary>How everything that is kept beside a run is written.</summary>
    internal static JsonSerializerOptions Json { get; } = new(JsonSerializerOptions.Strict)
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    /// <summary>The record as JSON.</summary>
    public static string Text(RunRecord record) => JsonSerializer.Serialize(record, Json) + "\n";

    /// <summary>Reads a record.</summary>
    /// <param name="path">A <c>run.json</c>.</param>
    /// <param name="maxBytes">Largest file that is read; for records from elsewhere.</param>
    /// <exception cref="RunRecordException">It is missing, damaged, too large, or of another version; the message says which and where.</exception>
    public static RunRecord Read(string path, long maxBytes = long.MaxValue)
    {
        string text;
        try
        {
            if (new FileInfo(path) is { Exists: true } file && file.Length > maxBytes)
                throw new RunRecordException($"{path}: has {file.Length} bytes, and a run record of more than {maxBytes} is not read");
            text = File.ReadAllText(path);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            throw new RunRecordException($"{path}: the run record cannot be read: {failed.Message}", failed);
        }

        try
        {
            using var document = JsonDocument.Parse(text);
            if (document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("schemaVersion", out var version)
                && (version.ValueKind != JsonValueKind.Number || !version.TryGetInt32(out var number) || number != RunRecord.CurrentSchemaVersion))
                throw new RunRecordException($"{path}: is a run record of version {version}, and this tool reads version {RunRecord.CurrentSchemaVersion}");

            if (HasNullInAList(document.RootElement))
                throw new RunRecordException($"{path}: is no run record: a list holds null");
            return document.Deserialize<RunRecord>(Json) ?? throw new RunRecordException($"{path}: is no run record, but null");
        }
        catch (Exception damaged) when (damaged is JsonException or InvalidOperationException)
        {
            throw new RunRecordException($"{path}: is no run record: {damaged.Message}", damaged);
        }
    }

    // The one null that strict reading lets through.
    private static bool HasNullInAList(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Array => element.EnumerateArray().Any(item => item.ValueKind == JsonValueKind.Null || HasNullInAList(item)),
        JsonValueKind.Object => element.EnumerateObject().Any(property => HasNullInAList(property.Value)),
        _ => false,
    };

    /// <summary>Writes a record, whole or not at all.</summary>
    /// <exception cref="FileNotWrittenException">The folder cannot be written.</exception>
    public static void Write(string path, RunRecord record) => ReplacedFile.Write(path, Text(record));

    /// <summary>SHA-256 of a file, or of the names and digests of all files in a folder; null when it is not there or cannot be read.</summary>
    /// <returns>64 lower-case hexadecimal digits.</returns>
    public static string? Digest(string path)
    {
        try
        {
            if (Directory.Exists(path))
                return DigestOfFolder(path);

            using var stream = File.OpenRead(path);
            return Convert.ToHexStringLower(SHA256.HashData(stream));
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string DigestOfFolder(string folder)
    {
        var lines = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(folder, file).Replace('\\', '/'))
            .Order(StringComparer.Ordinal)
            .Select(name => $"{name}\0{Digest(Path.Combine(folder, name))}\n");
        return Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(string.Concat(lines))));
    }
}

/// <summary>A run record cannot be read.</summary>
public sealed class RunRecordException : Exception
{
    /// <summary>Says which and why.</summary>
    public RunRecordException(string message, Exception? cause = null) : base(message, cause)
    {
    }
}
