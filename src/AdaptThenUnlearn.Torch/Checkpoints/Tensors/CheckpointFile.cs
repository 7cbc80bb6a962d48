using System.Collections.Concurrent;
using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Torch.Checkpoints.Tensors;

/// <summary>A checkpoint's file, hashed once: its format, its description and every tensor are read from the bytes that were hashed, or reading them fails.</summary>
/// <remarks>
/// Whoever needs a digest and the content takes both from one of these; opening the path twice could meet two files. Nothing is kept open
/// and no content is held (<see cref="HashedFile"/>). The files that an index names are opened once each, too.
/// </remarks>
public sealed class CheckpointFile
{
    private readonly HashedFile? _hashed;
    private readonly ConcurrentDictionary<string, CheckpointFile> _beside = [];
    private readonly Func<string, CheckpointFile> _open;
    private byte[]? _start;

    private CheckpointFile(string path, HashedFile? hashed, Func<string, CheckpointFile> open) => (Path, _hashed, _open) = (path, hashed, open);

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Its SHA-256; 64 lower-case hexadecimal digits.</summary>
    public string Sha256 => _hashed?.Sha256 ?? throw new InvalidOperationException("a file that was only glanced at has no digest");

    /// <summary>Opens a file and hashes it whole.</summary>
    /// <param name="path">The file.</param>
    /// <param name="cancel">Ends it soon, also in a large file.</param>
    /// <exception cref="CheckpointException">It is missing, a folder, empty, no regular file, or may not be read.</exception>
    public static CheckpointFile Open(string path, CancellationToken cancel = default)
    {
        var hashed = CheckpointBytes.RunOrExplain(path, () => HashedFile.Create(path, cancel));
        return FromHashed(hashed, part => Open(part, cancel));
    }

    /// <summary>A file that was hashed already.</summary>
    /// <param name="file">As it was hashed.</param>
    /// <param name="beside">Opens a file that belongs to the same checkpoint, by its full path.</param>
    /// <exception cref="CheckpointException">It is empty.</exception>
    internal static CheckpointFile FromHashed(HashedFile file, Func<string, CheckpointFile> beside) =>
        file.Length > 0 ? new CheckpointFile(file.Path, file, beside) : throw CheckpointBytes.Empty(file.Path);

    /// <summary>A file that is looked at and not used, such as for a hint: it is not hashed, and what is read of it proves nothing.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="CheckpointException">It is missing, a folder, empty, no regular file, or may not be read.</exception>
    internal static CheckpointFile OpenUnhashed(string path)
    {
        using var bytes = CheckpointBytes.Open(new CheckpointFile(path, hashed: null, OpenUnhashed));
        return bytes.File;
    }

    /// <summary>A file beside this one that belongs to the checkpoint; the same one whenever it is asked for.</summary>
    /// <param name="path">Its full path.</param>
    /// <exception cref="CheckpointException">It cannot be opened.</exception>
    internal CheckpointFile OpenSibling(string path) => _beside.GetOrAdd(path, _open);

    /// <summary>The file's first <see cref="CheckpointFormats.StartBytes"/> bytes, fewer where it is shorter.</summary>
    /// <exception cref="CheckpointException">It has gone or changed.</exception>
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

    /// <summary>Its bytes as a stream; belongs to the caller.</summary>
    /// <exception cref="IOException">It has gone or changed, or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    internal Stream OpenStream() => _hashed?.OpenRead() ?? RegularFile.OpenRead(Path);
}
