using System.Text.Json;
using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Labelling;

/// <summary>Reads and writes label sheets. A file is replaced at once, so that it is always complete.</summary>
public static class LabelSheetFile
{
    private const long MaxBytes = 16 << 20;
    private static readonly JsonSerializerOptions _json =
        new(JsonSerializerOptions.Strict) { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, WriteIndented = true };

    /// <summary>Opens a sheet, or creates an empty one if the file does not exist.</summary>
    /// <param name="path">The sheet's file.</param>
    /// <param name="feature">The feature.</param>
    /// <param name="generator">SHA-256 of the checkpoint.</param>
    /// <param name="seed">Seed of the images.</param>
    /// <param name="images">The number of images; no label may have a higher number.</param>
    /// <exception cref="LabelException">The sheet is damaged, or its labels are of other images.</exception>
    public static LabelSheet Open(string path, string feature, string generator, long seed, int images)
    {
        if (!Path.Exists(path))
            return new LabelSheet(LabelSheet.CurrentSchemaVersion, feature, generator, seed, []);

        var sheet = Read(path);
        var other = sheet switch
        {
            { SchemaVersion: not LabelSheet.CurrentSchemaVersion } => FormattableString.Invariant(
                $"has version {sheet.SchemaVersion}, but this tool knows version {LabelSheet.CurrentSchemaVersion}"),
            _ when sheet.Feature != feature => $"is about '{sheet.Feature}', not '{feature}'",
            _ when sheet.Generator != generator => $"is about images of another generator (SHA-256 {sheet.Generator})",
            _ when sheet.Seed != seed => FormattableString.Invariant($"is about the images of seed {sheet.Seed}, not {seed}"),
            _ when sheet.Labels.Keys.Concat(sheet.Order ?? []).Any(image => image < 0 || image >= images) =>
                FormattableString.Invariant($"has labels of images beyond the first {images}; raise --count"),
            _ when sheet.Order is { } order && order.Distinct().Count() < order.Count => "has an image twice in its order",
            _ => null,
        };
        return other is null ? sheet : throw new LabelException(
            $"{path}: {other}; name another folder with --out, or the same feature, generator, seed and count as before");
    }

    /// <summary>Writes a sheet.</summary>
    /// <param name="path">The sheet's file; its folder is created if necessary.</param>
    /// <param name="sheet">The labels.</param>
    /// <exception cref="FileNotWrittenException">The file cannot be written.</exception>
    public static void Write(string path, LabelSheet sheet) =>
        AtomicFile.Write(path, JsonSerializer.Serialize(sheet, _json) + "\n");

    /// <summary>Whether a file is a label sheet, of any images.</summary>
    /// <param name="path">The file; it need not exist.</param>
    public static bool IsLabelSheet(string path)
    {
        try
        {
            return Read(path).Labels is not null;
        }
        catch (LabelException)
        {
            return false;
        }
    }

    private static LabelSheet Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<LabelSheet>(RegularFile.ReadAllText(path, MaxBytes), _json)
                ?? throw new JsonException("it is null");
        }
        catch (Exception unreadable) when (unreadable is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new LabelException(
                $"{path}: it cannot be read as a label sheet: {unreadable.Message}; restore it, "
                    + "or name another folder with --out",
                unreadable);
        }
    }
}
