using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>
/// A classifier that is a TorchScript program: its forward makes logits of images, or probabilities where the policy says so.
/// </summary>
/// <remarks>The layers before the outputs are not known, so the outputs are its features too.</remarks>
internal sealed class ScriptedClassifier : FeatureClassifier, IProbedProgram
{
    private const string Unprepared = "float32 [N, C, H, H] in -1 to 1";
    private const string Prepared = "as the policy's 'preprocessing' makes them";

    private readonly Preprocessor? _preprocessor;

    private ScriptedClassifier(
        ScriptProgram program, ImageShape shape, IReadOnlyList<string> classes, Preprocessor? preprocessor)
        : base(TorchScriptFormat.FormatName, shape, classes)
    {
        Program = program;
        _preprocessor = preprocessor;
        program.RegisterIn(this);
    }

    /// <inheritdoc/>
    public string ProgramPath => Program.Path;

    /// <summary>The program; owned by this.</summary>
    public ScriptProgram Program { get; }

    /// <inheritdoc/>
    public override int FeatureSize => Classes.Count;

    /// <inheritdoc/>
    public override bool IsKnownToMakeLogits => false;

    /// <inheritdoc/>
    public override Device Device => Program.Device;

    /// <summary>Loads a program in eval mode and tries it; belongs to the caller.</summary>
    /// <param name="file">The program's file.</param>
    /// <param name="shape">The images it will be given.</param>
    /// <param name="classes">Names of its outputs, in order.</param>
    /// <param name="outputs">Whether one class holds, or several may.</param>
    /// <param name="preprocessor">Prepares the images for the program; null where it takes them as they are.</param>
    /// <param name="output">
    /// Position of the classes in the tuple or list that the program returns, from 0; null where it returns their tensor.
    /// </param>
    /// <param name="device">Device of the program.</param>
    /// <exception cref="CheckpointException">It is not such a program.</exception>
    public static ScriptedClassifier Load(
        CheckpointFile file,
        ImageShape shape,
        IReadOnlyList<string> classes,
        ClassifierOutputs outputs,
        Preprocessor? preprocessor,
        int? output,
        Device device)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var classifier = Weights.Detach(
            new ScriptedClassifier(
                ScriptProgram.Load(file, Contract(preprocessor), device, output), shape, classes, preprocessor)
            {
                Outputs = outputs,
            });
        try
        {
            classifier.RequireAnswers(zeros([2, shape.Channels, shape.Resolution, shape.Resolution], device: device));
            return classifier;
        }
        catch
        {
            classifier.Dispose();
            throw;
        }
    }

    private static string Contract(Preprocessor? preprocessor) =>
        $"its forward must turn images, {(preprocessor is null ? Unprepared : Prepared)}, into one logit for each class of the "
            + "policy, floating point [N, K] (or probabilities, where the policy's 'outputs' says so)";

    /// <inheritdoc/>
    public override Tensor Features(Tensor images)
    {
        using var scope = NewDisposeScope();
        var prepared = Prepare(images);
        return Rows(Program.Run(prepared), prepared).MoveToOuterDisposeScope();
    }

    private Tensor Prepare(Tensor images) => _preprocessor?.Prepare(images) ?? images;

    // One row for each image, in single precision. With one class, a program may have squeezed the rows.
    private Tensor Rows(Tensor made, Tensor images)
    {
        var logits = made.dim() == 1 && Classes.Count == 1 ? made.unsqueeze(1) : made;
        return logits.is_floating_point() && logits.shape.SequenceEqual([images.shape[0], Classes.Count])
            ? logits.to(float32)
            : throw Program.ContractViolation(
                $"makes {made.dtype} {ScriptProgram.ShapeText(made)} of images {ScriptProgram.ShapeText(images)}, and the "
                    + $"policy names {Classes.Count} classes");
    }

    // A program that takes only a single image was traced with one: say so.
    private void RequireAnswers(Tensor images)
    {
        try
        {
            Features(images);
        }
        catch (CheckpointException failed) when (TakesOne(images))
        {
            throw new CheckpointException(
                Program.Path, $"takes one image at a time: {failed.Problem}",
                "its batch size was fixed when it was traced; have its forward take any, as torch.flatten(x, 1) or "
                    + "x.view(x.shape[0], -1) do in torch.jit.script, and save it again",
                cause: failed);
        }
    }

    private bool TakesOne(Tensor images)
    {
        try
        {
            Features(images.narrow(0, 0, 1));
            return true;
        }
        catch (CheckpointException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public Tensor RunWithSeed(Tensor inputs, long seed)
    {
        using var scope = NewDisposeScope();
        var prepared = Prepare(inputs);
        return Rows(Program.Run(seed, prepared), prepared).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor Logits(Tensor features) => features.alias();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing)
            Program.Dispose();
    }
}
