using System.Text.Json;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Comparing;

/// <summary>Reads and writes cells, one file each, so that several processes can fill one folder.</summary>
public static class ComparedCellFile
{
    /// <summary>Path of a cell's file.</summary>
    public static string PathOf(string folder, CellKey key) => Path.Combine(folder, key.FileName + ".json");

    /// <summary>The cell of a key; null where there is none, or where the file holds something else.</summary>
    public static ComparedCell? Find(string folder, CellKey key)
    {
        try
        {
            var cell = JsonSerializer.Deserialize<ComparedCell>(File.ReadAllText(PathOf(folder, key)), RunRecordFile.Json);
            return cell?.SchemaVersion == ComparedCell.CurrentSchemaVersion && cell.Key == key ? cell : null;
        }
        catch (Exception unusable) when (unusable is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;   // it is run again, and written anew
        }
    }

    /// <summary>Writes a cell, whole or not at all.</summary>
    /// <exception cref="FileNotWrittenException">The folder cannot be written.</exception>
    public static void Write(string folder, ComparedCell cell) =>
        ReplacedFile.Write(PathOf(folder, cell.Key), JsonSerializer.Serialize(cell, RunRecordFile.Json) + "\n");
}
