using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>An ONNX graph as extractor; it is loaded only where the policy asks for one by name.</summary>
internal sealed class GraphExtractor : IFeatureExtractor, IProbedProgram, IDisposable
{
    // Where the caller does not know the images' size and the graph takes any, a usual one is tried.
    private const int UsualResolution = 64;

    private readonly GraphProgram _program;
    private readonly GraphImageInput _input;
    private readonly string _output;

    private GraphExtractor(GraphProgram program, Device device, int? resolution)
    {
        (_program, Device) = (program, device);
        _input = new GraphImageInput(program, makesLevels: true);
        _output = program.Output(null, "export it with its features as the only output").Name;
        using var scope = NewDisposeScope();
        var size = resolution ?? (program.Model.Inputs[0].Dimensions is [.., var side] ? side.Size : null) ?? UsualResolution;
        FeatureSize = (int)Run(zeros([1, 3, size, size], device: device)).shape[1];
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
    /// <param name="resolution">Height and width of the images it will be given; null where the caller does not know.</param>
    /// <exception cref="CheckpointException">The file is missing, is no ONNX file, or does not make features of
    /// images.</exception>
    public static GraphExtractor Load(CheckpointFile file, Device device, int? resolution)
    {
        var program = GraphProgram.Load(file, "it must turn images [N, 3, H, W], 0 to 255, into features [N, D]", device);
        try
        {
            return new GraphExtractor(program, device, resolution);
        }
        catch
        {
            program.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public Tensor Features(Tensor images) => QuantizedChunks.Features(images, FeatureSize, Run);

    /// <inheritdoc/>
    public Tensor RunWithSeed(Tensor inputs, long seed)
    {
        using var scope = NewDisposeScope();
        return Run(ImageQuantizer.ToRgbLevels(inputs)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => _program.Dispose();

    // images: [N, 3, H, W], whole numbers 0 to 255
    private Tensor Run(Tensor images)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var features = _input.Run(images, _output);
        return features.dim() == 2 && features.is_floating_point()
            ? features.to(float32).MoveToOuterDisposeScope()
            : throw _program.ContractViolation(
                $"does not make one row of features for each image: it made {features.dtype} "
                    + ScriptProgram.ShapeText(features));
    }
}
