using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Onnx;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>The single input of a graph that takes images and nothing else.</summary>
internal sealed class GraphImageInput
{
    private readonly GraphProgram _program;
    private readonly GraphPort _port;

    /// <summary>Finds the input.</summary>
    /// <param name="program">The graph; stays the caller's.</param>
    /// <param name="makesLevels">Whether the images are whole levels, 0 to 255; null where nothing prepares them.</param>
    /// <exception cref="CheckpointException">There are other inputs, or it cannot be given such images.</exception>
    public GraphImageInput(GraphProgram program, bool? makesLevels)
    {
        _program = program;
        _port = program.Model.Inputs is [var only] ? only : throw new CheckpointException(
            program.Path,
            $"has {program.Model.Inputs.Count} inputs ({GraphProgram.Listed(program.Model.Inputs)}), and images are all that "
                + "it is given",
            "export it with images as its only input");
        var takesBytes = _port.Type is ScalarType.Byte;
        if (!_port.IsFloatingPoint && !takesBytes)
            throw program.ContractViolation($"takes {GraphProgram.Listed([_port])}, and images are floating point, or bytes");
        if (takesBytes && makesLevels is not true)
            throw new CheckpointException(
                program.Path, $"takes bytes, {GraphProgram.Listed([_port])}, and the images it would get are not whole levels",
                $"say \"preprocessing\": {{ \"range\": \"{ImagePreprocessing.Bytes}\" }}, without 'mean', 'std' and "
                    + "'normalization'");
    }

    /// <summary>Runs the graph on images.</summary>
    /// <param name="images">Prepared, in the layout that the graph takes.</param>
    /// <param name="output">The output that is wanted.</param>
    /// <returns>One row for each image; belongs to the caller's scope.</returns>
    /// <exception cref="CheckpointException">The graph takes images of another shape, or cannot be run.</exception>
    public Tensor Run(Tensor images, string output)
    {
        using var scope = NewDisposeScope();
        if (_port.Dimensions is { } declared && !Fits(declared, images.shape))
            throw new CheckpointException(
                _program.Path,
                $"takes {GraphProgram.Listed([_port])}, and the images it would get are {ScriptProgram.ShapeText(images)}",
                "say \"preprocessing\" in the policy (--preprocessing of a command): \"resize\", \"channels\" and \"layout\" "
                    + "make them fit");

        var levels = _port.Type is ScalarType.Byte ? images.round().clamp(Scalars.Of(0), Scalars.Of(255)) : images;
        return _program.Run([new GraphFeed(_port, levels, HasRows: true)], _port.Dimensions?[0].Size, output)
            .MoveToOuterDisposeScope();
    }

    private static bool Fits(IReadOnlyList<GraphDimension> declared, long[] shape) =>
        declared.Count == shape.Length
            && declared.Zip(shape).Skip(1).All(pair => pair.First.Size is null || pair.First.Size == pair.Second);
}
