using System.IO.Compression;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>Tells a TorchScript program from a file of tensors, without unpacking or running anything.</summary>
internal static class ScriptArchive
{
    /// <summary>Whether the file is an archive that <c>torch.jit.save</c> writes: one that holds code, compressed, unlike one of <c>torch.save</c>.</summary>
    /// <exception cref="CheckpointException">The file is missing, a folder or unreadable.</exception>
    public static bool IsAt(string path)
    {
        try
        {
            using var archive = ZipFile.OpenRead(path);
            var names = archive.Entries.Select(entry => entry.FullName[(entry.FullName.IndexOf('/', StringComparison.Ordinal) + 1)..]).ToList();
            return names.Contains("constants.pkl") && names.Exists(name => name.StartsWith("code/", StringComparison.Ordinal));
        }
        catch (InvalidDataException)
        {
            return false;   // no zip archive at all
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(path, $"cannot be read: {CheckpointException.Shown(failed.Message)}", "check the path, and that this user may read it", cause: failed);
        }
    }
}
