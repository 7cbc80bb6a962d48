using System.Text.Json;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Torch.Comparing;

/// <summary>Reads and writes cells, one file each, so that several processes can fill one folder.</summary>
public static class ComparedCellFile
{
    /// <summary>Path of a cell's file.</summary>
    public static string PathOf(string folder, CellKey key) => Path.Combine(folder, key.FileName + ".json");

    /// <summary>The cell of a key that answers a question, be it the last that was asked or one before; null where there is none.</summary>
    /// <param name="folder">Of the cells.</param>
    /// <param name="key">Which run.</param>
    /// <param name="digest">Digest of all that decides the result.</param>
    public static ComparedCell? Find(string folder, CellKey key, string digest) =>
        new[] { PathOf(folder, key), ArchivePathOf(folder, key, digest) }.Select(Read).FirstOrDefault(cell => cell is not null && cell.Key == key && cell.Asked == digest);

    /// <summary>Writes a cell, whole or not at all. One that answers another question is put aside, for runs take long and settings may come back.</summary>
    /// <exception cref="FileNotWrittenException">The folder cannot be written, or another file stands in the cell's place.</exception>
    public static void Write(string folder, ComparedCell cell)
    {
        var path = PathOf(folder, cell.Key);
        if (Path.Exists(path) && new FileInfo(path).Length > 0 && !IsCellFile(path))
            throw new FileNotWrittenException(path, "is there already, and is no cell of a comparison", "move it away, or name another folder with --out");
        if (Read(path) is { } other && other.Asked != cell.Asked)
            AtomicFile.Write(ArchivePathOf(folder, other.Key, other.Asked), ToJson(other));
        AtomicFile.Write(path, ToJson(cell));
        File.Delete(ArchivePathOf(folder, cell.Key, cell.Asked));   // one file a question
    }

    private static string ArchivePathOf(string folder, CellKey key, string digest) => Path.Combine(folder, key.FileNameFor(digest) + ".json");

    private static string ToJson(ComparedCell cell) => JsonSerializer.Serialize(cell, RunRecordFile.Json) + "\n";

    // Of whatever version.
    private static bool IsCellFile(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(RegularFile.ReadAllText(path, RunRecordFile.MaxBytes));
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("schemaVersion", out _) && document.RootElement.TryGetProperty("asked", out _);
        }
        catch (Exception other) when (other is IOException or UnauthorizedAccessException or JsonException)
        {
            return false;
        }
    }

    // Null where there is none, or where the file holds something else.
    private static ComparedCell? Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<ComparedCell>(RegularFile.ReadAllText(path, RunRecordFile.MaxBytes), RunRecordFile.Json) is { SchemaVersion: ComparedCell.CurrentSchemaVersion } cell ? cell : null;
        }
        catch (Exception unusable) when (unusable is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;   // it is run again, and written anew
        }
    }
}
