using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>A generator that is an ONNX graph: it makes images, and has no weights that can be trained.</summary>
internal sealed class GraphGenerator : ImageGenerator, IProbedProgram
{
    private const string Contract =
        "it must turn latents, floating point [N, latent] or [N, latent, 1, 1], into square images of 1 or 3 channels, "
            + "[N, C, H, H] or [N, H, H, C]";
    private const int Tried = 8;   // images that show the shape and the range

    private readonly GraphProgram _program;
    private readonly GraphInputs _inputs;
    private readonly GraphImages _images;
    private readonly string _output;

    private GraphGenerator(GraphProgram program, GraphInputs inputs, GraphImages images, string output)
        : base("ONNX generator", images.Shape, inputs.LatentSize) =>
        (_program, _inputs, _images, _output) = (program, inputs, images, output);

    /// <inheritdoc/>
    public string ProgramPath => _program.Path;

    /// <inheritdoc/>
    public override bool SupportsTruncation => _inputs.TakesTruncation;

    /// <inheritdoc/>
    public override IReadOnlyList<int> NoiseSizes => _inputs.NoiseSizes;

    /// <inheritdoc/>
    public override IReadOnlyList<Tensor> StoredNoise => [];

    /// <inheritdoc/>
    public override int Classes => _inputs.Classes;

    /// <summary>What was found without a word of the policy, and what each input gets; in sentences that call it "it".</summary>
    public IReadOnlyList<string> Notes =>
    [
        $"it is an ONNX graph, run by {_program.Runtime}; what its inputs get"
            + $"{(_inputs.IsFound ? " (it has only one)" : "")}: " + _inputs.Describe(),
        .. new[] { _images.FoundLayout, _images.FoundRange }.OfType<string>(),
    ];

    /// <summary>Loads a generator, and runs it to learn the shape of its images.</summary>
    /// <param name="file">The graph's file.</param>
    /// <param name="latentSize">Length of a latent vector where the policy says it; otherwise null.</param>
    /// <param name="use">What the policy says of the graph's inputs and of its output.</param>
    /// <param name="wanted">The device of the networks, on which the graph runs where the runtime can.</param>
    /// <exception cref="CheckpointException">
    /// The graph cannot be run, is no generator, or what it takes and makes is neither said nor certain.
    /// </exception>
    public static GraphGenerator Load(CheckpointFile file, int? latentSize, GraphUse use, Device wanted)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var program = GraphProgram.Load(file, Contract, wanted);
        try
        {
            var inputs = new GraphInputs(program.Path, program.Model, use.Inputs, latentSize);
            var port = program.Output(use.Output?.Name, "\"output\": { \"name\": … } of the policy's generator (--output-name)");
            using var random = new Generator(0, CPU);
            var noise = inputs.NoiseSizes.Select(size => randn([Tried, 1, size, size], generator: random)).ToList();
            var made = program.Run(
                inputs.Feeds(randn([Tried, inputs.LatentSize], generator: random), noise, truncation: 1), inputs.Batch,
                    port.Name);
            return new GraphGenerator(program, inputs, GraphImages.Resolve(program, port, use.Output, made), port.Name);
        }
        catch
        {
            program.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">Truncation other than 1, and no input is the truncation.</exception>
    public override Tensor Generate(Tensor latents, IReadOnlyList<Tensor>? noise, double truncation = 1)
    {
        if (truncation != 1 && !SupportsTruncation)
            throw new NotSupportedException("none of the graph's inputs is the truncation; leave it at 1");

        using var scope = NewDisposeScope();
        var made = _program.Run(_inputs.Feeds(latents, noise, truncation), _inputs.Batch, _output);
        var images = made.dim() == 4 ? _images.ToImages(made) : made;
        return images.shape.SequenceEqual([latents.shape[0], Shape.Channels, Shape.Resolution, Shape.Resolution])
            ? images.MoveToOuterDisposeScope()
            : throw _program.ContractViolation(
                $"makes {made.dtype} {ScriptProgram.ShapeText(made)} of {latents.shape[0]} latents, and made {Shape} images "
                    + "before");
    }

    /// <inheritdoc/>
    public override Tensor ToNetworkRange(Tensor images) => _images.ToOwnRange(images);

    /// <inheritdoc/>
    /// <remarks>A graph has no seed: noise is left out, and the same latents must give the same images.</remarks>
    public Tensor RunWithSeed(Tensor inputs, long seed) => Generate(inputs, noise: null);

    /// <summary>Where the graph runs.</summary>
    public Device RunsOn => _program.RunsOn;

    /// <inheritdoc/>
    public override ImageGenerator Copy() => new GraphGenerator(_program.Reload(), _inputs, _images, _output);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing)
            _program.Dispose();
    }
}
