using System.Buffers;
using System.Security.Cryptography;
using System.Text;

namespace AdaptThenUnlearn.Files;

/// <summary>SHA-256 as policies, records and reports write it: 64 lower-case hexadecimal digits.</summary>
public static class Sha256Digest
{
    private const int BufferBytes = 1 << 18;

    /// <summary>The digest of a text in UTF-8.</summary>
    /// <param name="text">Any text.</param>
    public static string Compute(string text) => Compute(Encoding.UTF8.GetBytes(text));

    /// <summary>The digest of bytes.</summary>
    /// <param name="bytes">Any number of them.</param>
    public static string Compute(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    /// <summary>
    /// The digest of a file and of those that it names, because an index of several files does not tell what is in them.
    /// </summary>
    /// <param name="own">Digest of the file itself.</param>
    /// <param name="parts">Digests of the files that it names, in their order; empty where it names none.</param>
    /// <returns>The file's own digest where it names no other.</returns>
    public static string ComputeWhole(string own, IReadOnlyCollection<string> parts) =>
        parts.Count == 0 ? own : Compute(string.Join('\n', parts.Prepend(own)));

    /// <summary>
    /// The digest of a file, for files that are not read afterwards; <see cref="HashedFile"/> is for those that are.
    /// </summary>
    /// <param name="path">A regular file, or a link to one.</param>
    /// <param name="cancel">Ends it soon, also in a large file.</param>
    /// <exception cref="IOException">It is missing or not a regular file, cannot be read, or is being written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static string ComputeFile(string path, CancellationToken cancel = default)
    {
        using var handle = RegularFile.Open(path);
        using var whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);   // a folder may hold thousands of small files
        try
        {
            long offset = 0;
            for (int count; (count = RandomAccess.Read(handle, buffer, offset)) > 0; offset += count)
            {
                cancel.ThrowIfCancellationRequested();
                whole.AppendData(buffer, 0, count);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        return Convert.ToHexStringLower(whole.GetHashAndReset());
    }

    /// <summary>
    /// The digest of a file, or of the names and digests of the files that count in a folder (<see cref="FolderListing"/>).
    /// </summary>
    /// <param name="path">A regular file or a folder; anything else has no digest.</param>
    /// <param name="cancel">Ends it soon, also in a large file.</param>
    /// <returns>Null when it is not there or cannot be read.</returns>
    public static string? FindAt(string path, CancellationToken cancel = default)
    {
        try
        {
            return Directory.Exists(path) ? HashedFolder.Create(path, cancel).Sha256 : ComputeFile(path, cancel);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
