using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Governing;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Tests.Attacks;
using AdaptThenUnlearn.Torch.Tests.Checkpoints;
using AdaptThenUnlearn.Torch.Tests.Features;
using AdaptThenUnlearn.Torch.Training;
using AdaptThenUnlearn.Torch.Unlearning;
using TorchSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests;

/// <summary>
/// Compares a CUDA device with the CPU: both compute the same, up to float32's rounding. Without such a device these tests are
/// skipped.
/// </summary>
public sealed class CudaTests : IDisposable
{
    private static readonly TrainingSettings _settings = new(
        BatchSize: 4,
        LearningRate: 0.002,
        R1Weight: 1,
        R1Every: 2,
        PathLengthWeight: 2,
        PathLengthEvery: 2,
        StyleMixing: 0.9,
        EmaHalfLife: 20);

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-cuda-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<string> Architectures => [.. GeneratorArchitectures.All.Select(architecture => architecture.Name)];

    [Fact]
    public void Choose_WhereThereIsOne_IsTheFirstAndKeepsFloat32()
    {
        var device = Device();

        Assert.Equal("cuda:0", device.ToString());
        Assert.Equal(DeviceType.CUDA, TorchBackend.Choose("auto").type);
        Assert.Contains(
            "there are only",
            Assert.Throws<TorchBackendException>(() => TorchBackend.Choose("cuda:999")).Message,
            StringComparison.Ordinal);
        Assert.False(backends.cudnn.allow_tf32 || backends.cuda.matmul.allow_tf32);
    }

    [Theory]
    [MemberData(nameof(Architectures))]
    public void GenerateAndScore_AnyArchitecture_AreTheCpus(string name)
    {
        var device = Device();
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var networks = ForeignFiles.Gan(name);
        using var there = On(device, networks);
        foreach (var pair in new[] { networks, there })
        {
            pair.Generator.eval();
            pair.Discriminator.eval();
        }

        manual_seed(2);
        var latents = randn(8, networks.Generator.LatentSize);
        var images = networks.Generator.Generate(latents, networks.Generator.StoredNoise);

        Agree(images, there.Generator.Generate(latents.to(device), there.Generator.StoredNoise), 1e-5);
        Agree(networks.Discriminator.Score(images), there.Discriminator.Score(images.to(device)), 1e-4);
    }

    // The same latents, noise and order everywhere: what is left is rounding, which Adam's first steps magnify where a gradient
    // is next to nothing.
    [Theory]
    [MemberData(nameof(Architectures))]
    public void Step_AnyArchitecture_GoesTheCpusWay(string name)
    {
        var device = Device();
        using var scope = NewDisposeScope();
        using var networks = ForeignFiles.Gan(name);
        using var there = On(device, networks);
        using var images = Small.Images();
        using var imagesThere = Small.Images(device: device);
        var settings = name.StartsWith("stylegan2", StringComparison.Ordinal)
            ? _settings
            : _settings with { PathLengthWeight = 0 };
        using var trainer =
            new AdversarialTrainer(networks.Generator, networks.Discriminator, settings, new RandomStreams(1, "cuda"));
        using var trainerThere =
            new AdversarialTrainer(there.Generator, there.Discriminator, settings, new RandomStreams(1, "cuda"));
        var start = trainer.Generator.Values.clone();

        for (var step = 1; step <= 4; step++)
        {
            var own = trainer.Step(step, images, extraFakes: new ExtraFakes(images, 1, 4));
            var other = trainerThere.Step(step, imagesThere, extraFakes: new ExtraFakes(imagesThere, 1, 4));
            Assert.Equal(own.GeneratorLoss, other.GeneratorLoss, tolerance: 1e-2);
            Assert.Equal(own.DiscriminatorLoss, other.DiscriminatorLoss, tolerance: 1e-2);
        }

        var moved = (trainer.Generator.Values - start).norm().item<float>();
        var apart = (trainer.Generator.Values - trainerThere.Generator.Values.cpu()).norm().item<float>();
        Assert.True(apart < 0.1 * moved, $"{apart} apart after moving by {moved}");
    }

    [Fact]
    public void Step_Repeated_LeaksNoTensor()
    {
        var device = Device();
        using var networks = Small.Gan();
        using var there = On(device, networks);
        using var images = Small.Images(device: device);
        using var trainer = new AdversarialTrainer(there.Generator, there.Discriminator, _settings, new RandomStreams(1, "cuda"));
        List<long> live = [];
        for (var step = 1; step <= 6; step++)
        {
            trainer.Step(step, images);
            live.Add(Small.LiveTensors());
        }

        Assert.All(live[2..], count => Assert.Equal(live[1], count));
    }

    // Three steps of adaptation, and a candidate, which is saved, at every second step of unlearning.
    [Theory]
    [InlineData("adapt-then-unlearn", 6, "unlearning")]
    [InlineData("fine-tune", 3, "unlearning")]
    public void Run_InterruptedAndResumed_FinishesNearTheCpus(string method, int afterSteps, string goesOnIn)
    {
        var device = Device();
        using var networks = Small.Gan();
        double ToOriginal(Device on)
        {
            using var own = On(on, networks);
            using var annotator = Small.Classifier();
            annotator.to(on);
            UnlearnedGenerator Run(IProgress<StageProgress> progress, CancellationToken cancel, bool resume)
            {
                using var feedback = Small.Feedback(own, annotator, on);
                var journal = new FolderJournal(At($"{method}-{on.type}"), "f", resume);
                return UnlearningMethods
                    .Named(method)
                    .Run(Small.Context(own, annotator, feedback, on) with { Journal = journal, Progress = progress }, cancel);
            }

            using var stop = new CancellationTokenSource();
            Assert.Throws<OperationCanceledException>(
                () => Run(new Small.StopAfter(afterSteps, stop), stop.Token, resume: false));
            var progress = new Small.Silent();
            using var unlearned = Run(progress, CancellationToken.None, resume: true);
            Assert.Equal((goesOnIn, 3), (progress.Reported[0].Stage, progress.Reported[0].Step));
            Assert.All(
                unlearned.Networks.Generator.parameters(), parameter => Assert.True(parameter.isfinite().all().item<bool>()));
            Assert.Equal(on.type, unlearned.Networks.Generator.parameters().First().device_type);
            return unlearned.Distances.ToOriginal;
        }

        var (expected, actual) = (ToOriginal(CPU), ToOriginal(device));

        Assert.InRange(actual / expected, 0.9, 1.1);
    }

