using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace AdaptThenUnlearn.Files;

/// <summary>Reads a file that was hashed before; every piece is verified before its bytes are returned.</summary>
/// <param name="handle">Open for reading; the stream owns it.</param>
/// <param name="file">The file as it was hashed.</param>
internal sealed class VerifiedStream(SafeFileHandle handle, HashedFile file) : Stream
{
    // Rented from a pool: a checkpoint of many small tensors opens the file for each, and new arrays would burden the garbage
    // collector.
    private byte[] _piece = [];
    private long _pieceNumber = -1;

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => true;

    /// <inheritdoc/>
    public override bool CanWrite => false;

    /// <inheritdoc/>
    public override long Length => file.Length;

    /// <inheritdoc/>
    public override long Position { get; set; }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    /// <exception cref="ChangedFileException">The file has changed since it was hashed.</exception>
    public override int Read(Span<byte> buffer)
    {
        var wanted = buffer = buffer[..(int)Math.Clamp(Length - Position, 0, buffer.Length)];
        while (buffer.Length > 0)
        {
            var (number, within) = Math.DivRem(Position, HashedFile.PieceBytes);
            var pieceBytes = (int)Math.Min(HashedFile.PieceBytes, Length - number * HashedFile.PieceBytes);
            var count = Math.Min(buffer.Length, pieceBytes - (int)within);
            if (count == pieceBytes)
                Fill(number, buffer[..count]);   // directly into the caller's buffer
            else
                Piece(number, pieceBytes).AsSpan((int)within, count).CopyTo(buffer);

            Position += count;
            buffer = buffer[count..];
        }

        return wanted.Length;
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => Position = origin switch
    {
        SeekOrigin.Begin => offset,
        SeekOrigin.Current => Position + offset,
        _ => Length + offset,
    };

    /// <inheritdoc/>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            handle.Dispose();
            GiveBack();
        }

        base.Dispose(disposing);
    }

    private byte[] Piece(long number, int bytes)
    {
        if (number == _pieceNumber)
            return _piece;

        if (_piece.Length < bytes)
        {
            GiveBack();
            _piece = ArrayPool<byte>.Shared.Rent(bytes);
        }

        _pieceNumber = -1;
        Fill(number, _piece.AsSpan(0, bytes));
        _pieceNumber = number;
        return _piece;
    }

    private void GiveBack()
    {
        if (_piece.Length > 0)
            ArrayPool<byte>.Shared.Return(_piece);
        (_piece, _pieceNumber) = ([], -1);
    }

    private void Fill(long number, Span<byte> piece)
    {
        HashedFile.ReadExactly(handle, number * HashedFile.PieceBytes, piece, file.Path);
        if (!file.MatchesPiece(number, piece))
            throw new ChangedFileException(file.Path);
    }
}
