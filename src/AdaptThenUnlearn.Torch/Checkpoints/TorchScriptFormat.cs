using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>
/// A TorchScript program, as <c>torch.jit.save</c> writes it. Its weights are read and replaced here; it is not run.
/// </summary>
public sealed class TorchScriptFormat : ICheckpointFormat
{
    internal const string FormatName = GeneratorChoice.TorchScript;

    /// <inheritdoc/>
    public string Name => FormatName;

    /// <inheritdoc/>
    public bool IsProgram => true;

    /// <inheritdoc/>
    /// <remarks>A damaged archive is not recognised, because it does not show that it was a program.</remarks>
    public bool Recognises(ReadOnlySpan<byte> start, CheckpointFile file) =>
        PyTorchFormat.IsZip(start) && ScriptArchive.IsProgram(file);

    /// <inheritdoc/>
    public TensorFile Read(CheckpointFile file, bool inspectOnly = false) => ScriptArchive.Read(file, inspectOnly);

    /// <inheritdoc/>
    public void Rewrite(
        TensorFile file, string path, IReadOnlyDictionary<string, Tensor> values, IReadOnlyDictionary<string, string> metadata) =>
        InPlaceRewriter.Write(file, path, values, PyTorchZip.CreateChecksumUpdate(file, values.Keys));
}
