using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>safetensors, the format of our own models: one file, or an index of several.</summary>
public sealed class SafetensorsFormat : ICheckpointFormat
{
    internal const string FormatName = "safetensors";

    /// <inheritdoc/>
    public string Name => FormatName;

    /// <inheritdoc/>
    public bool Recognises(ReadOnlySpan<byte> start, string path) =>
        SafetensorsIndex.Begins(start) || (SafetensorsFile.HeaderBytes(start) is not null && start.Length > 8 && start[8] == '{');

    /// <inheritdoc/>
    public TensorFile Read(string path, bool survey = false) => IsIndex(path) ? SafetensorsIndex.Read(path) : SafetensorsFile.Read(path);

    /// <inheritdoc/>
    public void Rewrite(TensorFile file, string path, IReadOnlyDictionary<string, Tensor> values, IReadOnlyDictionary<string, string> metadata) =>
        SafetensorsFile.Rewrite(file, path, values, metadata);

    /// <inheritdoc/>
    public IReadOnlyList<string> FurtherFiles(string path) => IsIndex(path) ? SafetensorsIndex.Files(path) : [];

    // A header's length may begin with the same byte; its last bytes are zero then, which no JSON has.
    private static bool IsIndex(string path)
    {
        var start = CheckpointFormats.Start(path);
        return SafetensorsIndex.Begins(start) && SafetensorsFile.HeaderBytes(start) is null;
    }
}
