using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Governing;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using AdaptThenUnlearn.Torch.Unlearning;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Training;

/// <summary>A batch that threads share out: the same training as by one thread, but for rounding.</summary>
public sealed class BatchPartsTests : IDisposable
{
    // Discriminators that compare no images with one another: the mean over a batch is then exactly the mean over its parts.
    private static readonly StyleGan2Settings _apart = Small.Settings with { StatisticsGroup = 1 };

    private readonly int _threads = get_num_threads();

    [Fact]
    public void Step_ByTwoAndFourThreads_TrainsAsByOne()
    {
        var one = Train(threads: 1, _apart);

        var two = Train(threads: 2, _apart);
        var four = Train(threads: 4, _apart);

        foreach (var (losses, generator, discriminator) in new[] { two, four })
        {
            foreach (var (theirs, ours) in one.Losses.Zip(losses))
            {
                Assert.Equal(theirs.DiscriminatorLoss, ours.DiscriminatorLoss, tolerance: 1e-3);
                Assert.Equal(theirs.GeneratorLoss, ours.GeneratorLoss, tolerance: 1e-3);
                Assert.Equal(theirs.ImageLoss, ours.ImageLoss, tolerance: 1e-3 * Math.Abs(theirs.ImageLoss));
            }

            AssertClose(one.Generator, generator);
            AssertClose(one.Discriminator, discriminator);
        }
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(1, 8)]
    [InlineData(2, 2)]
    public void Step_BatchCutIntoPartsThatFollowOneAnother_TrainsAsWhole(int threads, int accumulate)
    {
        var whole = Train(threads: 1, _apart);

        var (losses, generator, discriminator) = Train(threads, _apart, accumulate);

        foreach (var (theirs, ours) in whole.Losses.Zip(losses))
        {
            Assert.Equal(theirs.DiscriminatorLoss, ours.DiscriminatorLoss, tolerance: 1e-3);
            Assert.Equal(theirs.GeneratorLoss, ours.GeneratorLoss, tolerance: 1e-3);
            Assert.Equal(theirs.ImageLoss, ours.ImageLoss, tolerance: 1e-3 * Math.Abs(theirs.ImageLoss));
        }

        AssertClose(whole.Generator, generator);
        AssertClose(whole.Discriminator, discriminator);
    }

    [Fact]
    public void Step_BatchCutIntoParts_ObservesOnePartAfterAnother()
    {
        set_num_threads(1);
        using var networks = new GanPair(new StyleGan2Generator(_apart), new StyleGan2Discriminator(_apart));
        using var images = Small.Images();
        var settings = Small.Options.TrainingSettings(0.002) with { BatchSize = 8, Accumulate = 4, AllowTf32 = true };
        using var trainer =
            new AdversarialTrainer(networks.Generator, networks.Discriminator, settings, new RandomStreams(1, "parts"));
        var seen = new Observer();
        TorchBackend.KeepFloat32();

        trainer.Step(1, images, observer: seen);

        Assert.Equal(Enumerable.Repeat(2L, 8), seen.Sizes);   // two updates of four parts each
        Assert.Equal([false], seen.Tf32.Distinct());          // a CPU trains in float32, whatever is allowed
    }

