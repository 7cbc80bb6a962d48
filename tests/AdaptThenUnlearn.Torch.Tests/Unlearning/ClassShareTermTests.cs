using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Unlearning;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Unlearning;

/// <summary>
/// Share guidance: its estimate against a count, its gradient against the divergence's own, and which classes it leaves alone.
/// </summary>
public sealed class ClassShareTermTests : IDisposable
{
    private const int Count = ClassShareTerm.Window;

    private readonly GanPair _networks = Small.Gan();
    private readonly FeatureClassifier _threeClasses = Small.Classifier(["plain", "banned", "striped"]);
    private readonly FeatureClassifier _labels = Small.LabelClassifier();

    public void Dispose()
    {
        _networks.Dispose();
        _threeClasses.Dispose();
        _labels.Dispose();
    }

    // With a window as long as the batch, the term's gradient is that of the divergence by finite differences of the images.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Loss_SharesOfTheBatchItself_HasTheGradientOfTheDivergence(bool labels)
    {
        using var scope = NewDisposeScope();
        var classifier = labels ? _labels : _threeClasses;
        var undesired = labels ? 0 : 1;
        var kept = Enumerable.Range(0, classifier.Classes.Count).Where(number => number != undesired).ToList();
        using var samples = Samples(classifier);
        using var term = new ClassShareTerm(samples, AnnotationOf(classifier), weight: 2);
        var before = samples.Probabilities.narrow(0, 0, Count);
        var wanted = samples.Probabilities[samples.Retained].to(float64).mean([0]).data<double>().ToArray();
        var images = (Images(Count) * 0.6).clamp(-0.99, 0.99);
        Loss(classifier, term, images, before).Dispose();
        term.Update(1);   // the whole window: the present shares are this batch's, as far as they differ from those before

        var offset = (samples.Probabilities.mean([0]) - before.mean([0])).to(float64);
        var steepest = Steepest(Shares(images));
        var point = images.detach().clone().requires_grad_();
        Loss(classifier, term, point, before).backward();
        var direction = point.grad! / point.grad!.std();
        var slope = (point.grad! * direction).sum().item<float>() / Count;
        const double Step = 1e-3;
        var measured = (Divergence(images + direction * Step) - Divergence(images - direction * Step)) / (2 * Step);

        Assert.Equal(2 * measured, slope, Math.Abs(0.05 * slope));
        Assert.True(Math.Abs(slope) > 1e-6);

        // With the undesired class as the most frequent one.
        double Divergence(Tensor pictures)
        {
            var shares = Shares(pictures);
            return labels
                ? kept.Sum(number => Part(shares[number], wanted[number]) + Part(1 - shares[number], 1 - wanted[number]))
                : kept.Sum(number => Part(Conditional(shares, number), Conditional(wanted, number)))
                    + steepest * shares[undesired];
        }

        double[] Shares(Tensor pictures)
        {
            using var _ = no_grad();
            return (classifier.Probabilities(pictures.clamp(-1, 1)).to(float64).mean([0]) + offset).data<double>().ToArray();
        }

        double Steepest(double[] shares)
        {
            var logarithms = kept.Select(number => Math.Log(Conditional(shares, number) / Conditional(wanted, number))).ToList();
            var divergence = kept.Zip(logarithms).Sum(pair => Conditional(shares, pair.First) * pair.Second);
            return (logarithms.Max() - divergence) / kept.Sum(number => shares[number]);
        }

        double Conditional(double[] shares, int number) => shares[number] / kept.Sum(other => shares[other]);

        static double Part(double now, double then) => now * Math.Log(now / then);
    }

    // Few images tell the shares, because most of what varies is the same before and after.
    [Fact]
    public void Shares_FewImages_AreNearerThanACount()
    {
        using var scope = NewDisposeScope();
        using var samples = Samples(_threeClasses, count: 4000);
        using var term = new ClassShareTerm(samples, AnnotationOf(_threeClasses), weight: 1);
        var images = Images(4000);
        var changed = images * 0.9;
        using var _ = no_grad();
        var truth = _threeClasses.Probabilities(changed).mean([0]);
        for (var step = 1; step <= 60; step++)
        {
            var rows = arange(step * 64, step * 64 + 64);
            Loss(_threeClasses, term, changed[rows], samples.Probabilities[rows]).Dispose();
            term.Update(step);
        }

        // Most of the moving average has seen the change; a count over as many images would err by its standard error.
        var deviation = _threeClasses.Probabilities(changed).std(0, unbiased: true) / Math.Sqrt(Count);
        var error = (term.Shares - truth).abs();
        Assert.True(truth.sub(samples.Probabilities.mean([0])).abs().max().item<float>() > 0.001);
        Assert.True((error < deviation).all().item<bool>(), $"{error.ToString(true)} against {deviation.ToString(true)}");
    }

