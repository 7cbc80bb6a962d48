using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Comparing;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Comparing;

/// <summary>Refusing at sampling time: the images that are kept, and what they cost.</summary>
public sealed class CleanImagesTests
{
    private static readonly EvaluationImages _images =
        EvaluationImages.FromOptions(new EvaluationOptions(400, 400, 0.95, Seed: 3, Truncation: 1), CPU);

    [Fact]
    public void Take_SmallGan_AreTheCleanImagesOfTheStreamInOrder()
    {
        using var scope = NewDisposeScope();
        using var networks = Gan();
        using var annotator = Small.Classifier();
        var bound = Median(networks.Generator, annotator);
        var (kept, made) = Expected(networks.Generator, annotator, bound, 250);
        using var clean = new CleanImages(networks.Generator, Annotation(annotator, bound), _images);

        var taken = cat([clean.Take(100, default), clean.Take(149, default), clean.Take(1, default)]);

        Assert.Equal(Small.Bytes(kept), Small.Bytes(taken));
        Assert.Equal(made, clean.Made);
        Assert.InRange(made, 251, 1000);
    }

    [Fact]
    public void Take_Again_AreTheSameImages()
    {
        using var scope = NewDisposeScope();
        using var networks = Gan();
        using var annotator = Small.Classifier();
        var annotation = Annotation(annotator, Median(networks.Generator, annotator));
        using var first = new CleanImages(networks.Generator, annotation, _images);
        using var second = new CleanImages(networks.Generator, annotation, _images, runsProgram: true);

        Assert.Equal(Small.Bytes(first.Take(150, default)), Small.Bytes(second.Take(150, default)));
        Assert.Equal(first.Made, second.Made);
    }

    // Argmax finds the second of two classes from one half on, so a lenient bound does not decide.
    [Fact]
    public void Take_LenientBound_KeepsNoImageInWhichTheFeatureIsFound()
    {
        using var scope = NewDisposeScope();
        using var networks = Gan();
        using var annotator = Small.Classifier();
        var annotation = Annotation(annotator, cleanBelow: 1);
        using var clean = new CleanImages(networks.Generator, annotation, _images);

        var taken = clean.Take(200, default);

        Assert.False(annotation.Label(taken).ShowsAny.any().item<bool>());
        Assert.True(clean.Made > 200);
    }

    [Fact]
    public void Take_HardlyAnyClean_SaysHowMany()
    {
        using var scope = NewDisposeScope();
        using var networks = Gan();
        using var annotator = Small.Classifier();
        using var clean = new CleanImages(networks.Generator, Annotation(annotator, cleanBelow: 1e-30), _images);

        var failed = Assert.Throws<TooFewCleanException>(() => clean.Take(1, default));

        Assert.Equal(
            "refusing kept 0 of 2000 images: the annotator has to find at least 1 in 100 clean (every undesired class below "
                + "'unlearning.cleanBelow', 1E-30, and no feature shown)",
            failed.Message);
    }

    [Fact]
    public void Take_Cancelled_Ends()
    {
        using var networks = Gan();
        using var annotator = Small.Classifier();
        using var clean = new CleanImages(networks.Generator, Annotation(annotator, 0.5), _images);

        Assert.Throws<OperationCanceledException>(() => clean.Take(1, new CancellationToken(canceled: true)));
    }

    [Fact]
    public void Dispose_AfterAPartWasTaken_LeavesNoTensor()
    {
        using var networks = Gan();
        using var annotator = Small.Classifier();
        Take();   // the first use may keep something for good
        var live = Small.LiveTensors();

        Take();

        Assert.Equal(live, Small.LiveTensors());

        void Take()
        {
            using var scope = NewDisposeScope();
            using var clean = new CleanImages(networks.Generator, Annotation(annotator, 0.5), _images);
            clean.Take(30, default);
        }
    }

    // Straight from the definition: whole batches one after another, softmax and the bound, which is stricter than argmax here.
    private static (Tensor Kept, long Made) Expected(
        ImageGenerator generator, FeatureClassifier annotator, double bound, int count)
    {
        List<Tensor> kept = [];
        for (var number = 0; number < 20; number++)
        {
            var (batch, shares) = Batch(generator, annotator, number);
            for (var place = 0; place < EvaluationImages.BatchSize; place++)
                if (shares[place] < bound)
                {
                    kept.Add(batch[place]);
                    if (kept.Count == count)
                        return (stack(kept), number * EvaluationImages.BatchSize + place + 1);
                }
        }

        throw new InvalidOperationException("too few images are clean");
    }

    // About half of the images are below it.
    private static double Median(ImageGenerator generator, FeatureClassifier annotator)
    {
        var bound = Batch(generator, annotator, 0).Shares.Order().ElementAt(EvaluationImages.BatchSize / 2);
        Assert.InRange(bound, 0, 0.5f);
        return bound;
    }

    private static (Tensor Images, float[] Shares) Batch(ImageGenerator generator, FeatureClassifier annotator, int number)
    {
        using var _ = no_grad();
        var images = _images.Draw(generator, new EvaluationBatch(number, 0, EvaluationImages.BatchSize));
        return (images, annotator.Logits(annotator.Features(images)).softmax(1).select(1, 1).data<float>().ToArray());
    }

    private static GanPair Gan()
    {
        var networks = Small.Gan();
        networks.Generator.eval();
        return networks;
    }

    private static Annotation Annotation(FeatureClassifier annotator, double cleanBelow) => new(
        [new AnnotatedFeature("banned", new FeatureRule(annotator, annotator.Classes[1], Threshold: null))], cleanBelow);
}
