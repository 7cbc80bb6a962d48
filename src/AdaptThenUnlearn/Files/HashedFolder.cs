using System.Security.Cryptography;
using System.Text;

namespace AdaptThenUnlearn.Files;

/// <summary>A folder as it was when it was hashed: the names and digests of all files in it.</summary>
/// <remarks>Everything that is read later is verified against these digests.</remarks>
public sealed class HashedFolder
{
    /// <summary>A folder with more files is not hashed; no set of images for a comparison is so large.</summary>
    internal const int MaxFiles = 2_000_000;

    private readonly Dictionary<string, string?> _digests;

    private HashedFolder(string path, string sha256, Dictionary<string, string?> digests) =>
        (Path, Sha256, _digests) = (path, sha256, digests);

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>SHA-256 of the names and digests of its files; 64 lower-case hexadecimal digits.</summary>
    public string Sha256 { get; }

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
        using var whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var name in files.Select(file => NameOf(folder, file)).Order(StringComparer.Ordinal))
        {
            var digest = DigestOf(System.IO.Path.Combine(folder, name), cancel);
            digests[name] = digest;
            whole.AppendData(Encoding.UTF8.GetBytes($"{name}\0{digest}\n"));
        }

        return new HashedFolder(folder, Convert.ToHexStringLower(whole.GetHashAndReset()), digests);
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
