using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>
/// StyleGAN2 and StyleGAN3 as NVIDIA's stylegan2-ada-pytorch and stylegan3 save them: a bare pickle of the networks, which
/// contains the tensors.
/// </summary>
/// <remarks>
/// github.com/NVlabs/stylegan2-ada-pytorch, <c>training_loop.py</c> (the dictionary <c>G</c>, <c>D</c>, <c>G_ema</c>) and
/// <c>torch_utils/persistence.py</c> (an object is its class's name, its source text and its attributes). The attributes are
/// read; the source text is passed over. github.com/NVlabs/stylegan3 writes the same.
/// </remarks>
public sealed class NvidiaFormat : ICheckpointFormat
{
    internal const string FormatName = "nvidia";
    internal const string Generator = "G";
    internal const string Discriminator = "D";
    internal const string AveragedGenerator = "G_ema";

    /// <inheritdoc/>
    public string Name => FormatName;

    /// <inheritdoc/>
    public bool Recognises(ReadOnlySpan<byte> start, CheckpointFile file) =>
        start is [0x80, >= 2 and <= 5, ..] && !LegacyTorchStream.Begins(start);

    /// <inheritdoc/>
    public TensorFile Read(CheckpointFile file, bool inspectOnly = false) => PyTorchFile.Read(file, inspectOnly);

    /// <inheritdoc/>
    public void Rewrite(
        TensorFile file, string path, IReadOnlyDictionary<string, Tensor> values, IReadOnlyDictionary<string, string> metadata) =>
        InPlaceRewriter.Write(file, path, values);
}
