using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Governing;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Tests.Checkpoints;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Adaptation;

/// <summary>
/// Checks the discriminator that is made for a generator without one: it learns, and the same seed gives the same bytes, also
/// after an interruption.
/// </summary>
public sealed class DiscriminatorWarmUpTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-warm-up-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<string> Architectures => [.. GeneratorArchitectures.All.Select(architecture => architecture.Name)];

    [Fact]
    public void Run_EmbeddedGenerator_DistinguishesItsImagesFromDamagedOnesBetterThanAFreshOne()
    {
        using var loaded = GeneratorCheckpoint
            .Load(Path.Combine(SolutionFolder(), "models", "mnist", "stylegan2.safetensors"), "auto", null, null, CPU);

        Learns(
            loaded,
            UnlearningPresets.Get("default") with { BatchSize = 8, DiscriminatorWarmUp = new DiscriminatorWarmUpOptions(80) },
            fresh: 0.6,
            warmedUp: 0.8);
    }

    [Fact]
    public void Run_TrainedMlp_DistinguishesItsImagesFromDamagedOnesBetterThanAFreshOne()
    {
        using var loaded = GeneratorCheckpoint
            .Load(Interop.Case("csinva_mlp_gan").PathOf("G--300.ckpt"), "auto", null, null, CPU);
        var options = UnlearningPresets.Get("default");

        // These layers have no equalised learning rate, so they need smaller steps.
        Learns(
            loaded, options with
            {
                LearningRate = 3e-4,
                Adversarial = options.Adversarial with { R1Weight = 0.1 },
                DiscriminatorWarmUp = new DiscriminatorWarmUpOptions(400)
            },
            fresh: 0.65, warmedUp: 0.7);
    }

    [Theory]
    [MemberData(nameof(Architectures))]
    public void Run_AnyArchitecture_TrainsADiscriminatorAndLeavesTheGeneratorAlone(string name)
    {
        using var networks = Networks(name);
        var before = Bytes(networks.Generator);
        using var fresh = DiscriminatorWarmUp.CreateUntrained(networks.Generator, GeneratorArchitectures.Named(name), seed: 1);
        var progress = new Small.Silent();

        using var warmedUp = WarmUp(networks.Generator, name, steps: 3, progress: progress);

        Assert.NotEqual(Bytes(fresh), Bytes(warmedUp));
        Assert.Equal(before, Bytes(networks.Generator));
        Assert.All(warmedUp.parameters(), parameter => Assert.True(isfinite(parameter).all().item<bool>()));
        Assert.Equal([(1, 3), (2, 3), (3, 3)], progress.Reported.Select(each => (each.Step, each.Steps)));
    }

    [Fact]
    public void Run_SameSeed_SameBytesAndAnotherSeedAnother()
    {
        using var networks = Networks("stylegan2");
        byte[] Run(long seed)
        {
            using var warmedUp = WarmUp(networks.Generator, "stylegan2", steps: 4, seed);
            return Bytes(warmedUp);
        }

        Assert.Equal(Run(1), Run(1));
        Assert.NotEqual(Run(1), Run(2));
    }

    [Fact]
    public void Run_BatchesInParts_TrainsAsWithWholeOnes()
    {
        using var networks = Networks("mlp-gan");
        using var fresh =
            DiscriminatorWarmUp.CreateUntrained(networks.Generator, GeneratorArchitectures.Named("mlp-gan"), seed: 1);
        using var whole = WarmUp(networks.Generator, "mlp-gan", steps: 8);
        using var inParts = WarmUp(networks.Generator, "mlp-gan", steps: 8, parts: Small.Options.BatchSize / 2);

        Assert.InRange(Distance(whole, inParts), 0, 0.01 * Distance(whole, fresh));

        static double Distance(ImageDiscriminator one, ImageDiscriminator other) => Math.Sqrt(
            one.parameters().Zip(other.parameters()).Sum(pair => (pair.First - pair.Second).square().sum().item<float>()));
    }

    [Theory]
    [InlineData(10)]   // before the first state was saved
    [InlineData(52)]
    [InlineData(60)]   // when it was done
    public void Run_InterruptedAnywhereAndResumed_GivesTheSameBytes(int afterSteps)
    {
        using var networks = Networks("dcgan");
        using var whole = WarmUp(networks.Generator, "dcgan", steps: 60);
        using var stop = new CancellationTokenSource();
        try
        {
            using var interrupted = WarmUp(
                networks.Generator,
                "dcgan",
                steps: 60,
                journal: new FolderJournal(_folder, "f", resume: false),
                progress: new Small.StopAfter(afterSteps, stop),
                cancel: stop.Token);
            Assert.Equal(60, afterSteps);
        }
        catch (OperationCanceledException)
        {
            Assert.True(afterSteps < 60);
        }

        var progress = new Small.Silent();
        using var resumed = WarmUp(
            networks.Generator, "dcgan", steps: 60, journal: new FolderJournal(_folder, "f", resume: true), progress: progress);

        Assert.Equal(Bytes(whole), Bytes(resumed));
        Assert.Equal(60 - afterSteps / 50 * 50 - (afterSteps == 60 ? 10 : 0), progress.Reported.Count);
    }

    [Fact]
    public void Run_FewSteps_LeavesNothingBehind()
    {
        using var networks = Networks("mlp-gan");
        var live = new Live();

        WarmUp(networks.Generator, "mlp-gan", steps: 5, progress: live).Dispose();

        Assert.All(live.Counts[2..], count => Assert.Equal(live.Counts[1], count));
    }

    [Fact]
    public void Damage_AnyTensor_MovesInProportionToItsSize()
    {
        using var scope = NewDisposeScope();
        using var networks = Networks("stylegan2");
        using var parameters = new ParameterVector(networks.Generator);
        using (no_grad())
            parameters.Slices[0].ViewOf(parameters.Values).zero_();
        var before = parameters.Values.detach().clone();

        using var random = new RandomStreams(1, "damage").At("noise");
        DamagedSamples.Damage(parameters, 0.25, random);

        double Size(Tensor tensor) => tensor.detach().square().mean().sqrt().item<float>();
        Assert.Equal(0, Size(parameters.Slices[0].ViewOf(parameters.Values)));
        Assert.All(
            parameters.Slices.Skip(1).Where(slice => slice.Count >= 200),
            // The bounds are ± 4 standard deviations of 1/√(2n).
            slice => Assert.InRange(
                Size(slice.ViewOf(parameters.Values - before)) / Size(slice.ViewOf(before)), 0.8 * 0.25, 1.2 * 0.25));
    }

    [Fact]
    public void Draw_DamagedSamples_DifferFromTheOriginalsAndFromDrawToDraw()
    {
        using var scope = NewDisposeScope();
        using var networks = Networks("mlp-gan");
        using var damaged = new DamagedSamples(networks.Generator, new RandomStreams(1, "damage"));
        Tensor Drawn(IImageSource source, long step)
        {
            using var random = new RandomStreams(1, "draw").At("images", step);
            return source.Draw(8, random);
        }

        Assert.Equal(Small.Bytes(Drawn(damaged, 1)), Small.Bytes(Drawn(damaged, 1)));   // nothing is left of a draw in the next
        Assert.NotEqual(Small.Bytes(Drawn(damaged, 1)), Small.Bytes(Drawn(damaged, 2)));
        Assert.Equal(
            Small.Bytes(Drawn(new GeneratorSamples(networks.Generator), 1)),
            Small.Bytes(Drawn(new GeneratorSamples(networks.Generator), 1)));
    }

    [Theory]
    [MemberData(nameof(Architectures))]
    public void MaxLevel_AnyGenerator_ChangesImagesAsMuchAsUnrelatedOnesDiffer(string name)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var networks = Networks(name);
        using var damaged = new DamagedSamples(networks.Generator, new RandomStreams(1, "damage"));
        using var copy = networks.Generator.Copy();
        copy.eval();
        using var parameters = new ParameterVector(copy);
        var sound = parameters.Values.detach().clone();
        manual_seed(4);
        var latents = randn(200, copy.LatentSize);
        var images = networks.Generator.Generate(latents, noise: null);
        var unrelated = (images - images.roll(1, 0)).square().mean().item<float>();

        var changed = Enumerable.Range(0, 16).Average(number =>
        {
            parameters.Values.copy_(sound);
            using var random = new RandomStreams(2, "other").At("noise", number);
            DamagedSamples.Damage(parameters, damaged.MaxLevel, random);
            return (copy.Generate(latents, noise: null) - images).square().mean().item<float>();
        });

        // The size is found from four copies, and one step of the series may change images by half as much again.
        Assert.InRange(changed / unrelated, 0.5, 4);
    }

    private static void Learns(LoadedGenerator loaded, UnlearningOptions options, double fresh, double warmedUp)
    {
        var architecture = GeneratorArchitectures.Named(loaded.Architecture);
        using var before = DiscriminatorWarmUp.CreateUntrained(loaded.Generator, architecture, options.Seed);
        using var after = new DiscriminatorWarmUp(options, new NoJournal(), new Small.Silent())
            .Run(loaded.Generator, architecture, CancellationToken.None);

        Assert.InRange(ShareDistinguished(loaded.Generator, before), 0, fresh);
        Assert.InRange(ShareDistinguished(loaded.Generator, after), warmedUp, 1);
    }

    // Share of pairs in which the discriminator scores an image of the generator above one of a damaged copy that was not in
    // training; 0.5 by guessing.
    private static double ShareDistinguished(ImageGenerator generator, ImageDiscriminator discriminator)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var damaged = generator.Copy();
        damaged.eval();
        using var parameters = new ParameterVector(damaged);
        using var samples = new DamagedSamples(generator, new RandomStreams(1, "damage"));
        var sound = parameters.Values.detach().clone();
        manual_seed(21);
        return Enumerable.Range(0, 4).Average(number =>
        {
            parameters.Values.copy_(sound);
            using var random = new RandomStreams(99, "held out").At("noise", number);
            DamagedSamples.Damage(parameters, samples.MaxLevel, random);
            return Scores(generator).unsqueeze(1).gt(Scores(damaged).unsqueeze(0)).to(float32).mean().item<float>();
        });

        Tensor Scores(ImageGenerator of) => discriminator.Score(of.Generate(randn(60, of.LatentSize), of.StoredNoise)).flatten();
    }

    private static string SolutionFolder()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "AdaptThenUnlearn.sln")))
            folder = folder.Parent;
        return folder.FullName;
    }

    private static ImageDiscriminator WarmUp(
        ImageGenerator generator,
        string architecture,
        int steps,
        long seed = 1,
        int parts = 1,
        ITrainingJournal? journal = null,
        IProgress<StageProgress>? progress = null,
        CancellationToken cancel = default) =>
        new DiscriminatorWarmUp(
            Small.Options with
            {
                Seed = seed,
                DiscriminatorWarmUp = new DiscriminatorWarmUpOptions(steps),
                Accumulate = parts,
            },
            journal ?? new NoJournal(),
            progress ?? new Small.Silent())
            .Run(generator, GeneratorArchitectures.Named(architecture), cancel);

    private static GanPair Networks(string name)
    {
        var networks = ForeignFiles.Gan(name);
        networks.Generator.eval();
        return networks;
    }

    private static byte[] Bytes(nn.Module network) => [.. network.parameters().SelectMany(Small.Bytes)];

    private sealed class Live : IProgress<StageProgress>
    {
        public List<long> Counts { get; } = [];

        public void Report(StageProgress value) => Counts.Add(Small.LiveTensors());
    }
}
