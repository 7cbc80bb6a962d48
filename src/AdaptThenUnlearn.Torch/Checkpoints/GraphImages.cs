using System.Globalization;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints.Onnx;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>How a graph's output holds images, as the policy says, or as the graph leaves no doubt.</summary>
/// <param name="Shape">The images.</param>
/// <param name="Layout">One of <see cref="ImagePreprocessing"/>'s layouts.</param>
/// <param name="Range">One of <see cref="ImagePreprocessing"/>'s ranges.</param>
/// <param name="FoundLayout">How the layout was found where the policy does not say it; otherwise null.</param>
/// <param name="FoundRange">How the range was found where the policy does not say it; otherwise null.</param>
internal sealed record GraphImages(
    ImageShape Shape, string Layout, string Range, string? FoundLayout, string? FoundRange)
{
    // What cannot be in images of a range, whatever they show: it is then said or found wrongly.
    private const double Slack = 0.5;
    private const double FarOut = 16;

    // Operators that move values without changing what black and white are.
    private static readonly HashSet<string> _rearranging = ["Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Cast"];

    /// <summary>Finds out how a graph's output holds images, on images that it made.</summary>
    /// <param name="program">The graph.</param>
    /// <param name="port">The output.</param>
    /// <param name="stated">What the policy says; null where it says nothing.</param>
    /// <param name="made">The output for some latents.</param>
    /// <exception cref="CheckpointException">The output holds no images, or how it holds them is neither said nor
    /// certain.</exception>
    public static GraphImages Resolve(GraphProgram program, GraphPort port, GraphOutput? stated, Tensor made)
    {
        var found = LayoutOf(made.shape);
        var layout = stated?.Layout ?? found ?? throw NoLayout();
        if (ShapeIn(made.shape, layout) is not { } shape)
            throw program.ContractViolation(
                $"makes {made.dtype} {ScriptProgram.ShapeText(made)}, which holds no square images of 1 or 3 channels "
                    + $"as '{layout}'");

        var certain = made.dtype == ScalarType.Byte ? ImagePreprocessing.Bytes : FindRange(program.Model, port);
        if (made.dtype == ScalarType.Byte && stated?.Range is not (null or ImagePreprocessing.Bytes))
            throw new CheckpointException(
                program.Path, $"makes bytes, and 'range' says '{stated.Range}'",
                    $"say \"range\": \"{ImagePreprocessing.Bytes}\"");
        var images = new GraphImages(
            shape, layout, stated?.Range ?? certain ?? throw NoRange(),
            stated?.Layout is null
                ? $"its images are in the order '{layout}', found by the shape {ScriptProgram.ShapeText(made)}" : null,
            stated?.Range is not null ? null
                : made.dtype == ScalarType.Byte ? "its images are bytes, so that 0 is black and 255 is white"
                : $"its last layer is {(certain == ImagePreprocessing.Unit ? "Sigmoid" : "Tanh")}, so that its images lie in "
                    + $"'{certain}', black to white");
        images.RequirePlausible(program, made);
        return images;

        CheckpointException NoLayout() => program.ContractViolation(
            $"makes {made.dtype} {ScriptProgram.ShapeText(made)}"
                + (made.dim() == 4 && ShapeIn(made.shape, ImagePreprocessing.ChannelsFirst) is not null
                    ? ", and whether channels come first or last cannot be told from that: say it, \"output\": { \"layout\": "
                        + $"\"{ImagePreprocessing.ChannelsFirst}\" }} or \"{ImagePreprocessing.ChannelsLast}\""
                    : ", which are no square images of 1 or 3 channels"));
        CheckpointException NoRange() => new(
            program.Path, "does not tell what black and white are, and no verdict rests on a guess",
            $"say it: add \"output\": {{ \"range\": \"{ImagePreprocessing.Symmetric}\" }}, or \"{ImagePreprocessing.Unit}\", or "
                + $"\"{ImagePreprocessing.Bytes}\", to the policy's generator (--range)");
    }

    /// <summary>The layout that an output's declared shape leaves no doubt about; null where there is doubt.</summary>
    public static string? LayoutOf(GraphPort port) =>
        port.Dimensions is { Count: 4 } four && four.Skip(1).All(each => each.Size is not null)
            ? LayoutOf([1, .. four.Skip(1).Select(each => each.Size!.Value)])
            : null;

    /// <summary>
    /// The range that an output can only have: the last operator that computes anything is Tanh or Sigmoid. Null for any other.
    /// </summary>
    public static string? FindRange(OnnxModel model, GraphPort port)
    {
        var (wanted, hops) = (port.Name, 0);
        while (model.Nodes.FirstOrDefault(node => node.Outputs.Contains(wanted)) is { } maker && hops++ < 16)
        {
            if (maker.Operator is "Tanh")
                return ImagePreprocessing.Symmetric;
            if (maker.Operator is "Sigmoid")
                return ImagePreprocessing.Unit;
            if (!_rearranging.Contains(maker.Operator) || maker.Inputs.Count == 0
                || (maker.Operator == "Cast" && maker.CastTo is not (1 or 10 or 11)))
                return null;
            wanted = maker.Inputs[0];
        }

        return null;
    }

    /// <summary>Images of what the graph made.</summary>
    /// <param name="made">The graph's output.</param>
    /// <returns><c>[N, C, H, H]</c>, nominally -1 to 1, float32; belongs to the caller's scope.</returns>
    public Tensor ToImages(Tensor made)
    {
        using var scope = NewDisposeScope();
        var values = made.to(float32);
        var images = Range switch
        {
            ImagePreprocessing.Unit => values * 2 - 1,
            ImagePreprocessing.Bytes => values / 127.5 - 1,
            _ => values,
        };
        var arranged = Layout is ImagePreprocessing.ChannelsLast ? images.permute(0, 3, 1, 2).contiguous() : images;
        return arranged.MoveToOuterDisposeScope();
    }

    /// <summary>Images in the graph's own range again.</summary>
    /// <param name="images">As from <see cref="ToImages"/>.</param>
    /// <returns>Belongs to the caller's scope.</returns>
    public Tensor ToOwnRange(Tensor images) => Range switch
    {
        ImagePreprocessing.Unit => (images + 1) / 2,
        ImagePreprocessing.Bytes => (images + 1) * 127.5,
        _ => images,
    };

    // A wrong range makes every image nearly black, grey or white, in which a classifier sees nothing.
    private void RequirePlausible(GraphProgram program, Tensor made)
    {
        using var scope = NewDisposeScope();
        var values = made.to(float32);
        if (!isfinite(values).all().item<bool>())
            throw program.ContractViolation("makes images that are not finite");

        var (least, most) = (values.min().item<float>(), values.max().item<float>());
        var fits = Range switch
        {
            ImagePreprocessing.Bytes => most > 2 && least >= -255 * Slack && most <= 255 * (1 + Slack),
            ImagePreprocessing.Unit => least >= -Slack && most <= 1 + Slack,
            _ => least < 0 && most <= FarOut,
        };
        if (!fits)
            throw new CheckpointException(
                program.Path,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"makes values from {least:G4} to {most:G4} of {made.shape[0]} latents, and images in '{Range}' were "
                        + $"expected"),
                $"say what black and white are: \"output\": {{ \"range\": … }} of the policy's generator, one of "
                    + $"{ImagePreprocessing.Symmetric}, {ImagePreprocessing.Unit}, {ImagePreprocessing.Bytes}");
    }

    private static string? LayoutOf(long[] shape) =>
        (ShapeIn(shape, ImagePreprocessing.ChannelsFirst), ShapeIn(shape, ImagePreprocessing.ChannelsLast)) switch
        {
            ({ }, null) => ImagePreprocessing.ChannelsFirst,
            (null, { }) => ImagePreprocessing.ChannelsLast,
            _ => null,
        };

    private static ImageShape? ShapeIn(long[] shape, string layout) => (layout, shape) switch
    {
        (ImagePreprocessing.ChannelsFirst, [_, 1 or 3, var height, var width]) when height == width =>
            new ImageShape((int)shape[1], (int)height),
        (ImagePreprocessing.ChannelsLast, [_, var height, var width, 1 or 3]) when height == width =>
            new ImageShape((int)shape[3], (int)height),
        _ => null,
    };
}
