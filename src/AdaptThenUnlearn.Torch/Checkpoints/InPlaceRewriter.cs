using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>Copies a checkpoint and overwrites values of tensors in the copy. Everything else stays, byte for byte.</summary>
internal static class InPlaceRewriter
{
    private const int PieceBytes = 1 << 20;   // copied at a time

    /// <summary>Writes the copy.</summary>
    /// <param name="file">As read from its path.</param>
    /// <param name="path">Path of the copy. A file that is there is replaced as a whole.</param>
    /// <param name="values">The new values, by the tensors' full names.</param>
    /// <param name="updateChecksums">Updates what depends on the values, such as checksums; null where nothing does.</param>
    /// <exception cref="CheckpointException">The original is missing or has changed.</exception>
    /// <exception cref="FileNotWrittenException">The copy cannot be written.</exception>
    public static void Write(
        TensorFile file,
        string path,
        IReadOnlyDictionary<string, Tensor> values,
        Action<CheckpointBytes, Stream>? updateChecksums = null)
    {
        using var original = CheckpointBytes.Open(file.File);
        AtomicFile.Write(path, original.Length, copy =>
        {
            // Copy the original.
            var piece = new byte[Math.Min(original.Length, PieceBytes)];
            for (long offset = 0; offset < original.Length; offset += piece.Length)
            {
                var part = piece.AsSpan(0, (int)Math.Min(piece.Length, original.Length - offset));
                original.Read(offset, part, $"byte {offset}");
                copy.Write(part);
            }

            // Overwrite the values, then what depends on them.
            foreach (var (name, value) in values)
                file[name].Overwrite(copy, value);
            updateChecksums?.Invoke(original, copy);
        });
    }
}
