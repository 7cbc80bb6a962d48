using System.Collections.Concurrent;
using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Torch.Checkpoints.Tensors;

/// <summary>
/// The file of a checkpoint, hashed once. Its format, description and tensors are read from the bytes that were hashed; otherwise
/// reading fails.
/// </summary>
/// <remarks>
/// Code that needs a digest and the content must take both from one object of this class, because opening the path twice could
/// open two files. No file is kept open and no content is held (<see cref="HashedFile"/>). The files that an index names are
/// opened once each.
/// </remarks>
public sealed class CheckpointFile
{
    private readonly HashedFile? _hashed;
    private readonly ConcurrentDictionary<string, CheckpointFile> _beside = [];
    private readonly Func<string, CheckpointFile> _open;
    private byte[]? _start;

    private CheckpointFile(string path, HashedFile? hashed, Func<string, CheckpointFile> open) =>
        (Path, _hashed, _open) = (path, hashed, open);

    /// <summary>Path of the file.</summary>
    public string Path { get; }

    /// <summary>Its SHA-256; 64 lower-case hexadecimal digits.</summary>
    public string Sha256 =>
        _hashed?.Sha256 ?? throw new InvalidOperationException("a file that was opened for a hint has no digest");

    /// <summary>Opens a file and hashes it whole.</summary>
    /// <param name="path">The file.</param>
    /// <param name="cancel">Ends hashing soon, also in a large file.</param>
    /// <exception cref="CheckpointException">The file is missing, empty, not a regular file, or may not be read.</exception>
    public static CheckpointFile Open(string path, CancellationToken cancel = default)
    {
        var hashed = CheckpointBytes.RunOrExplain(path, () => HashedFile.Create(path, cancel));
        return FromHashed(hashed, part => Open(part, cancel));
    }

    /// <summary>Takes a file that was hashed already.</summary>
    /// <param name="file">The hashed file.</param>
    /// <param name="beside">Opens a file that belongs to the same checkpoint, by its full path.</param>
    /// <exception cref="CheckpointException">It is empty.</exception>
    internal static CheckpointFile FromHashed(HashedFile file, Func<string, CheckpointFile> beside) =>
        file.Length > 0 ? new CheckpointFile(file.Path, file, beside) : throw CheckpointBytes.Empty(file.Path);

    /// <summary>Opens a file for a hint only: it is not hashed, so its content proves nothing.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="CheckpointException">The file is missing, empty, not a regular file, or may not be read.</exception>
    internal static CheckpointFile OpenUnhashed(string path)
    {
        using var bytes = CheckpointBytes.Open(new CheckpointFile(path, hashed: null, OpenUnhashed));
        return bytes.File;
    }

    /// <summary>Opens a file beside this one that belongs to the checkpoint; later calls return the same object.</summary>
    /// <param name="path">The full path of that file.</param>
    /// <exception cref="CheckpointException">The file cannot be opened.</exception>
    internal CheckpointFile OpenSibling(string path) => _beside.GetOrAdd(path, _open);

    /// <summary>The file's first <see cref="CheckpointFormats.StartBytes"/> bytes, fewer where it is shorter.</summary>
    /// <exception cref="CheckpointException">The file is missing or has changed.</exception>
    internal byte[] Start
    {
        get
        {
            if (_start is null)
            {
                using var bytes = CheckpointBytes.Open(this);
                _start = bytes.Read(0, (int)Math.Min(bytes.Length, CheckpointFormats.StartBytes), "start");
            }

            return _start;
        }
    }

    /// <summary>All bytes of a small file.</summary>
    /// <param name="maxBytes">The largest length that is read.</param>
    /// <exception cref="CheckpointException">The file is longer, is missing, has changed, or cannot be read.</exception>
    internal byte[] ReadAllBytes(long maxBytes)
    {
        using var bytes = CheckpointBytes.Open(this);
        return bytes.Length <= maxBytes
            ? bytes.Read(0, (int)bytes.Length, "content")
            : throw new CheckpointException(
                Path, FormattableString.Invariant($"has {bytes.Length} bytes, but {maxBytes} are read at most"),
                "name another file");
    }

    /// <summary>The file's bytes as a stream; belongs to the caller.</summary>
    /// <exception cref="IOException">The file is missing, has changed, or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    internal Stream OpenStream() => _hashed?.OpenRead() ?? RegularFile.OpenRead(Path);
}
