using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>A TorchScript program as extractor: libtorch's interpreter runs what the file says, so it is only loaded where it was asked for by name.</summary>
internal sealed class ScriptedExtractor : IFeatureExtractor, IDisposable
{
    private const int ProbeResolution = 64;
    private const string Duty = "it must turn uint8 images [N, 3, H, W] into features [N, D]";

    private readonly ScriptProgram _program;
    private readonly bool _asksForFeatures;

    private ScriptedExtractor(ScriptProgram program, bool asksForFeatures)
    {
        (_program, _asksForFeatures) = (program, asksForFeatures);
        using var scope = NewDisposeScope();
        FeatureSize = (int)Run(zeros([1, 3, ProbeResolution, ProbeResolution], uint8, Device)).shape[1];
    }

    /// <inheritdoc/>
    public int FeatureSize { get; }

    /// <inheritdoc/>
    public ImageShape? Takes => null;

    /// <inheritdoc/>
    public Device Device => _program.Device;

    /// <summary>Loads a program and tries it on a black image.</summary>
    /// <param name="path">A file of <c>torch.jit.save</c>.</param>
    /// <param name="sha256">Of the file, as it was checked.</param>
    /// <param name="inception">Whether it is NVIDIA's Inception-v3, which returns class scores unless its second argument, <c>return_features</c>, is true.</param>
    /// <param name="device">Where it goes.</param>
    /// <exception cref="CheckpointException">The file is missing, no TorchScript program, or makes no features of images.</exception>
    public static ScriptedExtractor Load(string path, string sha256, bool inception, Device device)
    {
        var kind = inception ? WeightsExtractor.InceptionV3TorchScript : WeightsExtractor.TorchScript;
        if (!ScriptArchive.IsAt(path))
            throw new CheckpointException(path, "is no TorchScript program", $"'{kind.Name}' wants {kind.Wanted}");

        var program = ScriptProgram.Load(path, sha256, Duty, device);
        try
        {
            var extractor = new ScriptedExtractor(program, inception);
            return !inception || extractor.FeatureSize == InceptionV3.FeatureSize
                ? extractor
                : throw new CheckpointException(path, $"makes {extractor.FeatureSize} features of an image, Inception-v3 makes {InceptionV3.FeatureSize}", $"fetch {kind.Wanted}");
        }
        catch
        {
            program.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public Tensor Features(Tensor images) => EightBitChunks.Features(images, FeatureSize, levels => Run(levels.to(uint8)).to(float32));

    /// <inheritdoc/>
    public void Dispose() => _program.Dispose();

    // images: [N, 3, H, W], uint8
    private Tensor Run(Tensor images)
    {
        using var _ = no_grad();
        var features = _asksForFeatures ? _program.Run(images, true) : _program.Run(images);
        return features.dim() == 2 && features.shape[0] == images.shape[0]
            ? features
            : throw new CheckpointException(
                _program.Path, $"does not make one row of features for each image: it returned a tensor {ScriptProgram.Shown(features)}", "its forward must turn [N, 3, H, W] into [N, D]");
    }
}
