using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>safetensors, the format of our own models.</summary>
public sealed class SafetensorsFormat : ICheckpointFormat
{
    internal const string FormatName = "safetensors";

    /// <inheritdoc/>
    public string Name => FormatName;

    /// <inheritdoc/>
    public bool Recognises(ReadOnlySpan<byte> start, string path) =>
        SafetensorsFile.HeaderBytes(start) is not null && start.Length > 8 && start[8] == '{';

    /// <inheritdoc/>
    public TensorFile Read(string path, bool survey = false) => SafetensorsFile.Read(path);

    /// <inheritdoc/>
    public void Rewrite(TensorFile file, string path, IReadOnlyDictionary<string, Tensor> values, IReadOnlyDictionary<string, string> metadata) =>
        SafetensorsFile.Rewrite(file, path, values, metadata);
}
