using System.Text.RegularExpressions;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Reports;

/// <summary>Pictures of a run that a report may hold as data: PNG files with the digests that the record states.</summary>
/// <remarks>
/// Curves are always held. Everything else shows images of the generators, and is held only where the policy lets samples leave
/// the build machine (<c>report.publishSamples</c>).
/// </remarks>
public sealed partial class RecordedPictures
{
    /// <summary>Most bytes of all pictures together, so that a report stays a page that can be mailed.</summary>
    public const int MaxBytes = 4 << 20;

    private const string DataPrefix = "data:image/png;base64,";

    private static readonly byte[] _signature = [0x89, .. "PNG\r\n"u8, 0x1A, (byte)'\n'];

    private readonly IReadOnlyDictionary<string, byte[]> _byDigest;

    private RecordedPictures(IReadOnlyDictionary<string, byte[]> byDigest) => _byDigest = byDigest;

    /// <summary>No pictures.</summary>
    public static RecordedPictures None { get; } = new(new Dictionary<string, byte[]>());

    /// <summary>Reads the pictures that lie beside a record; those that are missing, altered or too large are left out.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="record">Of the run; may come from anyone.</param>
    public static RecordedPictures Read(string folder, RunRecord record)
    {
        var read = new Dictionary<string, byte[]>();
        var room = MaxBytes;
        foreach (var picture in AllowedIn(record).OrderByDescending(picture => picture.Role == OutputRoles.Plot))
        {
            if (!Verification.IsWithin(picture.Path) || TryRead(Path.Combine(folder, picture.Path), room) is not { } bytes)
                continue;
            if (Sha256Digest.Compute(bytes) == picture.Sha256 && read.TryAdd(picture.Sha256, bytes))
                room -= bytes.Length;
        }

        return new(read);
    }

    /// <summary>
    /// Finds the pictures that a report holds, by the digests that the record states: what is needed to make that report again
    /// where the files themselves are missing.
    /// </summary>
    /// <param name="report">The report's text.</param>
    /// <param name="record">Of the run.</param>
    public static RecordedPictures FindIn(string report, RunRecord record)
    {
        var digests = AllowedIn(record).Select(picture => picture.Sha256).ToHashSet();
        var found = new Dictionary<string, byte[]>();
        foreach (var held in DataPattern().EnumerateMatches(report))
        {
            var data = report.AsSpan(held.Index, held.Length)[DataPrefix.Length..];
            var bytes = new byte[data.Length];
            if (Convert.TryFromBase64Chars(data, bytes, out var length)
                && Sha256Digest.Compute(bytes.AsSpan(0, length)) is var digest
                && digests.Contains(digest))
                found[digest] = bytes[..length];
        }

        return new(found);
    }

    /// <summary>Whether an output is a picture.</summary>
    internal static bool IsPicture(OutputFile output) => output.Path.EndsWith(".png", StringComparison.Ordinal);

    /// <summary>Whether a report may hold a picture under the policy.</summary>
    internal static bool IsAllowed(RunRecord record, OutputFile picture) =>
        picture.Role == OutputRoles.Plot || record.Policy.Report.PublishSamples;

    /// <summary>The picture as an address that holds it; null where it may not be held, or is not here.</summary>
    internal string? FindData(RunRecord record, OutputFile picture) =>
        IsAllowed(record, picture) && _byDigest.TryGetValue(picture.Sha256, out var bytes)
            ? DataPrefix + Convert.ToBase64String(bytes)
            : null;

    private static IEnumerable<OutputFile> AllowedIn(RunRecord record) =>
        record.Outputs.Where(output => IsPicture(output) && IsAllowed(record, output));

    private static byte[]? TryRead(string path, int room)
    {
        try
        {
            var bytes = RegularFile.ReadAllBytes(path, room);
            return bytes.AsSpan().StartsWith(_signature) ? bytes : null;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    [GeneratedRegex("data:image/png;base64,[A-Za-z0-9+/=]+")]
    private static partial Regex DataPattern();
}
