using System.Text.Json;
using System.Text.Json.Serialization;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Torch.Attacks;

/// <summary>Identifies one attack on one generator.</summary>
/// <param name="Attack">Name of the attack.</param>
/// <param name="Feature">The feature's name in the policy.</param>
/// <param name="Generator">Which generator.</param>
public sealed record AttackKey(string Attack, string Feature, AttackedGenerator Generator)
{
    /// <summary>Name of the files without their endings: lower-case letters, digits and hyphens.</summary>
    [JsonIgnore]
    public string FileName => $"{Attack}-{Feature}-{Generator.ToString().ToLowerInvariant()}";

    /// <inheritdoc/>
    public override string ToString() => $"{Attack} on {Generator.ToString().ToLowerInvariant()}, {Feature}";
}

/// <summary>The result of one attack on one generator, as a file, so that an interrupted command can continue.</summary>
/// <param name="SchemaVersion">Always <see cref="CurrentSchemaVersion"/>.</param>
/// <param name="Key">What was attacked by what.</param>
/// <param name="Asked">Digest of everything that decides the result.</param>
/// <param name="Tool">Name and version of the tool.</param>
/// <param name="Device">Where it was computed.</param>
/// <param name="Threads">CPU threads of tensor operations.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="Reading">The counts.</param>
/// <param name="PictureSha256">Digest of the picture beside the cell; null where nothing was found.</param>
public sealed record AttackCell(
    int SchemaVersion,
    AttackKey Key,
    string Asked,
    string Tool,
    string Device,
    int Threads,
    double Seconds,
    AttackReading Reading,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? PictureSha256 = null)
{
    /// <summary>The schema version of the cells that this version writes and reads.</summary>
    public const int CurrentSchemaVersion = 1;

    private const long MaxBytes = 4 << 20;

    /// <summary>Names of the files of a cell, relative to its folder.</summary>
    public static IReadOnlyList<string> NamesOf(AttackKey key) => [$"{key.FileName}.json", $"{key.FileName}.png"];

    /// <summary>Finds a cell, with its picture; null where there is none for this question.</summary>
    /// <param name="folder">Of the cells.</param>
    /// <param name="key">What was attacked by what.</param>
    /// <param name="asked">
    /// Digest of everything that decides the result; null for any, where the folder's name has such a digest.
    /// </param>
    public static AttackCell? Find(string folder, AttackKey key, string? asked)
    {
        try
        {
            var text = RegularFile.ReadAllText(Path.Combine(folder, NamesOf(key)[0]), MaxBytes);
            return JsonSerializer.Deserialize<AttackCell>(text, RunRecordFile.Json) is { } cell
                && cell.SchemaVersion == CurrentSchemaVersion
                && cell.Key == key
                && (asked is null || cell.Asked == asked)
                && cell.Reading.Attack == key.Attack
                && cell.Reading.Feature == key.Feature
                && cell.Reading.IsPossible
                && (cell.PictureSha256 is null
                    || Sha256Digest.FindAt(Path.Combine(folder, NamesOf(key)[1])) == cell.PictureSha256)
                    ? cell
                    : null;
        }
        catch (Exception unusable) when (unusable is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;   // the attack is made again, and the file replaced
        }
    }

    /// <summary>Writes the picture, and then the cell, each whole or not at all.</summary>
    /// <param name="folder">Of the cells; created where it is missing.</param>
    /// <param name="picture">A PNG file's bytes; null where nothing was found.</param>
    /// <exception cref="FileNotWrittenException">A file cannot be written.</exception>
    public void Write(string folder, byte[]? picture)
    {
        var path = Path.Combine(folder, NamesOf(Key)[1]);
        if (picture is not null)
            AtomicFile.Write(path, picture);
        AtomicFile.Write(Path.Combine(folder, NamesOf(Key)[0]), JsonSerializer.Serialize(this, RunRecordFile.Json) + "\n");
        if (picture is null)
            File.Delete(path);   // of an earlier cell
    }
}
