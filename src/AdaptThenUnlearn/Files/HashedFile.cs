using System.Buffers;
using System.Security.Cryptography;

namespace AdaptThenUnlearn.Files;

/// <summary>
/// A file as it was when it was hashed: everything that is read later is verified against the hash, piece by piece.
/// </summary>
/// <remarks>
/// The file is neither kept open nor kept in memory. Beside the digest of the whole file, the digest of each piece of
/// <see cref="PieceBytes"/> bytes is kept (32 bytes for each), and a piece that is read again must have its digest. A file that
/// is replaced and restored between the two reads is therefore noticed, or the hashed bytes are read.
/// </remarks>
public sealed class HashedFile
{
    /// <summary>Bytes in a piece.</summary>
    internal const int PieceBytes = 1 << 18;

    private readonly byte[] _pieces;

    private HashedFile(string path, long length, string sha256, byte[] pieces) =>
        (Path, Length, Sha256, _pieces) = (path, length, sha256, pieces);

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Its length in bytes.</summary>
    public long Length { get; }

    /// <summary>SHA-256 of its bytes; 64 lower-case hexadecimal digits.</summary>
    public string Sha256 { get; }

    /// <summary>Hashes a file.</summary>
    /// <param name="path">A regular file, or a link to one.</param>
    /// <param name="cancel">Stops at the next piece.</param>
    /// <exception cref="IOException">The file is missing or not a regular file, cannot be read, or is being written.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
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
                SHA256.HashData(
                    piece, pieces.AsSpan((int)(offset / PieceBytes) * SHA256.HashSizeInBytes, SHA256.HashSizeInBytes));
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        return new HashedFile(path, length, Convert.ToHexStringLower(whole.GetHashAndReset()), pieces);
    }

    /// <summary>Opens the file again; everything that is read is verified against the hash.</summary>
    /// <returns>A stream that can seek; belongs to the caller.</returns>
    /// <exception cref="ChangedFileException">The file has another length now.</exception>
    /// <exception cref="IOException">The file is missing, is no longer a regular file, or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public Stream OpenRead()
    {
        var handle = RegularFile.Open(Path);
        if (RandomAccess.GetLength(handle) == Length)
            return new VerifiedStream(handle, this);

        handle.Dispose();
        throw new ChangedFileException(Path);
    }

    /// <summary>Reads the whole file, verified against the hash.</summary>
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

    /// <summary>Whether a piece has the bytes that were hashed.</summary>
    /// <param name="number">Number of the piece, from 0.</param>
    /// <param name="bytes">All bytes of the piece.</param>
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
