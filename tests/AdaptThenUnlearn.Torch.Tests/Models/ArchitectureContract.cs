using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.Sequence;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Tests.Checkpoints;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Models;

/// <summary>What every generator architecture must do; a new one is covered by being in the catalogue.</summary>
public sealed class ArchitectureContract : IDisposable
{
    private static readonly Dictionary<string, string> _noMetadata = [];

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-architectures-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<string> Names => [.. GeneratorArchitectures.All.Select(architecture => architecture.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Load_StateDictsInBothContainers_MakesTheSameImagesAndScores(string name)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var networks = Evaluated(name);
        var (latents, images) = (randn(4, networks.Generator.LatentSize), randn(4, 1, 16, 16));
        foreach (var old in (bool[])[false, true])
        {
            ForeignFiles.WriteStateDict(At("g"), name, networks.Generator, old);
            ForeignFiles.WriteStateDict(At("d"), name, networks.Discriminator, old);
            using var loaded = GeneratorCheckpoint.Load(At("g"), "auto", null, At("d"), CPU);

            Assert.Equal((name, "pytorch", new ImageShape(1, 16)), (loaded.Architecture, loaded.Format, loaded.Generator.Shape));
            Assert.Equal(16, Inspection.Inspect(At("g")).Generator!.Resolution);
            Assert.Equal(Small.Bytes(networks.Generator.Generate(latents, networks.Generator.StoredNoise)), Small.Bytes(Clamped(loaded.Generator, name).Generate(latents, loaded.Generator.StoredNoise)));
            Assert.Equal(Small.Bytes(networks.Discriminator.Score(images)), Small.Bytes(loaded.Discriminator!.Score(images)));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void SaveLike_Untouched_GivesTheSameBytesAndTrainedOthersInTheirPlaces(string name)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var networks = Evaluated(name);
        ForeignFiles.WriteStateDict(At("g"), name, networks.Generator, old: false);
        ForeignFiles.WriteStateDict(At("d"), name, networks.Discriminator, old: false);
        using var loaded = GeneratorCheckpoint.Load(At("g"), "auto", null, At("d"), CPU);
        using var changed = new GanPair(loaded.Generator, loaded.Discriminator!).Copy();

        GeneratorCheckpoint.SaveInFormatOf(CheckpointFile.Open(At("g")), loaded, At("same"), changed, _noMetadata);
        foreach (var parameter in changed.Generator.parameters())
            parameter.add_(0.125f);
        GeneratorCheckpoint.SaveInFormatOf(CheckpointFile.Open(At("g")), loaded, At("changed"), changed, _noMetadata);

        Assert.Equal(File.ReadAllBytes(At("g")), File.ReadAllBytes(At("same")));
        using var again = GeneratorCheckpoint.Load(At("changed"), "auto", null, null, CPU);
        Assert.Equal(changed.Generator.parameters().Select(Small.Bytes), again.Generator.parameters().Select(Small.Bytes));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Step_FewSteps_TrainsBothAndLeavesNothingBehind(string name)
    {
        using var networks = Evaluated(name);
        using var images = Small.Images();
        using var trainer = new AdversarialTrainer(
            networks.Generator, networks.Discriminator, Small.Options.TrainingSettings(0.01), new RandomStreams(1, "contract"));
        var before = (Small.Bytes(trainer.Generator.Values), Small.Bytes(trainer.Discriminator.Values));
        List<long> live = [];
        for (var step = 1; step <= 5; step++)
        {
            trainer.Step(step, images);
            live.Add(Small.LiveTensors());
        }

        Assert.NotEqual(before.Item1, Small.Bytes(trainer.Generator.Values));
        Assert.NotEqual(before.Item2, Small.Bytes(trainer.Discriminator.Values));
        Assert.All(live[2..], count => Assert.Equal(live[1], count));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Fisher_FewSamples_IsFiniteAndNotNegative(string name)
    {
        using var scope = NewDisposeScope();
        using var networks = Evaluated(name);
        using var parameters = new ParameterVector(networks.Generator);

        var fisher = FisherInformation.Estimate(networks.Generator, networks.Discriminator, parameters, 4, new RandomStreams(1, "contract"), styleMixing: 0);

        Assert.True(fisher.isfinite().all().item<bool>() && fisher.min().item<float>() >= 0 && fisher.max().item<float>() > 0);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void MirrorDiscriminator_OfTheGenerator_ScoresItsImagesAndCanBeTrained(string name)
    {
        using var scope = NewDisposeScope();
        using var networks = Evaluated(name);
        using var mirrored = GeneratorArchitectures.Named(name).MirrorDiscriminator(networks.Generator);
        using var parameters = new ParameterVector(mirrored);
        var buffers = mirrored.named_buffers().Select(buffer => Small.Bytes(buffer.buffer)).ToList();
        mirrored.train();
        var images = networks.Generator.Generate(randn(4, networks.Generator.LatentSize), noise: null).detach().requires_grad_();

        var scores = mirrored.Score(images);
        (scores.mean() + Losses.R1(mirrored, images)).backward();

        Assert.Equal(networks.Generator.Shape, mirrored.Shape);
        Assert.Equal([4, 1], scores.shape);
        Assert.Equal([4, mirrored.FeatureSize], mirrored.Features(images).shape);
        Assert.True(images.grad!.abs().max().item<float>() > 0);
        Assert.All(parameters.Slices.Where(slot => slot.Name.EndsWith("weight", StringComparison.Ordinal)), slot => Assert.True(slot.ViewOf(parameters.Gradients).abs().max().item<float>() > 0, slot.Name));
        Assert.Equal(buffers, mirrored.named_buffers().Select(buffer => Small.Bytes(buffer.buffer)));   // what a resumed run would lack
        using var copy = mirrored.Copy();
        Assert.Equal(Small.Bytes(scores), Small.Bytes(copy.Score(images)));
    }

    [Fact]
    public void MirrorDiscriminator_DcganThatCutsABorderOff_TakesItsImages()
    {
        using var scope = NewDisposeScope();
        // 1 → 4 → 8 → 16 → 32 pixels a side, then 28.
        using var doubling = ForeignFiles.DcganGenerator([(8, 6, 1, 0), (6, 6, 2, 1), (6, 4, 2, 1), (4, 4, 2, 1), (4, 3, 1, 1)]);
        using var generator = new SequentialGenerator("main", [.. doubling.Layers.SkipLast(2), new ConvolutionLayer(12, 4, 3, Kernel: 1, Stride: 1, Padding: 2, OutputPadding: 0, Bias: false, Transposed: true), new TanhLayer(13)]);
        using var mirrored = GeneratorArchitectures.Named("dcgan").MirrorDiscriminator(generator);

        Assert.Equal(new ImageShape(3, 28), generator.Shape);
        Assert.Equal([2, 1], mirrored.Score(generator.Generate(randn(2, 8), noise: null)).shape);
    }

    [Fact]
    public void Dcgan_InTraining_ComputesWhatItComputesWhenMeasured()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var networks = Evaluated("dcgan");
        var latents = randn(4, networks.Generator.LatentSize);
        var measured = networks.Generator.Generate(latents, noise: null);
        var stored = networks.Generator.state_dict()["main.1.running_mean"].clone();

        networks.Generator.train();
        var trained = networks.Generator.Generate(latents, noise: null);

        Assert.Equal(Small.Bytes(measured), Small.Bytes(trained));
        Assert.Equal(Small.Bytes(stored), Small.Bytes(networks.Generator.state_dict()["main.1.running_mean"]));
    }

    [Fact]
    public void SaveLike_OriginalChangedMeanwhile_Refuses()
    {
        using var networks = Evaluated("mlp-gan");
        ForeignFiles.WriteStateDict(At("g"), "mlp-gan", networks.Generator, old: true);
        using var loaded = GeneratorCheckpoint.Load(At("g"), "auto", null, null, CPU);
        File.AppendAllText(At("g"), "!");

        var failed = Assert.Throws<CheckpointException>(() => GeneratorCheckpoint.SaveInFormatOf(CheckpointFile.Open(At("g")), loaded, At("saved"), networks, _noMetadata));

        Assert.Contains("has changed since it was loaded", failed.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(At("saved")));
    }

    [Fact]
    public void Conditional_ManyLatents_MakesEveryClassEquallyOften()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var networks = Evaluated("stylegan2-ada");
        var generator = (StyleGan2Generator)networks.Generator;
        manual_seed(5);
        var latents = randn(3000, generator.LatentSize);
        latents.narrow(1, 0, generator.Settings.LatentSize).zero_();   // only the class is left to differ

        var (_, counts) = Distinct(generator.Map(latents));

        Assert.Equal(3, counts.Count);
        Assert.All(counts, count => Assert.InRange(count, 900, 1100));   // 1,000 ± 4 standard deviations
    }

    [Fact]
    public void Conditional_UnknownClass_ScoresTheMeanOverClasses()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var networks = Evaluated("stylegan2-ada");
        var critic = (StyleGan2Discriminator)networks.Discriminator;
        var images = randn(4, 1, 16, 16);

        var each = Enumerable.Range(0, 3).Select(number => critic.Score(images, eye(3).narrow(0, number, 1).expand(4, 3))).ToList();

        Assert.True((stack(each).mean([0]) - critic.Score(images)).abs().max().item<float>() < 1e-5);
    }

    [Fact]
    public void Clamp_SmallLimit_HoldsEveryActivation()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var settings = Small.Settings with { Clamp = 1e-3 };
        using var generator = new StyleGan2Generator(settings);

        // One image of at most the limit comes from each of three resolutions; enlarging keeps magnitudes within 1 (its filter is an average).
        Assert.InRange(generator.Generate(randn(4, 8), noise: null).abs().max().item<float>(), 1e-6, 3.01e-3);
    }

    private static (Tensor Rows, IReadOnlyList<long> Counts) Distinct(Tensor rows)
    {
        var (unique, _, counts) = rows.round(4).unique(dim: 0, sorted: true, return_inverse: false, return_counts: true);
        return (unique, [.. counts!.data<long>()]);
    }

    // A state dict keeps no attributes: without them nothing is clamped, which these small networks never reach anyway.
    private static ImageGenerator Clamped(ImageGenerator loaded, string name)
    {
        Assert.True(name != "stylegan2-ada" || ((StyleGan2Generator)loaded).Settings.Clamp is null);
        return loaded;
    }

    private static GanPair Evaluated(string name)
    {
        var networks = ForeignFiles.Gan(name);
        networks.Generator.eval();
        networks.Discriminator.eval();
        return networks;
    }

    private string At(string name) => Path.Combine(_folder, name);
}
