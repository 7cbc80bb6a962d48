using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>Guesses what a file of an unknown format is, and says what the reader can do about it.</summary>
internal static class UnknownFile
{
    private const int TarMarkAt = 257;
    private const string Unpack = "unpack it and name what is in it";
    private const string AsWeights =
        $"save the weights from PyTorch with torch.save(model.state_dict(), …), or {CheckpointException.ExportAdvice}";
    private const string AsZip =
        "load it in PyTorch and save it again with torch.save(model.state_dict(), …); unpack any other archive first";

    /// <summary>The exception that refuses a file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="start">Its first bytes.</param>
    /// <param name="formats">Names of the known formats.</param>
    public static CheckpointException CreateException(CheckpointFile file, ReadOnlySpan<byte> start, IEnumerable<string> formats)
    {
        var (what, remedy) = Guess(file, start);
        return new CheckpointException(file.Path, $"is of no known format ({string.Join(", ", formats)}); {what}", remedy);
    }

    private static (string What, string Remedy) Guess(CheckpointFile file, ReadOnlySpan<byte> start) => start switch
    {
        [0x89, (byte)'H', (byte)'D', (byte)'F', ..] => ("it is HDF5, as Keras and TensorFlow write it", AsWeights),
        [0x1f, 0x8b, ..] => ("it is compressed with gzip", Unpack + ": gunzip"),
        [(byte)'B', (byte)'Z', (byte)'h', ..] or [0xfd, (byte)'7', (byte)'z', ..] or [(byte)'7', (byte)'z', 0xbc, ..]
            or [0x28, 0xb5, 0x2f, 0xfd, ..] or [(byte)'R', (byte)'a', (byte)'r', (byte)'!', ..] =>
                ("it is a compressed archive", Unpack),
        [(byte)'<', ..] => ("it looks like a web page, perhaps of a failed download", "download the file itself again"),
        [0x89, (byte)'P', (byte)'N', (byte)'G', ..] or [0xff, 0xd8, 0xff, ..] => ("it is an image", "name the checkpoint"),
        _ when start.StartsWith("version https://git-lfs"u8) =>
            ("it is a Git LFS pointer, not the file", "fetch the file with git lfs pull"),
        [0x93, (byte)'N', (byte)'U', (byte)'M', ..] => ("it is a NumPy array", "name the checkpoint"),
        _ when start.StartsWith("sys_info"u8) || start.StartsWith("storages"u8) || IsTar(file) =>
            ("it is a tar archive, as PyTorch before 0.1.10 saved", AsZip),
        [(byte)'(', ..] or [(byte)'}', ..] or [(byte)']', ..] or [(byte)'c', ..] =>
            ("it may be a pickle of protocol 0 or 1", AsWeights),
        _ => (
            $"it begins with the bytes {Convert.ToHexStringLower(start[..Math.Min(8, start.Length)])}",
            "save it in one of these formats"),
    };

    private static bool IsTar(CheckpointFile file)
    {
        using var bytes = CheckpointBytes.Open(file);
        return bytes.Length >= TarMarkAt + 5 && bytes.Read(TarMarkAt, 5, "start").AsSpan().SequenceEqual("ustar"u8);
    }
}
