using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.Sequence;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using AdaptThenUnlearn.Torch.Tests.Checkpoints;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Models;

/// <summary>
/// Every architecture of the catalogue keeps the contract, also through files; a correct new one passes it, and wrong ones fail
/// it.
/// </summary>
public sealed class ArchitectureTests : IDisposable
{
    private static readonly Dictionary<string, string> _noMetadata = [];

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-architectures-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<string> Names => [.. GeneratorArchitectures.All.Select(architecture => architecture.Name)];

    public static TheoryData<string, string> ChecksOfEveryArchitecture =>
        [.. GeneratorArchitectures.All
            .SelectMany(architecture => ArchitectureContract.Checks.Keys, (architecture, check) => (architecture.Name, check))];

    [Theory]
    [MemberData(nameof(ChecksOfEveryArchitecture))]
    public void Contract_EveryArchitectureOfTheCatalogue_Holds(string name, string check)
    {
        using var networks = Evaluated(name);
        ArchitectureContract.Checks[check](GeneratorArchitectures.Named(name), networks);
    }

    [Fact]
    public void Contract_CorrectNewArchitecture_Holds() =>
        Assert.All(ArchitectureContract.Checks.Values, check => Examine(new LinearArchitecture(), check));

    [Theory]
    [InlineData(typeof(LinearThatRecognisesAll), nameof(ArchitectureContract.RecognisesItsOwnWeightsAlone))]
    [InlineData(
        typeof(LinearWithAnotherMirror),
        nameof(ArchitectureContract.MirroredDiscriminatorScoresTheImagesAndCanBeTrained), nameof(
            ArchitectureContract.FeaturesAreRebuilt))]
    [InlineData(typeof(LinearWithAnotherFactory), nameof(ArchitectureContract.FactoryMakesFreshNetworks))]
    [InlineData(typeof(LinearOfAnotherKind), nameof(ArchitectureContract.FeaturesAreRebuilt))]
    [InlineData(typeof(LinearThatLoadsHalf), nameof(ArchitectureContract.NetworksAreRebuiltFromTheirShapes))]
    public void Contract_WrongNewArchitecture_FailsWhereItIsWrong(Type wrong, params string[] checks)
    {
        var architecture = (LinearArchitecture)Activator.CreateInstance(wrong)!;

        var failed = ArchitectureContract.Checks
            .Where(check => Record.Exception(() => Examine(architecture, check.Value)) is not null)
            .Select(check => check.Key);

        Assert.Equal(checks.Order(), failed.Order());
    }

    [Fact]
    public void Names_OfTheCatalogue_AreUnique() =>
        Assert.Distinct(GeneratorArchitectures.All.Select(architecture => architecture.Name));

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
            Assert.Equal(
                Small.Bytes(networks.Generator.Generate(latents, networks.Generator.StoredNoise)),
                Small.Bytes(Clamped(loaded.Generator, name).Generate(latents, loaded.Generator.StoredNoise)));
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

    [Fact]
    public void MirrorDiscriminator_DcganThatCutsABorderOff_TakesItsImages()
    {
        using var scope = NewDisposeScope();
        // 1 → 4 → 8 → 16 → 32 pixels a side, then 28.
        using var doubling = ForeignFiles.DcganGenerator([(8, 6, 1, 0), (6, 6, 2, 1), (6, 4, 2, 1), (4, 4, 2, 1), (4, 3, 1, 1)]);
        using var generator = new SequentialGenerator("main", [.. doubling.Layers.SkipLast(2), new ConvolutionLayer(
            12, 4, 3, Kernel: 1, Stride: 1, Padding: 2, OutputPadding: 0, Bias: false, Transposed: true), new TanhLayer(13)]);
        using var mirrored = GeneratorArchitectures.Named("dcgan").MirrorDiscriminator(generator);

        Assert.Equal(new ImageShape(3, 28), generator.Shape);
        Assert.Equal([2, 1], mirrored.Score(generator.Generate(randn(2, 8), noise: null)).shape);
    }

    [Fact]
    public void SaveLike_OriginalChangedMeanwhile_Refuses()
    {
        using var networks = Evaluated("mlp-gan");
        ForeignFiles.WriteStateDict(At("g"), "mlp-gan", networks.Generator, old: true);
        using var loaded = GeneratorCheckpoint.Load(At("g"), "auto", null, null, CPU);
        File.AppendAllText(At("g"), "!");

        var failed = Assert.Throws<CheckpointException>(
            () => GeneratorCheckpoint.SaveInFormatOf(CheckpointFile.Open(At("g")), loaded, At("saved"), networks, _noMetadata));

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

        var each = Enumerable.Range(0, 3)
            .Select(number => critic.Score(images, eye(3).narrow(0, number, 1).expand(4, 3)))
            .ToList();

        Assert.True((stack(each).mean([0]) - critic.Score(images)).abs().max().item<float>() < 1e-5);
    }

    [Fact]
    public void Clamp_SmallLimit_HoldsEveryActivation()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var settings = Small.Settings with { Clamp = 1e-3 };
        using var generator = new StyleGan2Generator(settings);

        // One image of at most the limit comes from each of three resolutions; enlarging keeps magnitudes within 1 (its filter is
        // an average).
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

    private static void Examine(LinearArchitecture architecture, Action<IGeneratorArchitecture, GanPair> check)
    {
        using var networks = Evaluated(LinearArchitecture.Gan());
        check(architecture, networks);
    }

    private static GanPair Evaluated(string name) => Evaluated(ForeignFiles.Gan(name));

    private static GanPair Evaluated(GanPair networks)
    {
        networks.Generator.eval();
        networks.Discriminator.eval();
        return networks;
    }

    private string At(string name) => Path.Combine(_folder, name);

    private sealed class LinearThatRecognisesAll : LinearArchitecture
    {
        public override bool Recognises(StoredNetwork stored) => true;
    }

    private sealed class LinearWithAnotherMirror : LinearArchitecture
    {
        public override ImageDiscriminator MirrorDiscriminator(ImageGenerator generator) =>
            new LinearDiscriminator(new ImageShape(1, 8));
    }

    private sealed class LinearWithAnotherFactory : LinearArchitecture
    {
        public override IGanFactory? GetFactory(ImageGenerator generator, ImageDiscriminator? discriminator) =>
            new Factory(generator.LatentSize + 1, generator.Shape);
    }

    private sealed class LinearOfAnotherKind : LinearArchitecture
    {
        public override string FeatureKind => "another-discriminator";
    }

    private sealed class LinearThatLoadsHalf : LinearArchitecture
    {
        public override ImageGenerator BuildGenerator(StoredNetwork stored) =>
            new LinearGenerator(stored.Size(LinearGenerator.WeightName, 1), Small.Shape, gain: 0.5);
    }
}
