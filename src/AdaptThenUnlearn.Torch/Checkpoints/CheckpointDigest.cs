using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>The SHA-256 of a file, by which a policy pins a checkpoint and a run record identifies it.</summary>
public static class CheckpointDigest
{
    /// <summary>Number of hexadecimal digits.</summary>
    public const int Digits = 64;

    /// <summary>
    /// Hashes a file, in pieces. Code that also reads the content must take both from one <see cref="CheckpointFile"/>.
    /// </summary>
    /// <returns>64 lower-case hexadecimal digits.</returns>
    /// <exception cref="CheckpointException">The file is missing, empty, a folder or unreadable.</exception>
    public static string Compute(string path) => CheckpointFile.Open(path).Sha256;

    /// <summary>Refuses a file that is not the pinned one.</summary>
    /// <param name="file">The file.</param>
    /// <param name="pinned">64 hexadecimal digits of either case; null where nothing is pinned.</param>
    /// <returns>The file's digest.</returns>
    /// <exception cref="CheckpointException">
    /// The digests differ (the message has both), or the checkpoint is in several files.
    /// </exception>
    public static string RequirePinned(CheckpointFile file, string? pinned)
    {
        if (pinned is null)
            return file.Sha256;
        if (CheckpointFormats.FurtherFiles(file).Count > 0)
            throw new CheckpointException(
                file.Path,
                "is an index of several files, and a pin would cover the index alone",
                "merge them into one safetensors file and pin that");

        return string.Equals(file.Sha256, pinned, StringComparison.OrdinalIgnoreCase)
            ? file.Sha256
            : throw new CheckpointException(
                file.Path, $"has SHA-256 {file.Sha256}, but {CheckpointException.Sanitize(pinned)} is pinned",
                "fetch the pinned file, or change the pin if the new file is meant");
    }
}