    [Fact]
    public void Trainer_PartsThatWouldCutAGroupOfTheDiscriminator_IsRefused()
    {
        using var networks = Small.Gan();
        var settings = Small.Options.TrainingSettings(0.002) with { BatchSize = 8, Accumulate = 4 };

        var refused = Assert.Throws<ArgumentException>(
            () => new AdversarialTrainer(networks.Generator, networks.Discriminator, settings, new RandomStreams(1, "parts")));

        Assert.Contains("8 images cannot be cut into 4 parts", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(8, 2, true)]
    [InlineData(8, 4, false)]
    public void RequireParts_OfABatch_AreWholeGroupsOfTheDiscriminator(int images, int parts, bool allowed)
    {
        using var networks = Small.Gan();
        var options = Small.Options with { BatchSize = images, Accumulate = parts };

        var refused = Record.Exception(
            () => GeneratorRequirements.RequireParts(options, networks.Generator, networks.Discriminator));

        if (allowed)
        {
            Assert.Null(refused);
            return;
        }

        var mismatch = Assert.IsType<PolicyMismatchException>(refused);
        Assert.Equal("$.unlearning.accumulate", mismatch.JsonPath);
        Assert.Contains("compares 4 images with one another", mismatch.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void TrainingSettings_SwitchesOfThePolicy_ReachTrainingAndLeaveItsTextAsItWas()
    {
        var options = Small.Options with { Accumulate = 2, Precision = "tf32" };

        var (plain, switched) = (Small.Options.TrainingSettings(0.01), options.TrainingSettings(0.01));

        Assert.Equal((1, false), (plain.Accumulate, plain.AllowTf32));
        Assert.Equal((2, true), (switched.Accumulate, switched.AllowTf32));
        Assert.Equal(plain.ToString(), switched.ToString());   // digests of attacks are made of it
    }

    [Fact]
    public void Step_ByTwoThreadsTwice_GivesTheSameBytes()
    {
        var first = Train(threads: 2, Small.Settings);

        var second = Train(threads: 2, Small.Settings);

        Assert.Equal(first.Losses, second.Losses);
        Assert.Equal(Bytes(first.Generator), Bytes(second.Generator));
        Assert.Equal(Bytes(first.Discriminator), Bytes(second.Discriminator));
    }

    [Theory]
    [InlineData(8, 1, 1)]
    [InlineData(8, 2, 2)]
    [InlineData(8, 3, 2)]
    [InlineData(8, 8, 2)]
    [InlineData(12, 4, 3)]
    [InlineData(6, 2, 1)]
    public void MostParts_OfABatch_AreWholeGroupsOfTheDiscriminator(int images, int threads, int parts)
    {
        using var networks = Small.Gan();
        using var part = new TrainedPart(networks.Generator, networks.Discriminator);

        Assert.Equal(parts, part.MostParts(images, threads));
    }

    [Fact]
    public void Step_ByTwoThreads_LeavesNothingBehind()
    {
        set_num_threads(2);
        using var networks = Small.Gan();
        using var images = Small.Images();
        var settings = Small.Options.TrainingSettings(0.002) with { BatchSize = 8, R1Every = 2 };
        using var trainer =
            new AdversarialTrainer(networks.Generator, networks.Discriminator, settings, new RandomStreams(1, "parts"));
        using var classifier = Small.Classifier();
        IImageTerm[] terms = [new RetentionTerm(networks.Generator, Small.Annotation(classifier), weight: 3)];
        List<long> live = [];

        for (var step = 1; step <= 6; step++)
        {
            trainer.Step(step, images, imageTerms: terms, extraFakes: new ExtraFakes(images, 2, 8));
            live.Add(Small.LiveTensors());
        }

        Assert.All(live[2..], count => Assert.Equal(live[1], count));
    }

    [Fact]
    public void ScoreSets_SeveralSets_AreScoredAsEachAlone()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var networks = Small.Gan();
        IReadOnlyList<Tensor> sets = [randn(8, 1, 16, 16), randn(4, 1, 16, 16) * 3, randn(12, 1, 16, 16) + 1];

        var together = networks.Discriminator.ScoreSets(sets);

        Assert.Equal(sets.Select(set => set.shape[0]), together.Select(scores => scores.shape[0]));
        foreach (var (set, scores) in sets.Zip(together))
            Assert.True(networks.Discriminator.Score(set).allclose(scores, rtol: 1e-4, atol: 1e-5));
    }

    [Fact]
    public void ScoreSets_NotAWholeNumberOfGroups_AreScoredAlone()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var networks = Small.Gan();
        IReadOnlyList<Tensor> sets = [randn(3, 1, 16, 16), randn(4, 1, 16, 16)];

        var scores = networks.Discriminator.ScoreSets(sets);

        Assert.Equal(Small.Bytes(networks.Discriminator.Score(sets[0])), Small.Bytes(scores[0]));
    }

    private static (IReadOnlyList<TrainingStep> Losses, float[] Generator, float[] Discriminator) Train(
        int threads, StyleGan2Settings settings, int accumulate = 1)
    {
        set_num_threads(threads);
        manual_seed(3);
        using var networks = new GanPair(new StyleGan2Generator(settings), new StyleGan2Discriminator(settings));
        using var original = networks.Copy();
        using var images = Small.Images();
        using var classifier = Small.Classifier();
        var training = Small.Options.TrainingSettings(0.002) with { BatchSize = 8, R1Every = 2, Accumulate = accumulate };
        using var trainer =
            new AdversarialTrainer(networks.Generator, networks.Discriminator, training, new RandomStreams(1, "parts"));
        using var balance = new ClassBalance(images, Small.Annotation(classifier), Small.Options.ClassBalance);
        IImageTerm[] terms = [new RetentionTerm(original.Generator, Small.Annotation(classifier), weight: 3)];
        var losses = Enumerable.Range(1, 4)
            .Select(step => trainer.Step(
                step, balance, imageTerms: terms, extraFakes: new ExtraFakes(images, 2, 8), observer: balance))
            .ToList();
        Assert.Equal(4 * 16, balance.Counts[-1].item<float>());   // both batches of each step were observed
        return (losses, trainer.Generator.Values.data<float>().ToArray(), trainer.Discriminator.Values.data<float>().ToArray());
    }

    // Adam without a first moment divides a gradient by its size: where it is next to 0, rounding decides its sign.
    private static void AssertClose(float[] theirs, float[] ours)
    {
        var differences = theirs.Zip(ours, (one, other) => Math.Abs(one - other)).Order().ToArray();
        Assert.InRange(differences[differences.Length * 95 / 100], 0, 1e-4);
        Assert.InRange(differences[^1], 0, 4 * 2 * 0.002);
    }

    private static byte[] Bytes(float[] values) => System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(values).ToArray();

    public void Dispose() => set_num_threads(_threads);

    // What an observer sees of each part, and what is allowed while it is computed.
    private sealed class Observer : IImageObserver
    {
        public List<long> Sizes { get; } = [];

        public List<bool> Tf32 { get; } = [];

        public void Observe(Tensor images)
        {
            Sizes.Add(images.shape[0]);
            Tf32.Add(backends.cuda.matmul.allow_tf32 || backends.cudnn.allow_tf32);
        }
    }
}
