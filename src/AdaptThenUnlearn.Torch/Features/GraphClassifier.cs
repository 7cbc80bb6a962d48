using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>
/// A classifier that is an ONNX graph: it makes logits of images, or probabilities where the policy says so.
/// </summary>
/// <remarks>The layers before the outputs are not known, so the outputs are its features too. It has no gradients.</remarks>
internal sealed class GraphClassifier : FeatureClassifier, IProbedProgram
{
    private readonly GraphProgram _program;
    private readonly GraphImageInput _input;
    private readonly string _output;
    private readonly Preprocessor? _preprocessor;

    private GraphClassifier(
        GraphProgram program, string output, ImageShape shape, IReadOnlyList<string> classes, Preprocessor? preprocessor,
        Device device)
        : base(OnnxFormat.FormatName, shape, classes)
    {
        (_program, _output, _preprocessor, Device) = (program, output, preprocessor, device);
        _input = new GraphImageInput(program, preprocessor is null ? null : preprocessor.MakesLevels);
    }

    /// <inheritdoc/>
    public string ProgramPath => _program.Path;

    /// <inheritdoc/>
    public override int FeatureSize => Classes.Count;

    /// <inheritdoc/>
    public override bool IsKnownToMakeLogits => false;

    /// <inheritdoc/>
    public override Device Device { get; }

    /// <summary>Loads a graph and tries it; belongs to the caller.</summary>
    /// <param name="file">The graph's file.</param>
    /// <param name="shape">The images it will be given.</param>
    /// <param name="classes">Names of its outputs, in order.</param>
    /// <param name="outputs">Whether one class holds, or several may.</param>
    /// <param name="preprocessor">Prepares the images for the graph; null where it takes them as they are.</param>
    /// <param name="output">Name of the output with the classes; null where it is the only one.</param>
    /// <param name="device">Where its outputs go, and where the graph runs if the runtime can.</param>
    /// <exception cref="CheckpointException">It is not such a graph.</exception>
    public static GraphClassifier Load(
        CheckpointFile file,
        ImageShape shape,
        IReadOnlyList<string> classes,
        ClassifierOutputs outputs,
        Preprocessor? preprocessor,
        string? output,
        Device device)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var program = GraphProgram.Load(
            file,
            "it must turn images, "
                + (preprocessor is null ? "floating point [N, C, H, H] in -1 to 1" : "as the policy's 'preprocessing' makes them")
                + ", into one logit for each class of the policy, floating point [N, K] (or probabilities, where the policy's "
                + "'outputs' says so)",
            device);
        try
        {
            var chosen = program.Output(output, "\"output\" of the policy's classifier").Name;
            var classifier = Weights.Detach(
                new GraphClassifier(program, chosen, shape, classes, preprocessor, device) { Outputs = outputs });
            classifier.Features(zeros([2, shape.Channels, shape.Resolution, shape.Resolution], device: device));
            return classifier;
        }
        catch
        {
            program.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override Tensor Features(Tensor images)
    {
        using var scope = NewDisposeScope();
        var made = _input.Run(_preprocessor?.Prepare(images) ?? images, _output);
        var logits = made.dim() == 1 && Classes.Count == 1 ? made.unsqueeze(1) : made;
        return logits.is_floating_point() && logits.shape.SequenceEqual([images.shape[0], Classes.Count])
            ? logits.to(float32).MoveToOuterDisposeScope()
            : throw _program.ContractViolation(
                $"makes {made.dtype} {ScriptProgram.ShapeText(made)} of images {ScriptProgram.ShapeText(images)}, and the policy "
                    + $"names {Classes.Count} classes");
    }

    /// <inheritdoc/>
    public Tensor RunWithSeed(Tensor inputs, long seed) => Features(inputs);

    /// <inheritdoc/>
    public override Tensor Logits(Tensor features) => features.alias();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing)
            _program.Dispose();
    }
}
