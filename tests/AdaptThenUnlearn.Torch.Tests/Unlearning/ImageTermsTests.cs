using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Unlearning;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Unlearning;

/// <summary>The terms on images together: which are switched on, and that each image is described once.</summary>
public sealed class ImageTermsTests : IDisposable
{
    private const int Batch = 16;

    private static readonly UnlearningOptions _off = Small.Options with
    {
        BatchSize = Batch,
        Retention = new(Weight: 0),
        FrechetLoss = null,
        Guidance = null,
        ClassBalance = new(Rate: 0, Limit: 2),
    };

    private readonly GanPair _networks = Small.Gan();
    private readonly CountingClassifier _classifier = new(Small.Classifier(["plain", "banned", "striped"]));
    private readonly RandomStreams _random = new(1, "image terms");

    public void Dispose()
    {
        _networks.Dispose();
        _classifier.Dispose();
    }

    [Fact]
    public void Terms_NoneSwitchedOn_AskForNothing()
    {
        using var feedback = Small.Feedback(_networks, _classifier, CPU);
        var asked = _classifier.Asked;
        using var terms = Terms(_off, feedback);

        Assert.False(terms.IsOn);
        Assert.Empty(terms.State);
        Assert.Equal(asked, _classifier.Asked);
    }

    [Fact]
    public void Loss_AllSwitchedOn_IsTheSumOfEachAloneAndDescribesTheImagesOnce()
    {
        using var scope = NewDisposeScope();
        using var feedback = Small.Feedback(_networks, _classifier, CPU);
        var alone = new UnlearningOptions[]
        {
            _off with { Retention = new(Weight: 10) },
            _off with { FrechetLoss = new() },
            _off with { Guidance = new(Weight: 6) },
            _off with { ClassBalance = new(Rate: 0, Limit: 2, Guidance: 20) },
        };
        var all = _off with
        {
            Retention = new(Weight: 10),
            FrechetLoss = new(),
            Guidance = new(Weight: 6),
            ClassBalance = new(Rate: 0, Limit: 2, Guidance: 20),
        };

        var parts = alone.Select(options => Losses(options, feedback, out _)).ToList();
        var sum = Losses(all, feedback, out var asked);

        Assert.All(parts, losses => Assert.NotEqual(0, losses[1]));
        Assert.Equal(parts.Sum(losses => losses[0]), sum[0], 1e-3);
        Assert.Equal(parts.Sum(losses => losses[1]), sum[1], 1e-3);
        Assert.Equal(1, asked);
        Assert.All(_classifier.parameters(), parameter => Assert.False(parameter.requires_grad));
        Assert.All(_networks.Discriminator.parameters(), parameter => Assert.Null(parameter.grad));
    }

    // The losses of two steps with changed images, and how often the classifier was asked for one of them.
    private List<float> Losses(UnlearningOptions options, Feedback feedback, out int asked)
    {
        using var scope = NewDisposeScope();
        using var terms = Terms(options, feedback);
        using var source = _random.At("draw");
        var draw = LatentDraw.Sample(_networks.Generator, Batch, source, CPU);
        var images = (draw.Images(_networks.Generator) * 0.5).detach();
        List<float> losses = [];
        asked = 0;
        for (var step = 1; step <= 2; step++)
        {
            var target = terms.Target(draw);
            var before = _classifier.Asked;
            var changed = images.detach().requires_grad_();
            var loss = terms.Loss(target, changed, target.Weights.sum());
            asked = _classifier.Asked - before;
            losses.Add(loss.item<float>());
            if (loss.requires_grad)
                loss.backward();
            terms.Update(step);
        }

        return losses;
    }

    private ImageTerms Terms(UnlearningOptions options, Feedback feedback) => new(
        Small.Context(_networks, _classifier, feedback, CPU) with { Options = options }, new RandomStreams(1, "image terms"));

    /// <summary>Counts how often features are asked for.</summary>
    private sealed class CountingClassifier : FeatureClassifier
    {
        private readonly FeatureClassifier _inner;

        public CountingClassifier(FeatureClassifier inner)
            : base("counting", inner.Shape, inner.Classes)
        {
            _inner = inner;
            RegisterComponents();
        }

        public int Asked { get; private set; }

        public override int FeatureSize => _inner.FeatureSize;

        public override Tensor Features(Tensor images)
        {
            Asked++;
            return _inner.Features(images);
        }

        public override Tensor Logits(Tensor features) => _inner.Logits(features);
    }
}
