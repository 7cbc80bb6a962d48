using System.Security.Cryptography;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>The SHA-256 of a file: what a policy pins, and what a run record names a checkpoint by.</summary>
public static class CheckpointDigest
{
    /// <summary>Number of hexadecimal digits.</summary>
    public const int Digits = 64;

    /// <summary>Reads a file once, in pieces.</summary>
    /// <returns>64 lower-case hexadecimal digits.</returns>
    /// <exception cref="CheckpointException">The file is missing, empty, a folder or unreadable.</exception>
    public static string Of(string path)
    {
        const int PieceBytes = 1 << 20;
        using var bytes = CheckpointBytes.Open(path);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var piece = new byte[Math.Min(bytes.Length, PieceBytes)];
        for (long offset = 0; offset < bytes.Length; offset += PieceBytes)
        {
            var part = piece.AsSpan(0, (int)Math.Min(PieceBytes, bytes.Length - offset));
            bytes.Read(offset, part, $"byte {offset}");
            hash.AppendData(part);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Refuses a file that is not the one that was pinned.</summary>
    /// <param name="path">The file.</param>
    /// <param name="pinned">64 hexadecimal digits of either case.</param>
    /// <returns>The file's digest.</returns>
    /// <exception cref="CheckpointException">The digests differ (the message has both), or the checkpoint is in several files.</exception>
    public static string Check(string path, string pinned)
    {
        if (CheckpointFormats.FurtherFiles(path).Count > 0)
            throw new CheckpointException(path, "is an index of several files, and a pin would cover the index alone", "merge them into one safetensors file and pin that");

        var actual = Of(path);
        return string.Equals(actual, pinned, StringComparison.OrdinalIgnoreCase)
            ? actual
            : throw new CheckpointException(
                path, $"has SHA-256 {actual}, but {CheckpointException.Shown(pinned)} is pinned",
                "fetch the pinned file, or change the pin if the new file is meant");
    }
}
