using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>A classifier that is a TorchScript program: its forward makes logits of images. What lies before them is not known, so they are its features too.</summary>
internal sealed class ScriptedClassifier : FeatureClassifier
{
    private const string Duty = "its forward must turn images, float32 [N, C, H, H] in -1 to 1, into one logit for each class of the policy, float32 [N, K]";

    private readonly ScriptProgram _program;

    private ScriptedClassifier(ScriptProgram program, ImageShape shape, IReadOnlyList<string> classes) : base(TorchScriptFormat.FormatName, shape, classes)
    {
        _program = program;
        program.RegisterIn(this);
    }

    /// <inheritdoc/>
    public override int FeatureSize => Classes.Count;

    /// <inheritdoc/>
    public override Device Device => _program.Device;

    /// <summary>Loads one in eval mode, and tries it; belongs to the caller.</summary>
    /// <param name="path">Its file.</param>
    /// <param name="sha256">Of the file, as it was checked.</param>
    /// <param name="shape">Images it will be given.</param>
    /// <param name="classes">Names of its outputs, in order.</param>
    /// <param name="outputs">Whether one class holds, or several may.</param>
    /// <param name="device">Where it goes.</param>
    /// <exception cref="CheckpointException">It is no such program.</exception>
    public static ScriptedClassifier Load(string path, string sha256, ImageShape shape, IReadOnlyList<string> classes, ClassifierOutputs outputs, Device device)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var classifier = Weights.Freed(new ScriptedClassifier(ScriptProgram.Load(path, sha256, Duty, device), shape, classes) { Outputs = outputs });
        try
        {
            classifier.Features(zeros([2, shape.Channels, shape.Resolution, shape.Resolution], device: device));
            return classifier;
        }
        catch
        {
            classifier.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override Tensor Features(Tensor images)
    {
        using var scope = NewDisposeScope();
        var logits = _program.Run(images);
        return logits.dtype == float32 && logits.shape.SequenceEqual([images.shape[0], Classes.Count])
            ? logits.MoveToOuterDisposeScope()
            : throw _program.Wrong($"makes {logits.dtype} {ScriptProgram.Shown(logits)} of images {ScriptProgram.Shown(images)}, and the policy names {Classes.Count} classes");
    }

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
