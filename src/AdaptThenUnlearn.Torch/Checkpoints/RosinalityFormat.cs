using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>
/// StyleGAN2 as rosinality's stylegan2-pytorch saves it: a PyTorch file whose dictionary has <c>g</c>, <c>d</c> or <c>g_ema</c>.
/// </summary>
/// <remarks>
/// github.com/rosinality/stylegan2-pytorch, <c>train.py</c>; <c>g_optim</c>, <c>d_optim</c>, <c>args</c> and <c>ada_aug_p</c> may
/// lie beside them.
/// </remarks>
public sealed class RosinalityFormat : ICheckpointFormat
{
    internal const string FormatName = "rosinality";
    internal const string Generator = "g";
    internal const string Discriminator = "d";
    internal const string AveragedGenerator = "g_ema";

    /// <inheritdoc/>
    public string Name => FormatName;

    /// <inheritdoc/>
    public bool Recognises(ReadOnlySpan<byte> start, CheckpointFile file)
    {
        if (!PyTorchFormat.IsTorchSaved(start))
            return false;

        try
        {
            return PyTorchFile.Read(file, inspectOnly: true).Format == FormatName;
        }
        catch (CheckpointException other) when (other.InnerException is not ChangedFileException)
        {
            return false;   // the plain PyTorch format reads any file of torch.save, and says what is wrong
        }
    }

    /// <inheritdoc/>
    public TensorFile Read(CheckpointFile file, bool inspectOnly = false)
    {
        var read = PyTorchFile.Read(file, inspectOnly);
        return read.Format == FormatName
            ? read
            : throw new CheckpointException(
                file.Path,
                $"has none of the dictionaries '{Generator}', '{Discriminator}' and '{AveragedGenerator}'",
                $"name its format '{PyTorchFormat.FormatName}' or 'auto'");
    }

    /// <inheritdoc/>
    public void Rewrite(
        TensorFile file, string path, IReadOnlyDictionary<string, Tensor> values, IReadOnlyDictionary<string, string> metadata) =>
        InPlaceRewriter.Write(file, path, values, PyTorchZip.CreateChecksumUpdate(file, values.Keys));
}