    [Fact]
    public void Loss_AsManyAsWanted_IsNothing()
    {
        using var scope = NewDisposeScope();
        using var samples = Samples(_labels);
        using var term = new ClassShareTerm(samples, AnnotationOf(_labels), weight: 3);
        using var _ = no_grad();
        var wanted = samples.Probabilities[samples.Retained].mean([0]);
        for (var step = 1; step <= 100; step++)
        {
            // As many images as the window has, whose probabilities have moved just to the wanted mean.
            var before = samples.Probabilities.narrow(0, 0, Count);
            var described = AnnotationOf(_labels).Describe(Images(Count)) with { Before = before };
            term.SumLosses(
                described with { Before = described.Logits[0].sigmoid() - (wanted - samples.Probabilities.mean([0])) }, part: 0)
                .Dispose();
            term.Update(step);
        }

        Assert.True(term.Shares.allclose(wanted, rtol: 1e-3, atol: 1e-4));
        Assert.Equal(0, Loss(_labels, term, Images(20), zeros(20, 2)).item<float>() / 20, 1e-2);
    }

    [Fact]
    public void Loss_UndesiredClass_IsLeftAlone()
    {
        using var scope = NewDisposeScope();
        using var twoClasses = Small.Classifier();
        using var samples = Samples(twoClasses);
        using var term = new ClassShareTerm(samples, AnnotationOf(twoClasses), weight: 3);
        for (var step = 1; step <= 3; step++)
        {
            Loss(twoClasses, term, Images(200) * 0.5, samples.Probabilities.narrow(0, 0, 200)).Dispose();
            term.Update(step);
        }

        // One class is wanted: whatever its share of all images, it has all of the retained ones.
        Assert.Equal(0, Loss(twoClasses, term, Images(20), zeros(20, 2)).item<float>(), 1e-4);
    }

    [Fact]
    public void Loss_InPartsInAnyOrder_IsThatOfTheBatch()
    {
        using var scope = NewDisposeScope();
        using var samples = Samples(_threeClasses);
        using var whole = Term();
        using var parted = Term();
        var images = Images(40) * 0.5;
        var before = samples.Probabilities.narrow(0, 0, 40);
        for (var step = 1; step <= 2; step++)
        {
            var expected = Loss(_threeClasses, whole, images, before).item<float>();
            var second = Loss(
                _threeClasses, parted, images.narrow(0, 20, 20), before.narrow(0, 20, 20), part: 1).item<float>();
            var first = Loss(
                _threeClasses, parted, images.narrow(0, 0, 20), before.narrow(0, 0, 20), part: 0).item<float>();
            whole.Update(step);
            parted.Update(step);
            Assert.Equal(expected, first + second, 1e-4);
        }

        Assert.True(whole.Shares.allclose(parted.Shares));

        ClassShareTerm Term() => new(samples, AnnotationOf(_threeClasses), weight: 3);
    }

    private static Annotation AnnotationOf(FeatureClassifier classifier) => new(
        [
            new AnnotatedFeature(
                "undesired",
                new FeatureRule(classifier, classifier.Classes.Contains("banned") ? "banned" : "glasses", Threshold: null)),
        ],
        cleanBelow: 0.5);

    private DescribedSamples Samples(FeatureClassifier classifier, int count = Count) => DescribedSamples.Draw(
        _networks.Generator, AnnotationOf(classifier), discriminator: null, count, new RandomStreams(4, "shares"));

    // The same images as those of the samples.
    private Tensor Images(int count)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        List<Tensor> batches = [];
        for (var batch = 0; batch * 100 < count; batch++)
        {
            using var source = new RandomStreams(4, "shares").At("described samples", batch);
            batches.Add(LatentDraw.Sample(_networks.Generator, 100, source, CPU).Images(_networks.Generator));
        }

        return cat(batches).narrow(0, 0, count).clamp(-0.99, 0.99).MoveToOuterDisposeScope();
    }

    private static Tensor Loss(FeatureClassifier classifier, ClassShareTerm term, Tensor images, Tensor before, int part = 0) =>
        term.SumLosses(AnnotationOf(classifier).Describe(images) with { Before = before }, part);
}
