using System.Text;

namespace AdaptThenUnlearn.Files;

/// <summary>A folder as it was when it was hashed: the names and digests of all files in it.</summary>
/// <remarks>Everything that is read later is verified against these digests.</remarks>
public sealed class HashedFolder
{
    /// <summary>A folder with more files is not hashed; no set of images for a comparison is so large.</summary>
    internal const int MaxFiles = 2_000_000;

    private readonly Dictionary<string, string?> _digests;

    private HashedFolder(string path, string sha256, byte[] listing, Dictionary<string, string?> digests) =>
        (Path, Sha256, Listing, _digests) = (path, sha256, listing, digests);

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>SHA-256 of the names and digests of its files; 64 lower-case hexadecimal digits.</summary>
    public string Sha256 { get; }

    /// <summary>
    /// One line for each file, in ordinal order of the names: the name with forward slashes, a NUL character, and the SHA-256 of
    /// the file. The SHA-256 of these bytes, UTF-8, is <see cref="Sha256"/>.
    /// </summary>
    public ReadOnlyMemory<byte> Listing { get; }

    /// <summary>Names of the files, relative to the folder, with forward slashes.</summary>
    public IEnumerable<string> Names => _digests.Keys;

    /// <summary>Hashes the files of a folder and its sub-folders.</summary>
    /// <param name="folder">
    /// The folder. <see cref="FolderListing"/> decides which files are used. Only regular files have a digest.
    /// </param>
    /// <param name="cancel">Stops within a file.</param>
    /// <exception cref="IOException">The folder cannot be read, or contains too many files.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be read.</exception>
    public static HashedFolder Create(string folder, CancellationToken cancel = default)
    {
        var files = FolderListing.Scan(folder).Files;
        if (files.Count > MaxFiles)
            throw new IOException(FormattableString.Invariant($"'{folder}' contains more than {MaxFiles} files"));

        var digests = new Dictionary<string, string?>(StringComparer.Ordinal);
        using var listing = new MemoryStream();
        foreach (var name in files.Select(file => NameOf(folder, file)).Order(StringComparer.Ordinal))
        {
            var digest = DigestOf(System.IO.Path.Combine(folder, name), cancel);
            digests[name] = digest;
            listing.Write(Encoding.UTF8.GetBytes($"{name}\0{digest}\n"));
        }

        var bytes = listing.ToArray();
        return new HashedFolder(folder, Sha256Digest.Compute(bytes), bytes, digests);
    }

    /// <summary>Reads a file of the folder, verified against its digest.</summary>
    /// <param name="file">Its path, as the folder's files are listed.</param>
    /// <param name="maxBytes">A longer file is refused.</param>
    /// <exception cref="ChangedFileException">The file has changed since, or did not exist.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public byte[] Read(string file, long maxBytes)
    {
        var bytes = RegularFile.ReadAllBytes(file, maxBytes);
        return _digests.GetValueOrDefault(NameOf(Path, file)) == Sha256Digest.Compute(bytes)
            ? bytes
            : throw new ChangedFileException(file);
    }

    private static string NameOf(string folder, string file) => System.IO.Path.GetRelativePath(folder, file).Replace('\\', '/');

    private static string? DigestOf(string file, CancellationToken cancel)
    {
        try
        {
            return Sha256Digest.ComputeFile(file, cancel);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
