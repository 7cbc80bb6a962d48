using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>A discriminator that is a TorchScript program: its forward scores images.</summary>
internal sealed class ScriptedDiscriminator : ImageDiscriminator, IScriptedNetwork
{
    private const string Contract =
        "its forward must turn images, float32 [N, C, H, H] in -1 to 1, into one score each, float32 [N] or [N, 1], before "
            + "any sigmoid";

    private ScriptedDiscriminator(ScriptProgram program, ImageShape shape) : base("TorchScript discriminator", shape)
    {
        Program = program;
        program.RegisterIn(this);
    }

    /// <inheritdoc/>
    public ScriptProgram Program { get; }

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">Always: a program does not show its features.</exception>
    public override int FeatureSize => throw NoFeatures();

    /// <summary>Loads a discriminator, and runs it once to check what it returns.</summary>
    /// <param name="file">The program's file.</param>
    /// <param name="shape">Shape of the generator's images.</param>
    /// <param name="device">Where the discriminator goes.</param>
    /// <exception cref="CheckpointException">The program cannot be loaded, or is not a discriminator.</exception>
    public static ScriptedDiscriminator Load(CheckpointFile file, ImageShape shape, Device device)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var probed = ScriptProgram.Load(file, Contract, device);
        probed.RequireSinglePrecision();
        Scores(probed, zeros([2, shape.Channels, shape.Resolution, shape.Resolution], device: device));
        return new ScriptedDiscriminator(probed.Reload(), shape);
    }

    /// <inheritdoc/>
    public override Tensor Score(Tensor images)
    {
        using var scope = NewDisposeScope();
        return Scores(Program, images).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">Always: a program does not show its features.</exception>
    public override Tensor Features(Tensor images) => throw NoFeatures();

    /// <inheritdoc/>
    public override ImageDiscriminator Copy() => Weights.CopiedTo(new ScriptedDiscriminator(Program.Reload(), Shape), this);

    /// <inheritdoc/>
    public override void train(bool train = true)
    {
        base.train(train);
        Program.Module.train(train);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing)
            Program.Dispose();
    }

    private static Tensor Scores(ScriptProgram program, Tensor images)
    {
        var scores = program.Run(images);
        return scores.dtype == float32
            && scores.dim() > 0
            && scores.shape[0] == images.shape[0]
            && scores.NumberOfElements == images.shape[0]
            ? scores.view(-1, 1)   // [N, 1]
            : throw program.ContractViolation(
                $"makes {scores.dtype} {ScriptProgram.ShapeText(scores)} of images {ScriptProgram.ShapeText(images)}");
    }

    private static NotSupportedException NoFeatures() => new("the features of a TorchScript discriminator are not known");
}
