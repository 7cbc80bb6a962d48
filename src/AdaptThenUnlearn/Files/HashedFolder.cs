using System.Security.Cryptography;
using System.Text;

namespace AdaptThenUnlearn.Files;

/// <summary>A folder as it was when it was hashed: the names and digests of all files in it. What is read of it later is proven to be what was hashed.</summary>
public sealed class HashedFolder
{
    /// <summary>A folder with more files is not hashed: no set of images that is compared has so many.</summary>
    internal const int MaxFiles = 2_000_000;

    private readonly Dictionary<string, string?> _digests;

    private HashedFolder(string path, string sha256, Dictionary<string, string?> digests) => (Path, Sha256, _digests) = (path, sha256, digests);

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>Of the names and digests of its files; 64 lower-case hexadecimal digits.</summary>
    public string Sha256 { get; }

    /// <summary>Hashes the files that count in a folder and its sub-folders.</summary>
    /// <param name="folder">Which files count is said by <see cref="FolderListing"/>; what is no regular file has no digest.</param>
    /// <param name="cancel">Ends it within a file.</param>
    /// <exception cref="IOException">It cannot be read, or holds too many files.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static HashedFolder Create(string folder, CancellationToken cancel = default)
    {
        var files = FolderListing.Scan(folder).Files;
        if (files.Count > MaxFiles)
            throw new IOException(FormattableString.Invariant($"'{folder}' holds more than {MaxFiles} files"));

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

    /// <summary>Reads a file of the folder; the bytes are those that were hashed.</summary>
    /// <param name="file">Its path, as the folder's files are listed.</param>
    /// <param name="maxBytes">A longer one is refused.</param>
    /// <exception cref="ChangedFileException">It has changed since, or was not there.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public byte[] Read(string file, long maxBytes)
    {
        var bytes = RegularFile.ReadAllBytes(file, maxBytes);
        return _digests.GetValueOrDefault(NameOf(Path, file)) == Sha256Digest.Compute(bytes) ? bytes : throw new ChangedFileException(file);
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
