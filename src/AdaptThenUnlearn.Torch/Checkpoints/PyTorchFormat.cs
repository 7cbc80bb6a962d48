using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>A state dict of <c>torch.save</c>, before and since PyTorch 1.6, that is not of a more specific format.</summary>
public sealed class PyTorchFormat : ICheckpointFormat
{
    internal const string FormatName = "pytorch";

    /// <inheritdoc/>
    public string Name => FormatName;

    /// <inheritdoc/>
    public bool Recognises(ReadOnlySpan<byte> start, CheckpointFile file) => IsTorchSaved(start);

    /// <inheritdoc/>
    public TensorFile Read(CheckpointFile file, bool inspectOnly = false) => PyTorchFile.Read(file, inspectOnly);

    /// <inheritdoc/>
    public void Rewrite(
        TensorFile file, string path, IReadOnlyDictionary<string, Tensor> values, IReadOnlyDictionary<string, string> metadata) =>
        InPlaceRewriter.Write(file, path, values, PyTorchZip.CreateChecksumUpdate(file, values.Keys));

    /// <summary>Whether a file begins as one of <c>torch.save</c> does.</summary>
    internal static bool IsTorchSaved(ReadOnlySpan<byte> start) => IsZip(start) || LegacyTorchStream.Begins(start);

    /// <summary>Whether a file begins as a zip archive does.</summary>
    internal static bool IsZip(ReadOnlySpan<byte> start) => start.StartsWith("PK\x03\x04"u8);
}
