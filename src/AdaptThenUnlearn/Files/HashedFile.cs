using System.Buffers;
using System.Security.Cryptography;

namespace AdaptThenUnlearn.Files;

/// <summary>A file as it was when it was hashed: whatever is read of it later is proven to be what was hashed, piece by piece.</summary>
/// <remarks>
/// The file is not kept open and not held in memory. Beside the digest of the whole file, that of each piece of <see cref="PieceBytes"/> is kept
/// (32 bytes a piece), and a piece that is read again is held against its own. A file that is swapped for another one and back between the
/// two is therefore noticed, or what was hashed is read.
/// </remarks>
public sealed class HashedFile
{
    /// <summary>Bytes in a piece.</summary>
    internal const int PieceBytes = 1 << 18;

    private readonly byte[] _pieces;

    private HashedFile(string path, long length, string sha256, byte[] pieces) => (Path, Length, Sha256, _pieces) = (path, length, sha256, pieces);

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Its length in bytes.</summary>
    public long Length { get; }

    /// <summary>Of its bytes; 64 lower-case hexadecimal digits.</summary>
    public string Sha256 { get; }

    /// <summary>Hashes a file.</summary>
    /// <param name="path">A regular file, or a link to one.</param>
    /// <param name="cancel">Ends it within a piece.</param>
    /// <exception cref="IOException">It is missing or not a regular file, cannot be read, or is being written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static HashedFile Create(string path, CancellationToken cancel = default)
    {
        using var handle = RegularFile.Open(path);
        using var whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var length = RandomAccess.GetLength(handle);
        var pieces = new byte[(length + PieceBytes - 1) / PieceBytes * SHA256.HashSizeInBytes];
        var buffer = ArrayPool<byte>.Shared.Rent(PieceBytes);
        try
        {
            for (long offset = 0; offset < length; offset += PieceBytes)
            {
                cancel.ThrowIfCancellationRequested();
                var piece = buffer.AsSpan(0, (int)Math.Min(PieceBytes, length - offset));
                ReadExactly(handle, offset, piece, path);
                whole.AppendData(piece);
                SHA256.HashData(piece, pieces.AsSpan((int)(offset / PieceBytes) * SHA256.HashSizeInBytes, SHA256.HashSizeInBytes));
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        return new HashedFile(path, length, Convert.ToHexStringLower(whole.GetHashAndReset()), pieces);
    }

    /// <summary>Opens the file once more; what is read is proven to be what was hashed.</summary>
    /// <returns>Can seek; belongs to the caller.</returns>
    /// <exception cref="ChangedFileException">It has another length now.</exception>
    /// <exception cref="IOException">It is missing, not a regular file any more, or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public Stream OpenRead()
    {
        var handle = RegularFile.Open(Path);
        if (RandomAccess.GetLength(handle) == Length)
            return new VerifiedStream(handle, this);

        handle.Dispose();
        throw new ChangedFileException(Path);
    }

    /// <summary>Reads the whole file; the bytes are those that were hashed.</summary>
    /// <inheritdoc cref="OpenRead"/>
    public byte[] ReadAllBytes()
    {
        using var stream = OpenRead();
        if (Length > Array.MaxLength)
            throw new FileTooLongException(Path, Length, Array.MaxLength);

        var bytes = new byte[Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    /// <summary>Whether these bytes are the ones of a piece that were hashed.</summary>
    /// <param name="number">Of the piece, from 0.</param>
    /// <param name="bytes">All of it.</param>
    internal bool MatchesPiece(long number, ReadOnlySpan<byte> bytes)
    {
        Span<byte> found = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes, found);
        return found.SequenceEqual(_pieces.AsSpan((int)number * SHA256.HashSizeInBytes, SHA256.HashSizeInBytes));
    }

    /// <summary>Fills a buffer from an open file.</summary>
    /// <exception cref="ChangedFileException">The file has become shorter.</exception>
    internal static void ReadExactly(Microsoft.Win32.SafeHandles.SafeFileHandle handle, long offset, Span<byte> into, string path)
    {
        while (into.Length > 0)
        {
            var count = RandomAccess.Read(handle, into, offset);
            if (count == 0)
                throw new ChangedFileException(path);

            into = into[count..];
            offset += count;
        }
    }
}