    [Fact]
    public void Step_InTf32_AllowsItWithinTheStepAlone()
    {
        var device = Device();
        using var networks = On(device, Small.Gan());
        using var images = Small.Images();
        var settings = Small.Options.TrainingSettings(0.002) with { AllowTf32 = true };
        using var trainer =
            new AdversarialTrainer(networks.Generator, networks.Discriminator, settings, new RandomStreams(1, "tf32"));
        var seen = new PrecisionObserver();

        trainer.Step(1, images, observer: seen);

        Assert.Equal([true], seen.Allowed.Distinct());
        Assert.False(backends.cuda.matmul.allow_tf32);
        Assert.False(backends.cudnn.allow_tf32);
    }

    [Fact]
    public void FeaturePass_Classifier_SeesTheSame()
    {
        var device = Device();
        using var scope = NewDisposeScope();
        using var networks = Small.Gan();
        using var classifier = Small.Classifier();
        using var there = Small.Classifier();
        there.to(device);
        var images = LatentDraw.Sample(networks.Generator, 150, new RandomStreams(1, "cuda").At("images"), CPU)
            .Images(networks.Generator)
            .detach();

        var (features, logits) = FeaturePass.Run(classifier, images);
        var (featuresThere, logitsThere) = FeaturePass.Run(there, images);

        Agree(features, featuresThere, 1e-5);
        Agree(logits, logitsThere, 1e-5);
        using var own = FeatureStatistics.FromFeatures(features);
        using var other = FeatureStatistics.FromFeatures(featuresThere);
        Assert.Equal(0, FrechetDistance.Between(own, other).Value!.Value, tolerance: 1e-6);
    }

    [Fact]
    public void Inception_FormulaWeights_MakesTheReferenceFeatures()
    {
        var device = Device();
        var reference = Interop.Case("inception_hash");
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var network = GeneratorCheckpoint.LoadStateDict(
            new InceptionV3(), CheckpointFormats.Read(InceptionFormula.Weights(reference, At("weights.safetensors"))), device);

        var features = network.call(reference.Array("images_s64").to(float32).to(device));

        reference.Agrees("pool3_s64", features.cpu());
    }

    [Fact]
    public void TorchScriptExtractor_Images_SeesTheSame()
    {
        var device = Device();
        using var scope = NewDisposeScope();
        var path = ScriptedProgram.Write(At("sixteen.pt"), ScriptedProgram.Sixteen);
        using var loaded = FeatureExtractors.Load(WeightsExtractor.TorchScript, path, sha256: null, CPU);
        using var there = FeatureExtractors.Load(WeightsExtractor.TorchScript, path, sha256: null, device);
        manual_seed(2);
        var images = rand(20, 3, 8, 8) * 2 - 1;

        Agree(loaded.Extractor.Features(images), there.Extractor.Features(images.to(device)), 1e-5);
    }

    [Theory]
    [MemberData(nameof(AttackContractTests.Names), MemberType = typeof(AttackContractTests))]
    public void Attack_EachOfTheCatalogue_KeepsTheContract(string name) =>
        Assert.Empty(AttackContractTests.FindViolations(name, Device()));

    [Fact]
    public void RunOrExplain_MoreThanTheDeviceHas_NamesTheBatchSizeToTry()
    {
        var device = Device();

        var failed = Assert.Throws<RunException>(
            () => MemoryShortage.RunOrExplain("training", batchSize: 16, parts: 16, () => empty(1L << 44, device: device)));

        Assert.Contains("try --set unlearning.batchSize=8", failed.Message, StringComparison.Ordinal);
    }

    private static Device Device()
    {
        Assert.SkipUnless(cuda_is_available(), "this libtorch sees no CUDA device");
        return TorchBackend.Choose("cuda");
    }

    private static GanPair On(Device device, GanPair networks)
    {
        var copy = networks.Copy();
        copy.Generator.to(device);
        copy.Discriminator.to(device);
        return copy;
    }

    private static void Agree(Tensor expected, Tensor actual, double tolerance)
    {
        var (worst, scale) = ((actual.cpu() - expected)
            .abs()
            .max()
            .item<float>(), Math.Max(1, expected.abs().max().item<float>()));
        Assert.True(
            worst <= tolerance * scale,
            FormattableString.Invariant($"differs by {worst:G3} of {scale:G3}, {tolerance:G3} of it is allowed"));
    }

    private string At(string name) => Path.Combine(_folder, name);

    private sealed class PrecisionObserver : IImageObserver
    {
        public List<bool> Allowed { get; } = [];

        public void Observe(Tensor images) => Allowed.Add(backends.cuda.matmul.allow_tf32 && backends.cudnn.allow_tf32);
    }
}
