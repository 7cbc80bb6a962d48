using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>An ONNX graph as extractor; it is loaded only where the policy asks for one by name.</summary>
internal sealed class GraphExtractor : IFeatureExtractor, IProbedProgram, IDisposable
{
    // Where the caller does not know the images' size and the graph takes any, a usual one is tried.
    private const int UsualResolution = 64;

    private const string Contract =
        "it must turn images [N, 3, H, W], 0 to 255 or as 'preprocessing' makes them, into features [N, D]";

    private readonly GraphProgram _program;
    private readonly GraphImageInput _input;
    private readonly ExtractorInput _images;
    private readonly ExtractorUse _use;
    private readonly string _output;

    private GraphExtractor(GraphProgram program, Device device, ExtractorInput images, ExtractorUse use)
    {
        (_program, Device, _images, _use) = (program, device, images, use);
        _input = new GraphImageInput(program, images.MakesLevels);
        _output = program.Output(use.Output, "\"output\" of the policy's quality, --output of a command").Name;
        using var scope = NewDisposeScope();
        var declared = images.IsSizeKnown ? null
            : (program.Model.Inputs[0].Dimensions, images.IsChannelsLast) switch
            {
                ([_, _, var side, _], true) => side.Size,
                ([.., var side], false) => side.Size,
                _ => null,
            };
        FeatureSize = (int)Run(images.Blank(declared ?? UsualResolution, device)).shape[1];
    }

    /// <inheritdoc/>
    public string ProgramPath => _program.Path;

    /// <inheritdoc/>
    public int FeatureSize { get; }

    /// <inheritdoc/>
    public ImageShape? InputShape => null;

    /// <inheritdoc/>
    public Device Device { get; }

    /// <summary>Loads a graph and tries it on a black image.</summary>
    /// <param name="file">An ONNX file.</param>
    /// <param name="device">Where its features go, and where the graph runs if the runtime can.</param>
    /// <param name="images">Makes of the images what the graph takes.</param>
    /// <param name="use">Names its output, and its token where it has several.</param>
    /// <exception cref="CheckpointException">The file is missing, is no ONNX file, or does not make features of
    /// images.</exception>
    public static GraphExtractor Load(CheckpointFile file, Device device, ExtractorInput images, ExtractorUse use)
    {
        var program = GraphProgram.Load(file, Contract, device);
        try
        {
            return new GraphExtractor(program, device, images, use);
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
    public Tensor Features(Tensor images) => QuantizedChunks.Features(images, FeatureSize, _images, Run);

    /// <inheritdoc/>
    public Tensor RunWithSeed(Tensor inputs, long seed)
    {
        using var scope = NewDisposeScope();
        return Run(_images.Prepare(inputs)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => _program.Dispose();

    // images: as the graph takes them
    private Tensor Run(Tensor images)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var made = _input.Run(images, _output);
        return FeatureRows.Take(made, images.shape[0], _use.Tokens, _program.Path, Contract).MoveToOuterDisposeScope();
    }
}
