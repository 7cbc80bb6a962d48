namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>Any other state dict that <c>torch.save</c> wrote since PyTorch 1.6.</summary>
public sealed class PyTorchFormat : ICheckpointFormat
{
    internal const string FormatName = "pytorch";

    /// <inheritdoc/>
    public string Name => FormatName;

    /// <inheritdoc/>
    public bool Recognises(ReadOnlySpan<byte> start, string path) => IsZip(start);

    /// <inheritdoc/>
    public TensorFile Read(string path) => PyTorchZipFile.Read(path);

    /// <summary>Whether a file begins as a zip archive does.</summary>
    internal static bool IsZip(ReadOnlySpan<byte> start) => start.StartsWith("PK\x03\x04"u8);
}
