using System.CommandLine;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli;

/// <summary>The checkpoint of a generator, where a command takes one instead of a policy.</summary>
public sealed class GeneratorOptions
{
    private readonly Argument<FileInfo> _checkpoint;
    private readonly Option<string> _format = new("--format") { Description = "A checkpoint format, or auto", DefaultValueFactory = _ => CheckpointFormats.Auto };
    private readonly Option<int?> _latentSize = new("--latent-size") { Description = "Of a TorchScript program (--format torchscript), where its weights do not tell it" };

    private readonly LayersOption _layers = new();

    /// <summary>Describes them.</summary>
    /// <param name="checkpoint">What the checkpoint holds.</param>
    public GeneratorOptions(string checkpoint)
    {
        _checkpoint = new("CHECKPOINT") { Description = checkpoint };
        _format.AcceptOnlyFromAmong([.. CheckpointFormats.Names]);
    }

    /// <summary>Gives a command the argument and the options.</summary>
    public void AddTo(Command command)
    {
        command.Arguments.Add(_checkpoint);
        command.Options.Add(_format);
        command.Options.Add(_latentSize);
        _layers.AddTo(command);
    }

    /// <summary>Path of the checkpoint.</summary>
    public string Checkpoint(ParseResult parsed) => parsed.GetRequiredValue(_checkpoint).FullName;

    /// <summary>Loads the generator, and its discriminator where there is one.</summary>
    /// <param name="parsed">The values.</param>
    /// <param name="discriminator">Another checkpoint with the discriminator, or null.</param>
    /// <param name="device">Where they go.</param>
    /// <param name="terminal">Told what had to be assumed.</param>
    /// <param name="network">Which of a checkpoint's generators, see <see cref="GeneratorCheckpoint"/>.</param>
    /// <param name="generatorAlone">Whether a discriminator in the same file is left alone, fitting or not.</param>
    /// <exception cref="BadArgumentException">A latent size is wrong, or of no use.</exception>
    /// <exception cref="CheckpointException">The file cannot be read, or is no generator.</exception>
    public LoadedGenerator Load(
        ParseResult parsed, FileInfo? discriminator, Device device, Terminal terminal, string network = "ema", bool generatorAlone = false)
    {
        var (format, latentSize) = (parsed.GetRequiredValue(_format), parsed.GetValue(_latentSize));
        if (latentSize is < 1 or > 65536)
            throw new BadArgumentException("--latent-size must be 1 to 65536");
        if (latentSize is not null && format != GeneratorChoice.TorchScript)
            throw new BadArgumentException($"--latent-size is for --format {GeneratorChoice.TorchScript}; every other format tells it by its weights");

        var path = Checkpoint(parsed);
        var loaded = GeneratorCheckpoint.Load(path, format, sha256: null, discriminator?.FullName, device, network, latentSize, _layers.GetLayers(parsed), generatorAlone);
        if (loaded.Assumed is { } assumed)
            terminal.WriteDiagnostic(new BuildMessage(
                Severity.Warning, PolicyCodes.AssumedLayers,
                $"weights do not tell what this generator computes; assumed: {assumed.Sentence}. If that is right, say it: {LayersOption.Statement(assumed.Layers)}; if not, give --layers what Python's print(netG) shows",
                path));
        return loaded;
    }
}
