using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>A generator that is a TorchScript program: its forward makes images from latents.</summary>
/// <remarks>
/// It stays in eval mode in training too, like <see cref="Models.Sequence.SequentialGenerator"/>. The trained network is then the
/// one that is measured, and the statistics of batch normalisation stay.
/// </remarks>
internal sealed class ScriptedGenerator : ImageGenerator, IScriptedNetwork, IProbedProgram
{
    private const string Contract =
        "its forward must turn latents, float32 [N, latent], into images, float32 [N, 1 or 3, H, H] in -1 to 1";
    private const int MostCandidates = 256;   // latent sizes that are tried

    private readonly bool _asColumns;

    private ScriptedGenerator(ScriptProgram program, ImageShape shape, int latentSize, bool asColumns)
        : base("TorchScript generator", shape, latentSize)
    {
        (Program, _asColumns) = (program, asColumns);
        program.RegisterIn(this);
    }

    /// <inheritdoc/>
    public string ProgramPath => Program.Path;

    /// <summary>The program; owned by this.</summary>
    public ScriptProgram Program { get; }

    /// <inheritdoc/>
    public override bool SupportsTruncation => false;

    /// <inheritdoc/>
    public override IReadOnlyList<int> NoiseSizes => [];

    /// <inheritdoc/>
    public override IReadOnlyList<Tensor> StoredNoise => [];

    /// <summary>Loads a generator, and runs it to learn the shapes of its latents and images.</summary>
    /// <param name="file">The program's file.</param>
    /// <param name="latentSize">
    /// Length of a latent vector; null to try the sizes of the weights, of which exactly one must work.
    /// </param>
    /// <param name="device">Where the generator goes.</param>
    /// <exception cref="CheckpointException">
    /// The program cannot be loaded, is not a generator, or its latent size is unclear.
    /// </exception>
    public static ScriptedGenerator Load(CheckpointFile file, int? latentSize, Device device)
    {
        using var probed = ScriptProgram.Load(file, Contract, device);
        probed.RequireSinglePrecision();
        var (size, asColumns, shape) = latentSize is { } given ? Tried(probed, given) : FindLatentSize(probed);
        // It is loaded again, because running it may have changed its state.
        return new ScriptedGenerator(probed.Reload(), shape, size, asColumns);
    }

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">
    /// Truncation other than 1: the generator has no mean to truncate towards.
    /// </exception>
    public override Tensor Generate(Tensor latents, IReadOnlyList<Tensor>? noise, double truncation = 1)
    {
        if (truncation != 1)
            throw new NotSupportedException("a TorchScript generator has no truncation; leave it at 1");

        using var scope = NewDisposeScope();
        var images = Program.Run(_asColumns ? Columns(latents) : latents);
        return images.shape.SequenceEqual([latents.shape[0], Shape.Channels, Shape.Resolution, Shape.Resolution])
            && images.dtype == float32
            ? images.MoveToOuterDisposeScope()
            : throw Program.ContractViolation(
                $"makes {images.dtype} {ScriptProgram.ShapeText(images)} of {latents.shape[0]} latents, and made {Shape} "
                    + "images before");
    }

    /// <inheritdoc/>
    public Tensor RunWithSeed(Tensor inputs, long seed) => Program.Run(seed, _asColumns ? Columns(inputs) : inputs);

    /// <inheritdoc/>
    public override ImageGenerator Copy() =>
        Weights.CopiedTo(new ScriptedGenerator(Program.Reload(), Shape, LatentSize, _asColumns), this);

    /// <inheritdoc/>
    public override void train(bool train = true) => base.train(false);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing)
            Program.Dispose();
    }

    // Only sizes of weights are tried. Where several work, the size stays unclear.
    private static (int Size, bool AsColumns, ImageShape Shape) FindLatentSize(ScriptProgram program)
    {
        var sizes = ScriptArchive.Read(program.File).Tensors
            .SelectMany(tensor => tensor.Shape.Take(2))
            .Where(size => size is > 0 and < 65536)
            .Distinct()
            .Order()
            .Take(MostCandidates);
        List<(int Size, bool AsColumns, ImageShape Shape)> fits = [];
        var last = "";
        foreach (var size in sizes)
        {
            try
            {
                fits.Add(Tried(program, (int)size));
            }
            catch (CheckpointException other)
            {
                last = $"; with the last, it {other.Problem}";
            }
        }

        return fits is [var only] ? only : throw new CheckpointException(
            program.Path,
            fits.Count == 0
                ? $"takes latents of none of the sizes that its weights have{last}"
                : $"takes latents of several sizes ({string.Join(", ", fits.Select(fit => fit.Size))}), so that its own "
                    + "is not known",
            $"say it: \"latentSize\" of the policy's generator, or --latent-size; {Contract}");
    }

    private static (int Size, bool AsColumns, ImageShape Shape) Tried(ScriptProgram program, int size)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var random = new Generator(0, CPU);
        var latents = randn([2, size], generator: random).to(program.Device);
        try
        {
            return (size, false, ShapeOf(program, latents));
        }
        catch (CheckpointException failed)
        {
            try
            {
                return (size, true, ShapeOf(program, Columns(latents)));   // the form that a DCGAN takes
            }
            catch (CheckpointException)
            {
                throw failed;
            }
        }
    }

    private static ImageShape ShapeOf(ScriptProgram program, Tensor latents)
    {
        var images = program.Run(latents);
        if (images.dtype != float32 || !(images.shape is [2, 1 or 3, var height, var width] && height == width))
            throw program.ContractViolation(
                $"makes {images.dtype} {ScriptProgram.ShapeText(images)} of latents {ScriptProgram.ShapeText(latents)}");

        return isfinite(images).all().item<bool>()
            ? new ImageShape((int)images.shape[1], (int)images.shape[2])
            : throw program.ContractViolation("makes images that are not finite");
    }

    private static Tensor Columns(Tensor latents) => latents.unsqueeze(-1).unsqueeze(-1);   // [N, latent, 1, 1]
}
