using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Tests.Checkpoints;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Adaptation;

/// <summary>A discriminator for a generator that came without one: it learns, and neither a seed nor an interruption makes it another.</summary>
public sealed class DiscriminatorWarmUpTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-warm-up-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<string> Architectures => [.. GeneratorArchitectures.All.Select(architecture => architecture.Name)];

    [Theory]
    [MemberData(nameof(Architectures))]
    public void Run_AnyArchitecture_TellsTheGeneratorsImagesFromADamagedCopysAsAFreshOneDoesNot(string name)
    {
        using var networks = Networks(name);
        var before = Bytes(networks.Generator);
        using var fresh = DiscriminatorWarmUp.Fresh(networks.Generator, GeneratorArchitectures.Named(name), seed: 1);
        using var warmedUp = WarmUp(networks.Generator, name, steps: 100);

        Assert.InRange(Told(networks.Generator, warmedUp), 0.9, 1);
        Assert.InRange(Told(networks.Generator, fresh), 0, 0.8);
        Assert.Equal(before, Bytes(networks.Generator));
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
            using var interrupted = WarmUp(networks.Generator, "dcgan", steps: 60, journal: new FolderJournal(_folder, "f", resume: false), progress: new StopAfter(afterSteps, stop), cancel: stop.Token);
            Assert.Equal(60, afterSteps);
        }
        catch (OperationCanceledException)
        {
            Assert.True(afterSteps < 60);
        }

        var told = new Small.Silent();
        using var resumed = WarmUp(networks.Generator, "dcgan", steps: 60, journal: new FolderJournal(_folder, "f", resume: true), progress: told);

        Assert.Equal(Bytes(whole), Bytes(resumed));
        Assert.Equal(60 - afterSteps / 50 * 50 - (afterSteps == 60 ? 10 : 0), told.Told.Count);
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
            parameters.Slots[0].Of(parameters.Values).zero_();
        var before = parameters.Values.detach().clone();

        using var random = new RandomStreams(1, "damage").At("noise");
        DamagedSamples.Damage(parameters, 0.25, random);

        double Size(Tensor tensor) => tensor.detach().square().mean().sqrt().item<float>();
        Assert.Equal(0, Size(parameters.Slots[0].Of(parameters.Values)));
        Assert.All(
            parameters.Slots.Skip(1).Where(slot => slot.Count >= 200),
            slot => Assert.InRange(Size(slot.Of(parameters.Values - before)) / Size(slot.Of(before)), 0.8 * 0.25, 1.2 * 0.25));   // ± 4 standard deviations of 1/√(2n)
    }

    // How often a discriminator scores a fresh image of the generator above one of a copy damaged in another way: 0.5 by guessing.
    private static double Told(ImageGenerator generator, ImageDiscriminator discriminator)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var damaged = generator.Copy();
        using var parameters = new ParameterVector(damaged);
        using (var random = new RandomStreams(99, "held out").At("noise"))
            DamagedSamples.Damage(parameters, DamagedSamples.Most, random);
        manual_seed(21);
        return Scores(generator).unsqueeze(1).gt(Scores(damaged).unsqueeze(0)).to(float32).mean().item<float>();

        Tensor Scores(ImageGenerator of) => discriminator.Score(of.Generate(randn(200, of.LatentSize), noise: null)).flatten();
    }

    private static ImageDiscriminator WarmUp(
        ImageGenerator generator, string architecture, int steps, long seed = 1, ITrainingJournal? journal = null, IProgress<StageProgress>? progress = null, CancellationToken cancel = default) =>
        new DiscriminatorWarmUp(Small.Options with { Seed = seed, DiscriminatorWarmUp = new DiscriminatorWarmUpOptions(steps) }, journal ?? new NoJournal(), progress ?? new Small.Silent())
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

    private sealed class StopAfter(int steps, CancellationTokenSource stop) : IProgress<StageProgress>
    {
        public void Report(StageProgress value)
        {
            if (value.Step == steps)
                stop.Cancel();
        }
    }
}
