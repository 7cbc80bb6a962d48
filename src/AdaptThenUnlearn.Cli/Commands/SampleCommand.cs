using System.CommandLine;
using System.Globalization;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu sample</c>: generates images from a checkpoint, as a PNG grid or as numbers.</summary>
public sealed class SampleCommand(Terminal terminal)
{
    private const int MaxGridColumns = 16;

    private readonly GeneratorOptions _generator = new("The generator's checkpoint");
    private readonly Option<FileInfo> _out = new("--out") { Description = "PNG file for a grid of the images" };
    private readonly Option<FileInfo> _npy = new("--npy")
    {
        Description = "File for the raw images: float32 [N, C, H, W], as the network outputs them, nominally -1 to 1, not " +
            "clipped",
    };

    private readonly Option<DirectoryInfo> _images = new("--images")
    {
        Description = "New or empty folder for the images as users get them, one PNG file each",
    };

    private readonly Option<int> _count = new("--count") { Description = "Number of images", DefaultValueFactory = _ => 64 };
    private readonly Option<long> _seed = new("--seed")
    {
        Description = "Seed for the latents and the noise",
        DefaultValueFactory = _ => 0,
    };

    private readonly Option<FileInfo> _latents = new("--latents")
    {
        Description = "Latents to use instead of --seed and --count: .npy, float32 [N, latent]",
    };

    private readonly Option<FileInfo> _labels = new("--labels")
    {
        Description = "Classes for a conditional generator: .npy, float32 [N, classes], with one 1 per row and 0 elsewhere; " +
            "--latents are then [N, z]",
    };

    private readonly Option<double> _truncation = new("--truncation")
    {
        Description = "Truncation, above 0 and at most 1. 1 is none; smaller values give images closer to the mean image",
        DefaultValueFactory = _ => 1,
    };

    private readonly Option<string> _noise = new("--noise")
    {
        Description = "Noise maps: const (stored in the checkpoint), random (from --seed) or none",
        DefaultValueFactory = _ => "random",
    };

    private readonly Option<string> _network = new("--network")
    {
        Description = "Which generator of the checkpoint: ema (if there is one) or generator",
        DefaultValueFactory = _ => "ema",
    };

