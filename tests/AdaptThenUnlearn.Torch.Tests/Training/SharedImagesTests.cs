using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Training;

/// <summary>Steps whose two updates share their generated images.</summary>
public sealed class SharedImagesTests : IDisposable
{
    private const int Images = 8;

    // A discriminator that compares no images with one another scores each by itself.
    private static readonly StyleGan2Settings _apart = Small.Settings with { StatisticsGroup = 1 };

    private readonly int _threads = get_num_threads();

    [Fact]
    public void Step_SharedImages_DiscriminatorLearnsFromTheGeneratorsBatch()
    {
        var (shared, apart) = (DiscriminatorLosses(shares: true), DiscriminatorLosses(shares: false));

        Assert.Equal(shared.OfGeneratorsBatch, shared.Trained, tolerance: 1e-5);
        Assert.Equal(apart.OfItsOwnBatch, apart.Trained, tolerance: 1e-5);
        Assert.NotEqual(shared.OfGeneratorsBatch, shared.OfItsOwnBatch, tolerance: 1e-3);   // otherwise these lines say nothing
    }

    [Theory]
    [InlineData(2, 1)]
    [InlineData(1, 2)]   // parts that follow one another are made twice: their graph is not kept
    [InlineData(2, 2)]
    public void Step_SharedImagesInParts_TrainsAsWhole(int threads, int accumulate)
    {
        var whole = Train(threads: 1, accumulate: 1, shares: true);

        var parts = Train(threads, accumulate, shares: true);

        foreach (var (theirs, ours) in whole.Losses.Zip(parts.Losses))
        {
            Assert.Equal(theirs.DiscriminatorLoss, ours.DiscriminatorLoss, tolerance: 1e-3);
            Assert.Equal(theirs.GeneratorLoss, ours.GeneratorLoss, tolerance: 1e-3);
        }

        Assert.Equal(whole.Observed, parts.Observed);
    }

    [Fact]
    public void Step_SharedImages_AreObservedOnce()
    {
        Assert.Equal(4 * Images, Train(threads: 1, accumulate: 1, shares: true).Observed);
        Assert.Equal(4 * 2 * Images, Train(threads: 1, accumulate: 1, shares: false).Observed);
    }

    [Fact]
    public void Step_SharedImages_LeavesNoTensorBehind()
    {
        using var networks = Networks();
        using var reals = Small.Images();
        using var trainer = Trainer(networks, Settings(accumulate: 1, shares: true));
        trainer.Step(1, reals);
        var before = Small.LiveTensors();

        for (var step = 2; step <= 5; step++)
            trainer.Step(step, reals);

        Assert.InRange(Tensor.TotalCount, 0, before);   // not after finalisers: they would hide what was left
    }

    [Fact]
    public void Presets_ShareImages_AndThePublishedOneDoesNot()
    {
        Assert.All(["quick", "default", "thorough"], name => Assert.True(UnlearningPresets.Get(name).SharedImages));
        Assert.Null(UnlearningPresets.Get("paper").SharedImages);
    }

    // The loss of the first step, and what it is by hand on either batch.
    private static (double Trained, double OfGeneratorsBatch, double OfItsOwnBatch) DiscriminatorLosses(bool shares)
    {
        using var scope = NewDisposeScope();
        set_num_threads(1);
        using var networks = Networks();
        using var reals = Small.Images();
        var (generators, own) = (ByHand("generator"), ByHand("discriminator"));
        using var trainer = Trainer(networks, Settings(accumulate: 1, shares));

        return (trainer.Step(1, reals).DiscriminatorLoss, generators, own);

        // Goodfellow et al. 2014 (arXiv:1406.2661) with logits: softplus(−D(x)) + softplus(D(G(z))).
        double ByHand(string purpose)
        {
            using var _ = no_grad();
            var random = new RandomStreams(1, "shared");
            using var latents = random.At(purpose, 1);
            using var order = random.At("reals", 1);
            networks.Generator.train();
            var fakes = LatentDraw.Sample(networks.Generator, Images, latents, CPU).Images(networks.Generator);
            return (nn.functional.softplus(-networks.Discriminator.Score(reals.Draw(Images, order))).mean()
                + nn.functional.softplus(networks.Discriminator.Score(fakes)).mean()).item<float>();
        }
    }

    private static (IReadOnlyList<TrainingStep> Losses, long Observed) Train(int threads, int accumulate, bool shares)
    {
        set_num_threads(threads);
        using var networks = Networks();
        using var reals = Small.Images();
        using var trainer = Trainer(networks, Settings(accumulate, shares));
        var seen = new Observer();
        return ([.. Enumerable.Range(1, 4).Select(step => trainer.Step(step, reals, observer: seen))], seen.Images);
    }

    private static GanPair Networks()
    {
        manual_seed(3);
        return new GanPair(new StyleGan2Generator(_apart), new StyleGan2Discriminator(_apart));
    }

    private static TrainingSettings Settings(int accumulate, bool shares) =>
        Small.Options.TrainingSettings(0.002) with
        {
            BatchSize = Images,
            R1Every = 2,
            Accumulate = accumulate,
            SharesImages = shares,
        };

    private static AdversarialTrainer Trainer(GanPair networks, TrainingSettings settings) =>
        new(networks.Generator, networks.Discriminator, settings, new RandomStreams(1, "shared"));

    public void Dispose() => set_num_threads(_threads);

    private sealed class Observer : IImageObserver
    {
        private long _images;

        public long Images => _images;

        public void Observe(Tensor images) => Interlocked.Add(ref _images, images.shape[0]);
    }
}
