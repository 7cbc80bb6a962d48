using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>
/// A classifier that compares images with prompts: both are embedded in one space, and the nearest class is the likeliest.
/// </summary>
/// <remarks>
/// Radford et al. 2021 (arXiv:2103.00020), section 3.1.2: logits are a scale times the cosine of the image's embedding and the
/// class's. Its features are the embeddings as unit vectors. It has no gradients.
/// </remarks>
internal sealed class ImageTextClassifier : FeatureClassifier, IProbedProgram
{
    private readonly GraphProgram _program;
    private readonly GraphImageInput _input;
    private readonly string _output;
    private readonly Preprocessor? _preprocessor;
    private readonly Tensor _classes;   // [D, K], float32, unit columns
    private readonly double _scale;

    private ImageTextClassifier(
        GraphProgram program, string output, ImageShape shape, IReadOnlyList<string> classes, Tensor embedded,
        double scale, Preprocessor? preprocessor, Device device)
        : base(ClassifierChoice.ImageText, shape, classes)
    {
        (_program, _output, _preprocessor, _scale, Device) = (program, output, preprocessor, scale, device);
        _input = new GraphImageInput(program, preprocessor is null ? null : preprocessor.MakesLevels);
        _classes = embedded.t().to(float32).to(device).contiguous().DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public string ProgramPath => _program.Path;

    /// <inheritdoc/>
    public override int FeatureSize => (int)_classes.shape[0];

    /// <inheritdoc/>
    public override bool NeedsCalibration => true;

    /// <inheritdoc/>
    public override Device Device { get; }

    /// <summary>Loads the image side and tries it; belongs to the caller.</summary>
    /// <param name="file">The graph's file.</param>
    /// <param name="shape">The images it will be given.</param>
    /// <param name="choice">Names its classes and its output, and says the scale.</param>
    /// <param name="embedded">The classes, <c>[K, D]</c>, unit vectors; they stay the caller's.</param>
    /// <param name="textPath">The text side's file, for messages.</param>
    /// <param name="preprocessor">Prepares the images for the graph; null where it takes them as they are.</param>
    /// <param name="device">Where its outputs go; the graph itself runs on the CPU.</param>
    /// <exception cref="CheckpointException">It is not such a graph.</exception>
    public static ImageTextClassifier Load(
        CheckpointFile file,
        ImageShape shape,
        ClassifierChoice choice,
        Tensor embedded,
        string textPath,
        Preprocessor? preprocessor,
        Device device)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var program = GraphProgram.Load(
            file,
            "it must turn images, "
                + (preprocessor is null ? "floating point [N, C, H, H] in -1 to 1" : "as the policy's 'preprocessing' makes them")
                + ", into one embedding for each, floating point [N, D]; of several outputs, \"output\" of the policy's "
                + "classifier names that one ('image_embeds' in exports of Hugging Face's models)",
            device);
        ImageTextClassifier? classifier = null;
        try
        {
            var chosen = program.Output(choice.Output, "\"output\" of the policy's classifier").Name;
            classifier = new ImageTextClassifier(
                program, chosen, shape, choice.ClassNames!, embedded, choice.LogitScaleInEffect, preprocessor, device);
            classifier.Try(textPath);
            return classifier;
        }
        catch
        {
            classifier?.Dispose();
            program.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override Tensor Features(Tensor images)
    {
        using var scope = NewDisposeScope();
        var made = Embed(images);
        if (made.shape[1] != FeatureSize)
            throw _program.ContractViolation(
                $"makes embeddings of {made.shape[1]} numbers of images {ScriptProgram.ShapeText(images)}, and those of the "
                    + $"prompts have {FeatureSize}");

        // An embedding of zeros has no direction, and becomes NaN: its image counts as showing every class.
        return (made / made.norm(1, keepdim: true)).to(float32).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor Logits(Tensor features)
    {
        using var scope = NewDisposeScope();
        return (features.matmul(_classes) * _scale).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor RunWithSeed(Tensor inputs, long seed)
    {
        using var scope = NewDisposeScope();
        return Logits(Features(inputs)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (!disposing)
            return;
        _classes.Dispose();
        _program.Dispose();
    }

    // [N, D], float64: the squares of single precision may be too large for it.
    private Tensor Embed(Tensor images)
    {
        var made = _input.Run(_preprocessor?.Prepare(images) ?? images, _output);
        return made.is_floating_point() && made.dim() == 2
            ? made.to(float64)
            : throw _program.ContractViolation(
                $"makes {made.dtype} {ScriptProgram.ShapeText(made)} of images {ScriptProgram.ShapeText(images)}");
    }

    private void Try(string textPath)
    {
        var (channels, side) = (Shape.Channels, Shape.Resolution);
        var images = linspace(-1, 1, 2 * channels * side * side, float32, Device).view(2, channels, side, side);
        var made = Embed(images);
        if (made.shape[1] != FeatureSize)
            throw new CheckpointException(
                _program.Path,
                FormattableString.Invariant(
                    $"makes embeddings of {made.shape[1]} numbers, and the text side {textPath} of {FeatureSize}"),
                "name the two sides of one model, both with their projections ('image_embeds' and 'text_embeds')");

        var sizes = made.norm(1).cpu().data<double>().ToArray();
        if (!sizes.All(size => size > 0 && double.IsFinite(size)))
            throw _program.ContractViolation("makes embeddings of a grey ramp that are zero, or not finite");
    }
}