    /// <summary>Builds the command.</summary>
    public Command Build()
    {
        _noise.AcceptOnlyFromAmong("const", "random", "none");
        _network.AcceptOnlyFromAmong("ema", "generator");
        var command = new Command("sample", "Generate images from a checkpoint")
        {
            _out, _npy, _images, _count, _seed, _latents, _labels, _truncation, _noise, _network, OutputFiles.Overwrite,
            Machine.Device, Machine.Threads, Terminal.Json,
        };
        _generator.AddTo(command);
        command.SetGuardedAction(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        var (picture, numbers) = (parsed.GetValue(_out), parsed.GetValue(_npy));
        var folder = parsed.GetValue(_images);
        if (picture is null && numbers is null && folder is null)
            throw new BadArgumentException(
                "there is nothing to write: name a PNG file with --out, a NumPy file with --npy, or a folder with --images");
        if (Path.Exists(folder?.FullName) && (File.Exists(folder.FullName) || folder.EnumerateFileSystemInfos().Any()))
            throw new BadArgumentException($"--images {folder}: is not an empty folder; nothing was written");
        if (Directory.Exists(_generator.Checkpoint(parsed)))
            throw new BadArgumentException(
                $"{_generator.Checkpoint(parsed)} is a folder, and no checkpoint: if it holds images, they are there already "
                + "(`atu inspect` describes them)");
        if (!(parsed.GetValue(_truncation) is > 0 and <= 1))
            throw new BadArgumentException("--truncation must be above 0 and at most 1");
        if (parsed.GetValue(_count) < 1)
            throw new BadArgumentException("--count must be at least 1");
        var inputs = new[]
        {
            (InputRoles.Generator, _generator.Checkpoint(parsed)), ("--latents", parsed.GetValue(_latents)?.FullName),
            ("--labels", parsed.GetValue(_labels)?.FullName),
        };
        OutputFiles.Require(parsed, [picture?.FullName, numbers?.FullName], inputs, OutputFiles.IsSample);

        // Load the generator and check what is asked of it.
        var device = Machine.Prepare(parsed, terminal);
        using var loaded = _generator.Load(
            parsed, discriminator: null, device, terminal, parsed.GetRequiredValue(_network), generatorAlone: true);
        if (parsed.GetValue(_truncation) != 1 && !loaded.Generator.SupportsTruncation)
            throw new BadArgumentException($"a {loaded.Architecture} generator has no truncation; leave --truncation at 1");
        var noise = Noise(parsed);
        if (noise is NoiseMaps.Stored && loaded.Generator is { NoiseSizes.Count: > 0, StoredNoise.Count: 0 })
            throw new BadArgumentException("--noise const: the checkpoint holds no noise maps; use random or none");

        // Generate the images and write them.
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var sampler = new ImageSampler(loaded.Generator, parsed.GetValue(_seed), device);
        var images = sampler.Generate(Latents(loaded.Generator, sampler, parsed), noise, parsed.GetValue(_truncation), cancel);
        if (numbers is not null)
        {
            NumpyFile.Write(numbers.FullName, loaded.Generator.ToNetworkRange(images));
            Terminal.WriteResultLine(numbers.FullName);
        }

        if (folder is not null)
        {
            folder.Create();
            for (var number = 0; number < images.shape[0]; number++)
                AtomicFile.Write(
                    Path.Combine(folder.FullName, number.ToString("D6", CultureInfo.InvariantCulture) + ".png"),
                    ImageGrid.SinglePng(images, number));
            Terminal.WriteResultLine(folder.FullName);
        }

        if (picture is not null)
        {
            var columns = Math.Min(MaxGridColumns, (int)Math.Ceiling(Math.Sqrt(images.shape[0])));
            var panel = new GridPanel($"{loaded.Sha256[..12]} {loaded.Description}", images, []);
            var scale = Math.Max(1, 64 / loaded.Generator.Shape.Resolution);
            AtomicFile.Write(picture.FullName, ImageGrid.Png([panel], columns, scale));
            Terminal.WriteResultLine(picture.FullName);
        }

        Terminal.WriteJson(new
        {
            generator = loaded.Sha256,
            images = images.shape[0],
            picture = picture?.FullName,
            numbers = numbers?.FullName,
            folder = folder?.FullName,
        });
        return ExitCodes.Passed;
    }

    private NoiseMaps Noise(ParseResult parsed) => parsed.GetValue(_noise) switch
    {
        "none" => NoiseMaps.None,
        "const" => NoiseMaps.Stored,
        _ => NoiseMaps.Random,
    };

    private Tensor Latents(ImageGenerator generator, ImageSampler sampler, ParseResult parsed)
    {
        var labels = Labels(generator, parsed);
        var size = generator.LatentSize - (labels is null ? 0 : generator.Classes);
        Tensor latents;
        if (parsed.GetValue(_latents) is { } file)
        {
            latents = NumpyFile.Read(file.FullName).to(float32);
            if (latents.dim() != 2 || latents.shape[1] != size || latents.shape[0] == 0)
            {
                var withLabels = labels is null && generator.Classes > 0
                    ? $", or [N, {size - generator.Classes}] with --labels"
                    : "";
                throw new BadArgumentException(
                    $"{file}: latents have shape [{string.Join(", ", latents.shape)}], the generator takes [N, "
                        + $"{size}]{withLabels}");
            }
        }
        else
        {
            latents = sampler.DrawLatents(labels?.shape[0] ?? parsed.GetValue(_count), size);
        }

        if (labels is not null && labels.shape[0] != latents.shape[0])
            throw new BadArgumentException($"--labels has {labels.shape[0]} rows, but --latents has {latents.shape[0]}");
        return labels is null ? latents : cat([latents, labels], dim: 1);
    }

    private Tensor? Labels(ImageGenerator generator, ParseResult parsed)
    {
        if (parsed.GetValue(_labels) is not { } file)
            return null;
        if (generator.Classes == 0)
            throw new BadArgumentException("--labels is for conditional generators, and this one has no classes");

        var labels = NumpyFile.Read(file.FullName).to(float32);
        if (labels.dim() != 2 || labels.shape[1] != generator.Classes || labels.shape[0] == 0)
            throw new BadArgumentException(
                $"{file}: labels have shape [{string.Join(", ", labels.shape)}], the generator takes [N, {generator.Classes}]");
        if (!((labels == Scalars.Of(0)) | (labels == Scalars.Of(1))).all().item<bool>()
            || !(labels.sum(1) == Scalars.Of(1)).all().item<bool>())
            throw new BadArgumentException($"{file}: each row of labels must have one 1 and 0 elsewhere");

        return labels;
    }
}
