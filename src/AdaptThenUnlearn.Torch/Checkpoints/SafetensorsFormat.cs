using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>safetensors, the format of the embedded models: one file, or an index of several.</summary>
public sealed class SafetensorsFormat : ICheckpointFormat
{
    internal const string FormatName = "safetensors";

    /// <inheritdoc/>
    public string Name => FormatName;

    /// <inheritdoc/>
    public bool HasMetadata => true;

    /// <inheritdoc/>
    public bool Recognises(ReadOnlySpan<byte> start, CheckpointFile file) =>
        SafetensorsIndex.Begins(start) || (SafetensorsFile.HeaderBytes(start) is not null && start.Length > 8 && start[8] == '{');

    /// <inheritdoc/>
    public TensorFile Read(CheckpointFile file, bool inspectOnly = false) =>
        IsIndex(file) ? SafetensorsIndex.Read(file) : SafetensorsFile.Read(file);

    /// <inheritdoc/>
    public void Rewrite(
        TensorFile file, string path, IReadOnlyDictionary<string, Tensor> values, IReadOnlyDictionary<string, string> metadata) =>
        SafetensorsFile.Rewrite(file, path, values, metadata);

    /// <inheritdoc/>
    public IReadOnlyList<string> FurtherFiles(CheckpointFile file) => IsIndex(file) ? SafetensorsIndex.Files(file) : [];

    // The length of a header may begin with the same byte as JSON. Its last bytes are zero then, which JSON never has.
    private static bool IsIndex(CheckpointFile file) =>
        SafetensorsIndex.Begins(file.Start) && SafetensorsFile.HeaderBytes(file.Start) is null;
}
