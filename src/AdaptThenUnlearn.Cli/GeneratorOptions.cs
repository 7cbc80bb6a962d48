using System.CommandLine;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli;

/// <summary>Arguments that name a generator's checkpoint, for commands that take no policy.</summary>
public sealed class GeneratorOptions
{
    private readonly Argument<FileInfo> _checkpoint;
    private readonly Option<string> _format = new("--format")
    {
        Description = "Format of the checkpoint; auto detects it",
        DefaultValueFactory = _ => CheckpointFormats.Auto,
    };

    private readonly Option<int?> _latentSize = new("--latent-size")
    {
        Description = "Latent size of a TorchScript program or an ONNX graph (--format torchscript or onnx), if the file " +
            "does not show it",
    };

    private readonly LayersOption _layers = new();
    private readonly GraphOptions _graph = new();

    /// <summary>Creates the arguments.</summary>
    /// <param name="checkpoint">Description of the checkpoint argument.</param>
    public GeneratorOptions(string checkpoint)
    {
        _checkpoint = new("CHECKPOINT") { Description = checkpoint };
        _format.AcceptOnlyFromAmong([.. CheckpointFormats.Names]);
    }

    /// <summary>Adds the argument and the options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Arguments.Add(_checkpoint);
        command.Options.Add(_format);
        command.Options.Add(_latentSize);
        _layers.AddTo(command);
        _graph.AddTo(command);
    }

    /// <summary>Lets the argument be left out, for commands that can take a run instead.</summary>
    public void MakeOptional() => _checkpoint.Arity = ArgumentArity.ZeroOrOne;

    /// <summary>Whether the argument is there.</summary>
    public bool IsGiven(ParseResult parsed) => parsed.GetValue(_checkpoint) is not null;

    /// <summary>The argument as it was given.</summary>
    public string Given(ParseResult parsed) => parsed.GetRequiredValue(_checkpoint).ToString();

    /// <summary>Path of the checkpoint.</summary>
    public string Checkpoint(ParseResult parsed) => parsed.GetRequiredValue(_checkpoint).FullName;

    /// <summary>Loads the generator, and its discriminator if there is one.</summary>
    /// <param name="parsed">The arguments' values.</param>
    /// <param name="discriminator">Another checkpoint with the discriminator, or null.</param>
    /// <param name="device">Device for both networks.</param>
    /// <param name="terminal">Prints a warning about assumed layers.</param>
    /// <param name="network">Which of a checkpoint's generators, see <see cref="GeneratorCheckpoint"/>.</param>
    /// <param name="generatorAlone">Whether to ignore a discriminator in the same file.</param>
    /// <exception cref="BadArgumentException">The latent size is out of range, or not used by the format.</exception>
    /// <exception cref="CheckpointException">The file cannot be read, or does not hold a generator.</exception>
    public LoadedGenerator Load(
        ParseResult parsed,
        FileInfo? discriminator,
        Device device,
        Terminal terminal,
        string network = "ema",
        bool generatorAlone = false)
    {
        var (format, latentSize) = (parsed.GetRequiredValue(_format), parsed.GetValue(_latentSize));
        if (latentSize is < 1 or > 65536)
            throw new BadArgumentException("--latent-size must be 1 to 65536");
        if (latentSize is not null && !GeneratorChoice.IsProgram(format))
            throw new BadArgumentException(
                $"--latent-size is for --format {GeneratorChoice.TorchScript} and {GeneratorChoice.Onnx}; for every other " +
                "format it is read from the weights");

        var path = Checkpoint(parsed);
        var loaded = GeneratorCheckpoint.Load(
            path, format, sha256: null, discriminator?.FullName, device, network, latentSize, _layers.GetLayers(parsed),
            generatorAlone, _graph.GetUse(parsed, format));
        if (loaded.Assumed is { } assumed)
            terminal.WriteDiagnostic(new BuildMessage(
                Severity.Warning, PolicyCodes.AssumedLayers,
                $"weights do not tell what this generator computes; assumed: {assumed.Sentence}. If that is right, add " +
                $"{LayersOption.FormatStatement(assumed.Layers)}. If not, give --layers the output of Python's print(netG)",
                path));
        return loaded;
    }
}
