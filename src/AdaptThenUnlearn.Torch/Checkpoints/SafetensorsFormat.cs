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
}
