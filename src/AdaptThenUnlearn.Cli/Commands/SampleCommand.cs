using System.CommandLine;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu sample</c>: images from a checkpoint, as a grid to look at or as numbers to compare.</summary>
public sealed class SampleCommand(Terminal terminal)
{
    private const int BatchSize = 100;
    private const int MaxGridColumns = 16;

    private readonly GeneratorOptions _generator = new("A generator");
    private readonly Option<FileInfo> _out = new("--out") { Description = "PNG file for a grid of the images" };
    private readonly Option<FileInfo> _npy = new("--npy") { Description = "File for the raw images: float32 [N, C, H, W], as the network gives them, nominally [-1, 1], not clipped" };
    private readonly Option<int> _count = new("--count") { Description = "Images", DefaultValueFactory = _ => 64 };
    private readonly Option<long> _seed = new("--seed") { Description = "Of latents and noise", DefaultValueFactory = _ => 0 };
    private readonly Option<FileInfo> _latents = new("--latents") { Description = "Latents instead of --seed and --count: .npy, float32 [N, latent]" };
    private readonly Option<FileInfo> _labels = new("--labels")
    {
        Description = "Classes for a conditional generator: .npy, float32 [N, classes], one 1 a row and 0 elsewhere; the latents are [N, z] then",
    };

    private readonly Option<double> _truncation = new("--truncation") { Description = "Above 0; 1 is none, towards 0 images come nearer to the mean image", DefaultValueFactory = _ => 1 };
    private readonly Option<string> _noise = new("--noise") { Description = "const: the stored maps; random: from --seed; none", DefaultValueFactory = _ => "random" };
    private readonly Option<string> _network = new("--network") { Description = "ema (where there is one) or generator", DefaultValueFactory = _ => "ema" };

    /// <summary>The command.</summary>
    public Command Build()
    {
        _noise.AcceptOnlyFromAmong("const", "random", "none");
        _network.AcceptOnlyFromAmong("ema", "generator");
        var command = new Command("sample", "Generate images")
        {
            _out, _npy, _count, _seed, _latents, _labels, _truncation, _noise, _network, OutputFiles.Overwrite, Machine.Device, Machine.Threads,
        };
        _generator.AddTo(command);
        command.SetGuardedAction(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        var (picture, numbers) = (parsed.GetValue(_out), parsed.GetValue(_npy));
        if (picture is null && numbers is null)
            throw new BadArgumentException("nothing to write: name a PNG file with --out, or a NumPy file with --npy");
        if (!(parsed.GetValue(_truncation) is > 0 and <= 1))
            throw new BadArgumentException("--truncation must be above 0 and at most 1");
        if (parsed.GetValue(_count) < 1)
            throw new BadArgumentException("--count must be at least 1");
        OutputFiles.Require(
            parsed, [picture?.FullName, numbers?.FullName], [(InputRoles.Generator, _generator.Checkpoint(parsed)), ("--latents", parsed.GetValue(_latents)?.FullName), ("--labels", parsed.GetValue(_labels)?.FullName)], OutputFiles.IsSample);

        using var loaded = _generator.Load(parsed, discriminator: null, Machine.Prepare(parsed), terminal, parsed.GetRequiredValue(_network), generatorAlone: true);
        if (parsed.GetValue(_truncation) != 1 && !loaded.Generator.SupportsTruncation)
            throw new BadArgumentException($"a {loaded.Architecture} generator has no truncation; leave --truncation at 1");

        if (parsed.GetValue(_noise) == "const" && loaded.Generator is { NoiseSizes.Count: > 0, StoredNoise.Count: 0 })
            throw new BadArgumentException("--noise const: the checkpoint holds no noise maps; take random, or none");

        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var images = Generate(loaded.Generator, Latents(loaded.Generator, parsed), parsed, cancel);
        if (numbers is not null)
        {
            NumpyFile.Write(numbers.FullName, loaded.Generator.ToNetworkRange(images));
            Terminal.WriteResultLine(numbers.FullName);
        }

        if (picture is not null)
        {
            var columns = Math.Min(MaxGridColumns, (int)Math.Ceiling(Math.Sqrt(images.shape[0])));
            var png = ImageGrid.Png([new GridPanel(Path.GetFileName(loaded.Sha256[..12]) + " " + loaded.Description, images, [])], columns, Math.Max(1, 64 / loaded.Generator.Shape.Resolution));
            AtomicFile.Write(picture.FullName, png);
            Terminal.WriteResultLine(picture.FullName);
        }

        return ExitCodes.Passed;
    }

    private Tensor Latents(ImageGenerator generator, ParseResult parsed)
    {
        var labels = Labels(generator, parsed);
        var size = generator.LatentSize - (labels is null ? 0 : generator.Classes);
        Tensor latents;
        if (parsed.GetValue(_latents) is { } file)
        {
            latents = NumpyFile.Read(file.FullName).to(float32);
            if (latents.dim() != 2 || latents.shape[1] != size || latents.shape[0] == 0)
            {
                var withLabels = labels is null && generator.Classes > 0 ? $", or [N, {size - generator.Classes}] with --labels" : "";
                throw new BadArgumentException(
                    $"{file}: latents have shape [{string.Join(", ", latents.shape)}], the generator takes [N, {size}]{withLabels}");
            }
        }
        else
        {
            using var random = new RandomStreams(parsed.GetValue(_seed), "sample").At("latents");
            latents = randn([labels?.shape[0] ?? parsed.GetValue(_count), size], generator: random);
        }

        if (labels is not null && labels.shape[0] != latents.shape[0])
            throw new BadArgumentException($"--labels has {labels.shape[0]} rows, --latents {latents.shape[0]}");
        return labels is null ? latents : cat([latents, labels], dim: 1);
    }

    private Tensor? Labels(ImageGenerator generator, ParseResult parsed)
    {
        if (parsed.GetValue(_labels) is not { } file)
            return null;
        if (generator.Classes == 0)
            throw new BadArgumentException("--labels is for conditional generators, and this one knows no classes");

        var labels = NumpyFile.Read(file.FullName).to(float32);
        if (labels.dim() != 2 || labels.shape[1] != generator.Classes || labels.shape[0] == 0)
            throw new BadArgumentException(
                $"{file}: labels have shape [{string.Join(", ", labels.shape)}], the generator takes [N, {generator.Classes}]");
        if (!((labels == 0) | (labels == 1)).all().item<bool>() || !(labels.sum(1) == 1).all().item<bool>())
            throw new BadArgumentException($"{file}: each row of labels must have one 1 and 0 elsewhere");

        return labels;
    }

    private Tensor Generate(ImageGenerator generator, Tensor latents, ParseResult parsed, CancellationToken cancel)
    {
        var device = Machine.Prepare(parsed);
        var streams = new RandomStreams(parsed.GetValue(_seed), "sample");
        List<Tensor> images = [];
        for (var start = 0L; start < latents.shape[0]; start += BatchSize)
        {
            cancel.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var some = latents.narrow(0, start, Math.Min(BatchSize, latents.shape[0] - start)).to(device);
            images.Add(generator.Generate(some, Noise(some.shape[0], start), parsed.GetValue(_truncation)).cpu().MoveToOuterDisposeScope());
        }

        return cat(images);

        IReadOnlyList<Tensor>? Noise(long count, long start)
        {
            if (parsed.GetValue(_noise) == "none")
                return null;
            if (parsed.GetValue(_noise) == "const")
                return generator.StoredNoise;
            using var random = streams.At("noise", start);
            return [.. generator.NoiseSizes.Select(size => randn([count, 1, size, size], generator: random).to(device))];
        }
    }
}
