using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>Inception-v3 with the weights of pytorch-fid's port.</summary>
internal sealed class InceptionExtractor : IFeatureExtractor, IDisposable
{
    /// <summary>Tensors that pytorch-fid's file holds beyond the network.</summary>
    internal static IReadOnlyList<IgnoredTensor> Harmless { get; } =
    [
        new("fc.weight", "of the last layer, which classifies pictures; features are taken before it"),
        new("fc.bias", "of the last layer, which classifies pictures; features are taken before it"),
    ];

    private readonly InceptionV3 _network;

    private InceptionExtractor(InceptionV3 network, Device device) => (_network, Device) = (network, device);

    /// <inheritdoc/>
    public int FeatureSize => InceptionV3.FeatureSize;

    /// <inheritdoc/>
    public ImageShape? InputShape => null;

    /// <inheritdoc/>
    public Device Device { get; }

    /// <summary>Loads the weights.</summary>
    /// <exception cref="CheckpointException">The file is missing, damaged, or holds other weights.</exception>
    public static InceptionExtractor Load(CheckpointFile file, Device device)
    {
        if (ScriptArchive.IsProgram(file))
            throw new CheckpointException(
                file.Path, "is a TorchScript program, not weights alone, and to use it is to run it",
                $"say '{WeightsExtractor.InceptionV3TorchScript.Name}' if that is meant; "
                    + $"'{WeightsExtractor.InceptionV3.Name}' wants {WeightsExtractor.InceptionV3.FileDescription}");

        return new InceptionExtractor(
            GeneratorCheckpoint.LoadStateDict(new InceptionV3(), CheckpointFormats.Read(file), device, Harmless), device);
    }

    /// <inheritdoc/>
    public Tensor Features(Tensor images) =>
        QuantizedChunks.Features(images, FeatureSize, ExtractorInput.Levels, levels => _network.call(levels / 255));

    /// <inheritdoc/>
    public void Dispose() => _network.Dispose();
}
