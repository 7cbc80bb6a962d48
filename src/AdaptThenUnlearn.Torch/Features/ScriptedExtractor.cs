using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>A TorchScript program as extractor.</summary>
/// <remarks>
/// libtorch's interpreter runs what the file says, so a program is loaded only where the policy asks for one by name.
/// </remarks>
internal sealed class ScriptedExtractor : IFeatureExtractor, IProbedProgram, IDisposable
{
    // A program may take images of one size alone. Where the caller does not know the size, the usual ones are tried.
    private static readonly int[] _usualResolutions = [64, 32, 28, 16, 128, 224, 256, 299, 512, 1024];

    private const string Contract = "it must turn uint8 images [N, 3, H, W] into features [N, D]";

    private readonly bool _asksForFeatures;

    private ScriptedExtractor(ScriptProgram program, bool asksForFeatures, int? resolution)
    {
        (Program, _asksForFeatures) = (program, asksForFeatures);
        FeatureSize = resolution is { } known ? FeaturesOf(known) : FeaturesOfUsual();
    }

    /// <inheritdoc/>
    public string ProgramPath => Program.Path;

    /// <summary>The program; owned by this.</summary>
    public ScriptProgram Program { get; }

    /// <inheritdoc/>
    public int FeatureSize { get; }

    /// <inheritdoc/>
    public ImageShape? InputShape => null;

    /// <inheritdoc/>
    public Device Device => Program.Device;

    /// <summary>Loads a program and tries it on a black image.</summary>
    /// <param name="file">A file of <c>torch.jit.save</c>.</param>
    /// <param name="inception">
    /// Whether it is NVIDIA's Inception-v3, which returns class scores unless its second argument, <c>return_features</c>, is
    /// true.
    /// </param>
    /// <param name="device">Device of the program.</param>
    /// <param name="resolution">Height and width of the images it will be given; null where the caller does not know.</param>
    /// <exception cref="CheckpointException">
    /// The file is missing, is not a TorchScript program, or does not make features of images.
    /// </exception>
    public static ScriptedExtractor Load(CheckpointFile file, bool inception, Device device, int? resolution)
    {
        var kind = inception ? WeightsExtractor.InceptionV3TorchScript : WeightsExtractor.TorchScript;
        if (!ScriptArchive.IsProgram(file))
            throw new CheckpointException(
                file.Path, "is not a TorchScript program", $"'{kind.Name}' wants {kind.FileDescription}");

        var program = ScriptProgram.Load(file, Contract, device);
        try
        {
            var extractor = new ScriptedExtractor(program, inception, resolution);
            return !inception || extractor.FeatureSize == InceptionV3.FeatureSize
                ? extractor
                : throw new CheckpointException(
                    file.Path,
                    $"makes {extractor.FeatureSize} features of an image, Inception-v3 makes {InceptionV3.FeatureSize}",
                    $"fetch {kind.FileDescription}");
        }
        catch
        {
            program.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public Tensor Features(Tensor images) =>
        QuantizedChunks.Features(images, FeatureSize, levels => Run(levels.to(uint8)).to(float32));

    /// <inheritdoc/>
    public Tensor RunWithSeed(Tensor inputs, long seed)
    {
        using var scope = NewDisposeScope();
        return Run(ImageQuantizer.ToRgbLevels(inputs).to(uint8), seed).to(float32).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => Program.Dispose();

    private int FeaturesOf(int resolution)
    {
        using var scope = NewDisposeScope();
        return (int)Run(zeros([1, 3, resolution, resolution], uint8, Device)).shape[1];
    }

    private int FeaturesOfUsual()
    {
        CheckpointException? first = null;
        foreach (var resolution in _usualResolutions)
        {
            try
            {
                return FeaturesOf(resolution);
            }
            catch (CheckpointException refused)
            {
                first ??= refused;
            }
        }

        throw first!;
    }

    // images: [N, 3, H, W], uint8
    private Tensor Run(Tensor images, long? seed = null)
    {
        using var _ = no_grad();
        object[] more = _asksForFeatures ? [true] : [];
        var features = seed is { } given ? Program.Run(given, images, more) : Program.Run(images, more);
        return features.dim() == 2 && features.shape[0] == images.shape[0]
            ? features
            : throw new CheckpointException(
                Program.Path,
                $"does not make one row of features for each image: it returned a tensor {ScriptProgram.ShapeText(features)}",
                "its forward must turn [N, 3, H, W] into [N, D]");
    }
}
