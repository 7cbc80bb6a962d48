using Microsoft.Win32.SafeHandles;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>The bytes of one checkpoint file, read by offset; every trouble with the file system becomes a <see cref="CheckpointException"/>.</summary>
internal sealed class CheckpointBytes : IDisposable
{
    private readonly SafeFileHandle? _handle;
    private readonly byte[] _content = [];

    private CheckpointBytes(string path, SafeFileHandle handle, long length) => (Path, _handle, Length) = (path, handle, length);

    private CheckpointBytes(string path, byte[] content) => (Path, _content, Length) = (path, content, content.Length);

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Its length in bytes when it was opened; at least 1.</summary>
    public long Length { get; }

    /// <summary>Opens a file for reading.</summary>
    /// <exception cref="CheckpointException">It is missing, a folder, empty, or may not be read.</exception>
    public static CheckpointBytes Open(string path)
    {
        if (string.IsNullOrWhiteSpace(path))
            throw new CheckpointException("checkpoint", "its path is empty", "name a file");
        if (Directory.Exists(path))
            throw new CheckpointException(path, "is a folder, not a checkpoint file", "name the file in it");

        try
        {
            var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            var opened = new CheckpointBytes(path, handle, RandomAccess.GetLength(handle));
            if (opened.Length > 0)
                return opened;

            opened.Dispose();
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException or ArgumentException)
        {
            throw new CheckpointException(path, "there is no such file", "check the path; it is relative to the file that names it", cause: missing);
        }
        catch (UnauthorizedAccessException refused)
        {
            throw new CheckpointException(path, "may not be read", "give this user permission to read it", cause: refused);
        }
        catch (Exception failed) when (failed is IOException or NotSupportedException)
        {
            throw new CheckpointException(path, $"cannot be opened: {CheckpointException.Shown(failed.Message)}", "check that it is a plain file on a healthy disk", cause: failed);
        }

        throw new CheckpointException(path, "is empty or not a plain file", "copy or download it again");
    }

    /// <summary>Bytes that a file keeps in another form, as they are once they are decoded.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="content">All of them.</param>
    public static CheckpointBytes Decoded(string path, byte[] content) => new(path, content);

    /// <summary>Fills a buffer.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="into">Filled to its end.</param>
    /// <param name="what">What is being read, for the message.</param>
    /// <exception cref="CheckpointException">The file ends before the buffer is full, or reading fails.</exception>
    public void Read(long offset, Span<byte> into, string what)
    {
        if (offset < 0 || into.Length > Length - offset)
            throw TooShort(what);

        while (into.Length > 0)
        {
            var count = ReadSome(offset, into, what);
            if (count == 0)
                throw TooShort(what);

            into = into[count..];
            offset += count;
        }
    }

    /// <inheritdoc cref="Read(long, Span{byte}, string)"/>
    /// <param name="offset">First byte.</param>
    /// <param name="count">How many bytes.</param>
    /// <param name="what">What is being read, for the message.</param>
    public byte[] Read(long offset, int count, string what)
    {
        if (offset < 0 || count > Length - offset)
            throw TooShort(what);

        var bytes = new byte[count];
        Read(offset, bytes, what);
        return bytes;
    }

    /// <inheritdoc/>
    public void Dispose() => _handle?.Dispose();

    private int ReadSome(long offset, Span<byte> into, string what)
    {
        if (_handle is null)
        {
            _content.AsSpan((int)offset, into.Length).CopyTo(into);
            return into.Length;
        }

        try
        {
            return RandomAccess.Read(_handle, into, offset);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(Path, $"cannot be read: {CheckpointException.Shown(failed.Message)}", "check the disk it lies on", what, failed);
        }
    }

    private CheckpointException TooShort(string what) =>
        new(Path, $"ends before its content does ({Length} bytes)", "it is cut off; copy or download it again", what);
}
