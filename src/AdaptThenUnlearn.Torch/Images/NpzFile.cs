using System.IO.Compression;
using AdaptThenUnlearn.Files;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>
/// Reads and writes <c>.npz</c> archives: a zip of <c>.npy</c> arrays, stored or deflated. Only wanted arrays are unpacked, and
/// none is evaluated.
/// </summary>
/// <remarks>Format: NumPy documentation, <c>numpy.savez</c> and <c>numpy.savez_compressed</c>.</remarks>
public static class NpzFile
{
    private const long MostBytes = 1L << 29;        // of one array unpacked: a covariance of 8,192 dimensions
    private const long MostExpansion = 1032;        // deflate's maximum (zlib documentation, "Maximum Compression Factor")
    private const string Ending = ".npy";
    private const string Comment = "AdaptThenUnlearn";
    // One fixed date: the same arrays give the same bytes.
    private static readonly DateTimeOffset _timeless = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Reads arrays by name.</summary>
    /// <param name="path">The archive.</param>
    /// <param name="names">Names without <c>.npy</c>. Arrays that the archive does not hold are missing in the result.</param>
    /// <returns>On the CPU; belong to the caller's scope.</returns>
    /// <exception cref="ImageFileException">
    /// The file is missing, damaged or not such an archive, or an array is too large, holds objects, or is not one that
    /// <see cref="NumpyFile"/> reads.
    /// </exception>
    public static IReadOnlyDictionary<string, Tensor> Read(string path, params IReadOnlyList<string> names) =>
        Read(path, hashed: null, names);

    /// <inheritdoc cref="Read(string, IReadOnlyList{string})"/>
    /// <param name="path">The archive.</param>
    /// <param name="hashed">
    /// The archive as it was hashed before, so that no other bytes are read; null to read the file as it is.
    /// </param>
    /// <param name="names">Names without <c>.npy</c>.</param>
    public static IReadOnlyDictionary<string, Tensor> Read(string path, HashedFile? hashed, params IReadOnlyList<string> names)
    {
        try
        {
            using var stream = hashed?.OpenRead() ?? RegularFile.OpenRead(path);
            using var archive = new ZipArchive(stream, ZipArchiveMode.Read);
            var found = new Dictionary<string, Tensor>();
            foreach (var name in names)
            {
                List<ZipArchiveEntry> entries = [.. archive.Entries.Where(entry => entry.FullName == name + Ending)];
                if (entries.Count > 1)
                    throw new ImageFileException(path, $"holds two arrays '{name}'");
                if (entries.Count == 1)
                    found.Add(name, NumpyFile.Parse($"{path}, array '{name}'", Unpacked(path, entries[0], stream.Length)));
            }

            return found;
        }
        catch (InvalidDataException damaged)
        {
            throw new ImageFileException(path, $"is damaged, or is not an .npz archive: {damaged.Message}", damaged);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new ImageFileException(path, $"the archive cannot be read: {failed.Message}", failed);
        }
    }

    /// <summary>Writes arrays, deflated, to a temporary file and moves it into place.</summary>
    /// <param name="path">The archive.</param>
    /// <param name="arrays">
    /// The arrays with their names, in order; of the element types that <see cref="NumpyFile"/> writes.
    /// </param>
    /// <exception cref="FileNotWrittenException">The file cannot be written.</exception>
    public static void Write(string path, params IReadOnlyList<(string Name, Tensor Array)> arrays)
    {
        using var content = new MemoryStream();
        using (var archive = new ZipArchive(content, ZipArchiveMode.Create, leaveOpen: true))
        {
            archive.Comment = Comment;
            foreach (var (name, array) in arrays)
            {
                var entry = archive.CreateEntry(name + Ending, CompressionLevel.Fastest);
                entry.LastWriteTime = _timeless;
                using var packed = entry.Open();
                packed.Write(NumpyFile.Bytes(path, array));
            }
        }

        AtomicFile.Write(path, content.ToArray());
    }

    /// <summary>Whether a file is an archive that this tool wrote, as its comment says.</summary>
    /// <param name="path">Any path.</param>
    public static bool IsWrittenByAtu(string path)
    {
        try
        {
            using var stream = RegularFile.OpenRead(path);
            using var archive = new ZipArchive(stream, ZipArchiveMode.Read);
            return archive.Comment == Comment;
        }
        catch (Exception other) when (other is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return false;
        }
    }

    private static byte[] Unpacked(string path, ZipArchiveEntry entry, long fileBytes)
    {
        var where = $"array '{entry.FullName[..^Ending.Length]}'";
        if (entry.Length > MostBytes)
            throw new ImageFileException(
                path, FormattableString.Invariant($"{where} claims {entry.Length} bytes, and {MostBytes} are read at most"));
        if (entry.CompressedLength > fileBytes || entry.Length > entry.CompressedLength * MostExpansion)
            throw new ImageFileException(
                path, FormattableString.Invariant($"{where} claims {entry.Length} bytes, which cannot be packed in this file"));

        using var packed = entry.Open();
        var bytes = new byte[entry.Length];
        var read = packed.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        return read == bytes.Length
            ? bytes
            : throw new ImageFileException(
                path, FormattableString.Invariant($"{where} does not hold the {entry.Length} bytes that it claims"));
    }
}
