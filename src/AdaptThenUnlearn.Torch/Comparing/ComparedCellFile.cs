using System.Text.Json;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Torch.Comparing;

/// <summary>Reads and writes cells, one file each, so that several processes can fill one folder.</summary>
public static class ComparedCellFile
{
    /// <summary>Path of a cell's file.</summary>
    public static string PathOf(string folder, CellKey key) => Path.Combine(folder, key.FileName + ".json");

    /// <summary>
    /// The cell of a run with certain settings and inputs, whether it is the run's latest cell or an archived one; null where
    /// there is none.
    /// </summary>
    /// <param name="folder">The folder of the cells.</param>
    /// <param name="key">The run.</param>
    /// <param name="digest">Digest of everything that decides the result.</param>
    public static ComparedCell? Find(string folder, CellKey key, string digest)
    {
        string[] paths = [PathOf(folder, key), ArchivePathOf(folder, key, digest)];
        return paths.Select(Read).FirstOrDefault(cell => cell is not null && cell.Key == key && cell.Asked == digest);
    }

    /// <summary>Writes a cell, whole or not at all.</summary>
    /// <remarks>A cell of other settings or inputs is archived, because runs take long and the settings may come back.</remarks>
    /// <exception cref="FileNotWrittenException">The folder cannot be written, or another file has the cell's name.</exception>
    public static void Write(string folder, ComparedCell cell)
    {
        // Refuse to overwrite another program's file.
        var path = PathOf(folder, cell.Key);
        if (Path.Exists(path) && new FileInfo(path).Length > 0 && !IsCellFile(path))
            throw new FileNotWrittenException(
                path, "is there already, and is not a cell of a comparison", "move it away, or name another folder with --out");

        // Archive the cell that is there, then keep only one file for these settings.
        if (Read(path) is { } other && other.Asked != cell.Asked)
            AtomicFile.Write(ArchivePathOf(folder, other.Key, other.Asked), ToJson(other));
        AtomicFile.Write(path, ToJson(cell));
        File.Delete(ArchivePathOf(folder, cell.Key, cell.Asked));
    }

    private static string ArchivePathOf(string folder, CellKey key, string digest) =>
        Path.Combine(folder, key.FileNameFor(digest) + ".json");

    private static string ToJson(ComparedCell cell) => JsonSerializer.Serialize(cell, RunRecordFile.Json) + "\n";

    // Whether it is a cell of any version.
    private static bool IsCellFile(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(RegularFile.ReadAllText(path, RunRecordFile.MaxBytes));
            return document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("schemaVersion", out _)
                && document.RootElement.TryGetProperty("asked", out _);
        }
        catch (Exception other) when (other is IOException or UnauthorizedAccessException or JsonException)
        {
            return false;
        }
    }

    // Null where the file is missing, or is not a cell of this version.
    private static ComparedCell? Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<ComparedCell>(
                RegularFile.ReadAllText(path, RunRecordFile.MaxBytes),
                RunRecordFile.Json) is { SchemaVersion: ComparedCell.CurrentSchemaVersion } cell
                ? cell
                : null;
        }
        catch (Exception unusable) when (unusable is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;   // the run is made again, and the file replaced
        }
    }
}
