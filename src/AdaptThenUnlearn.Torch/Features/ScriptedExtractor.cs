using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
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

    private const string Contract =
        "it must turn images [N, 3, H, W], uint8 or as 'preprocessing' makes them, into features [N, D]";

    private readonly bool _asksForFeatures;
    private readonly ExtractorInput _images;
    private readonly string? _tokens;

    private ScriptedExtractor(ScriptProgram program, bool asksForFeatures, ExtractorInput images, string? tokens)
    {
        (Program, _asksForFeatures, _images, _tokens) = (program, asksForFeatures, images, tokens);
        FeatureSize = images.IsSizeKnown ? FeaturesOf(_usualResolutions[0]) : FeaturesOfUsual();
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
    /// <param name="images">Makes of the images what the program takes.</param>
    /// <param name="tokens">Which of an image's tokens has its features; null where there are none.</param>
    /// <exception cref="CheckpointException">
    /// The file is missing, is not a TorchScript program, or does not make features of images.
    /// </exception>
    public static ScriptedExtractor Load(
        CheckpointFile file, bool inception, Device device, ExtractorInput images, string? tokens)
    {
        var kind = inception ? WeightsExtractor.InceptionV3TorchScript : WeightsExtractor.TorchScript;
        if (!ScriptArchive.IsProgram(file))
            throw new CheckpointException(
                file.Path, "is not a TorchScript program", $"'{kind.Name}' wants {kind.FileDescription}");

        var program = ScriptProgram.Load(file, Contract, device);
        try
        {
            var extractor = new ScriptedExtractor(program, inception, images, tokens);
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
    public string? ExplainMismatch(Tensor images) =>
        _images.ExplainMismatch(images.shape[1], (images.shape[3], images.shape[2]));

    /// <inheritdoc/>
    public string? ExplainMismatch((int Width, int Height) size) => _images.ExplainMismatch(3, size);

    /// <inheritdoc/>
    public Tensor Features(Tensor images) => QuantizedChunks.Features(images, FeatureSize, _images, prepared => Run(prepared));

    /// <inheritdoc/>
    public Tensor RunWithSeed(Tensor inputs, long seed)
    {
        using var scope = NewDisposeScope();
        return Run(_images.Prepare(inputs), seed).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => Program.Dispose();

    private int FeaturesOf(int side)
    {
        using var scope = NewDisposeScope();
        return (int)Run(_images.Blank(side, Device)).shape[1];
    }

    private int FeaturesOfUsual()
    {
        CheckpointException? first = null;
        foreach (var side in _usualResolutions)
        {
            try
            {
                return FeaturesOf(side);
            }
            catch (CheckpointException refused)
            {
                first ??= refused;
            }
        }

        throw first!;
    }

    // images: as prepared. Whole levels go in as bytes.
    private Tensor Run(Tensor images, long? seed = null)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var given = _images.IsPlain ? images.to(uint8) : images;
        object[] more = _asksForFeatures ? [true] : [];
        var made = seed is { } fixedSeed ? Program.Run(fixedSeed, given, more) : Program.Run(given, more);
        return FeatureRows.Take(made, images.shape[0], _tokens, Program.Path, Contract).MoveToOuterDisposeScope();
    }
}
