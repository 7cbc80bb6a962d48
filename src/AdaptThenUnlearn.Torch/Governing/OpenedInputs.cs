using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>
/// The files of one run. Each is opened and hashed once, so that the digests in the record are those of the bytes that were
/// loaded.
/// </summary>
internal sealed class OpenedInputs
{
    private readonly Dictionary<string, HashedFile> _files = [];
    private readonly Dictionary<string, HashedFolder> _folders = [];
    private readonly Dictionary<string, CheckpointFile> _checkpoints = [];

    /// <summary>A checkpoint. The files that it names are opened here too, when they are needed.</summary>
    /// <exception cref="CheckpointException">It cannot be opened.</exception>
    public CheckpointFile Checkpoint(string path) => _checkpoints.TryGetValue(path, out var known)
        ? known
        : _checkpoints[path] = CheckpointFile.FromHashed(CheckpointBytes.RunOrExplain(path, () => File(path)), Checkpoint);

    /// <summary>
    /// The files beside a checkpoint that belong to it; empty where it cannot be opened, because loading it says why.
    /// </summary>
    public IReadOnlyList<string> PartsOf(string path)
    {
        try
        {
            return CheckpointFormats.FurtherFiles(Checkpoint(path));
        }
        catch (CheckpointException)
        {
            return [];
        }
    }

    /// <summary>A file of any kind.</summary>
    /// <exception cref="IOException">It cannot be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public HashedFile File(string path, CancellationToken cancel = default) =>
        _files.TryGetValue(path, out var known) ? known : _files[path] = HashedFile.Create(path, cancel);

    /// <summary>A folder of images.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public HashedFolder Folder(string path, CancellationToken cancel = default) =>
        _folders.TryGetValue(path, out var known) ? known : _folders[path] = HashedFolder.Create(path, cancel);

    /// <summary>The digest of a file or folder, which is opened where it is not yet; null where it cannot be opened.</summary>
    public string? Digest(string path, CancellationToken cancel)
    {
        try
        {
            return Directory.Exists(path) ? Folder(path, cancel).Sha256 : File(path, cancel).Sha256;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
