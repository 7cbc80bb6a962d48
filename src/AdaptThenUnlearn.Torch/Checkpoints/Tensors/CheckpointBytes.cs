using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Torch.Checkpoints.Tensors;

/// <summary>
/// The bytes of one checkpoint file, read by offset. Every failure of the file system becomes a
/// <see cref="CheckpointException"/>.
/// </summary>
internal sealed class CheckpointBytes : IDisposable
{
    private readonly Stream _stream;

    private CheckpointBytes(CheckpointFile file, Stream stream) => (File, _stream, Length) = (file, stream, stream.Length);

    /// <summary>The file.</summary>
    public CheckpointFile File { get; }

    /// <summary>Path of the file.</summary>
    public string Path => File.Path;

    /// <summary>Length of the content in bytes; at least 1.</summary>
    public long Length { get; }

    /// <summary>Opens a file for reading.</summary>
    /// <exception cref="CheckpointException">
    /// The file is missing, empty, not a regular file, may not be read, or has changed since it was hashed.
    /// </exception>
    public static CheckpointBytes Open(CheckpointFile file)
    {
        var opened = new CheckpointBytes(file, RunOrExplain(file.Path, file.OpenStream));
        if (opened.Length > 0)
            return opened;

        opened.Dispose();
        throw Empty(file.Path);
    }

    /// <summary>Decoded bytes of a file that keeps them in another form.</summary>
    /// <param name="file">The file, for messages.</param>
    /// <param name="content">The decoded bytes.</param>
    public static CheckpointBytes FromMemory(CheckpointFile file, byte[] content) =>
        new(file, new MemoryStream(content, writable: false));

    /// <summary>Fills a buffer from the file.</summary>
    /// <param name="offset">Offset of the first byte.</param>
    /// <param name="into">The buffer, which is filled completely.</param>
    /// <param name="what">What is read, for the message.</param>
    /// <exception cref="CheckpointException">
    /// The file ends before the buffer is full, has changed since it was hashed, or reading fails.
    /// </exception>
    public void Read(long offset, Span<byte> into, string what)
    {
        if (offset < 0 || into.Length > Length - offset)
            throw TooShort(what);

        try
        {
            _stream.Position = offset;
            if (_stream.ReadAtLeast(into, into.Length, throwOnEndOfStream: false) < into.Length)
                throw TooShort(what);
        }
        catch (ChangedFileException changed)
        {
            throw Changed(Path, changed);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(
                Path,
                $"cannot be read: {CheckpointException.Sanitize(failed.Message)}",
                "check the disk it lies on",
                what,
                failed);
        }
    }

    /// <inheritdoc cref="Read(long, Span{byte}, string)"/>
    /// <param name="offset">Offset of the first byte.</param>
    /// <param name="count">Number of bytes.</param>
    /// <param name="what">What is read, for the message.</param>
    public byte[] Read(long offset, int count, string what)
    {
        if (offset < 0 || count > Length - offset)
            throw TooShort(what);

        var bytes = new byte[count];
        Read(offset, bytes, what);
        return bytes;
    }

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();

    /// <summary>Opens something at a path. Exceptions of the file system become a <see cref="CheckpointException"/>.</summary>
    public static T RunOrExplain<T>(string path, Func<T> open)
    {
        if (string.IsNullOrWhiteSpace(path))
            throw new CheckpointException("checkpoint", "its path is empty", "name a file");
        if (Directory.Exists(path))
            throw new CheckpointException(path, "is a folder, not a checkpoint file", "name the file in it");

        try
        {
            return open();
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CheckpointException(
                path, "there is no such file", "check the path; it is relative to the file that names it", cause: missing);
        }
        catch (UnauthorizedAccessException refused)
        {
            throw new CheckpointException(path, "may not be read", "give this user permission to read it", cause: refused);
        }
        catch (ChangedFileException changed)
        {
            throw Changed(path, changed);
        }
        catch (IOException failed)
        {
            throw new CheckpointException(
                path,
                $"cannot be opened: {CheckpointException.Sanitize(failed.Message, 300)}",
                "check that it is a plain file on a healthy disk",
                cause: failed);
        }
    }

    /// <summary>The exception for a file without content.</summary>
    public static CheckpointException Empty(string path) =>
        new(path, "is empty or not a plain file", "copy or download it again");

    private static CheckpointException Changed(string path, ChangedFileException changed) =>
        new(
            path,
            "has changed since it was hashed, so nothing of it was used",
            "run again on the file as it is now",
            cause: changed);

    private CheckpointException TooShort(string what) =>
        new(Path, $"ends before its content does ({Length} bytes)", "it is cut off; copy or download it again", what);
}
