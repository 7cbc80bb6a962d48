using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Training;
using AdaptThenUnlearn.Torch.Unlearning;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Unlearning;

/// <summary>Share guidance: its gradient against the divergence's own, and which classes it leaves alone.</summary>
public sealed class ClassShareTermTests : IDisposable
{
    private readonly GanPair _networks = Small.Gan();
    private readonly FeatureClassifier _classifier = Small.Classifier();
    private readonly FeatureClassifier _labels = Small.LabelClassifier();

    public void Dispose()
    {
        _networks.Dispose();
        _classifier.Dispose();
        _labels.Dispose();
    }

    // With a window as long as the batch, the term's gradient is that of KL(q ‖ t) by finite differences of the images.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Loss_SharesOfTheBatchItself_HasTheGradientOfTheDivergence(bool labels)
    {
        using var scope = NewDisposeScope();
        var classifier = labels ? _labels : _classifier;
        double[] wanted = labels ? [0.4, 0.7] : [0.3, 0.7];
        using var term = new ClassShareTerm(AnnotationOf(classifier), wanted, weight: 2);
        var images = Images(ClassShareTerm.Window);
        Loss(term, images).Dispose();
        term.Update(1);   // the whole window: the present shares are this batch's

        var point = images.detach().clone().requires_grad_();
        Loss(term, point).backward();
        manual_seed(8);
        var direction = randn_like(images);
        var slope = (point.grad! * direction).sum().item<float>();
        const double Step = 1e-3;
        var measured = (Divergence(images + direction * Step) - Divergence(images - direction * Step)) / (2 * Step);

        Assert.Equal(2 * measured, slope, Math.Abs(0.05 * slope) + 1e-4);
        Assert.True(Math.Abs(slope) > 1e-3);

        double Divergence(Tensor pictures)
        {
            using var _ = no_grad();
            var shares = classifier.Probabilities(pictures.clamp(-1, 1)).to(float64).mean([0]).data<double>().ToArray();
            return labels
                ? shares.Zip(wanted, (now, then) => Part(now, then) + Part(1 - now, 1 - then)).Sum()
                : shares.Zip(wanted, Part).Sum();
        }

        static double Part(double now, double then) => now * Math.Log(now / then);
    }

    [Fact]
    public void Loss_AsManyAsWanted_IsNothing()
    {
        using var scope = NewDisposeScope();
        using var term = new ClassShareTerm(AnnotationOf(_classifier), [0.25, 0.75], weight: 3);

        Assert.Equal(0, Loss(term, Images(20)).item<float>(), 1e-5);
    }

    [Fact]
    public void Loss_ClassOfShareNought_IsLeftAlone()
    {
        using var scope = NewDisposeScope();
        using var term = new ClassShareTerm(AnnotationOf(_classifier), [1, 0], weight: 3);
        for (var step = 0; step < 3; step++)
        {
            Loss(term, Images(200)).Dispose();
            term.Update(1);
        }

        // One class is wanted: whatever its share of all images, it has all of the retained ones.
        Assert.Equal(0, Loss(term, Images(20)).item<float>(), 1e-5);
    }

    [Fact]
    public void Loss_InPartsInAnyOrder_IsThatOfTheBatch()
    {
        using var scope = NewDisposeScope();
        using var whole = Term();
        using var parted = Term();
        var images = Images(40);
        var expected = Loss(whole, images).item<float>();
        var second = Loss(parted, images.narrow(0, 20, 20), part: 1, total: 40).item<float>();
        var first = Loss(parted, images.narrow(0, 0, 20), part: 0, total: 40).item<float>();
        whole.Update(1);
        parted.Update(1);

        Assert.Equal(expected, first + second, 1e-5);
        Assert.True(whole.Shares.allclose(parted.Shares));

        ClassShareTerm Term() => new(AnnotationOf(_classifier), [0.9, 0.1], weight: 3);
    }

    private static Annotation AnnotationOf(FeatureClassifier classifier) => Small.Annotation(classifier);

    private Tensor Images(int count)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        manual_seed(4);
        return _networks.Generator.Generate(randn(count, Small.Settings.LatentSize), noise: null)
            .clamp(-0.99, 0.99)
            .MoveToOuterDisposeScope();
    }

    private static Tensor Loss(ClassShareTerm term, Tensor images, int part = 0, int? total = null) => term.Loss(
        new ImageTarget(images.narrow(0, 0, 0), images.new_ones(images.shape[0])) { Part = part },
        images,
        tensor((float)(total ?? images.shape[0])));
}
