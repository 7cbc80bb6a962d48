using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Adaptation;

/// <summary>
/// Checks which images training learns from: the generator's sorted samples, and the images that a policy gives in place of some
/// of them.
/// </summary>
public sealed class FeedbackCollectorTests : IDisposable
{
    // More negatives than there are samples.
    private static readonly UnlearningOptions _demanding =
        Small.Options with { FeedbackSamples = 100, MinimumNegatives = 101, MinimumClean = 0 };

    private readonly GanPair _networks = Small.Gan();
    private readonly FeatureClassifier _classifier = Small.LabelClassifier();

    public void Dispose()
    {
        _networks.Dispose();
        _classifier.Dispose();
    }

    [Fact]
    public void Collect_TooFewNegatives_SaysHowManyAndWhatToDo()
    {
        using var classifier = Small.Classifier();

        var failed = Assert.Throws<FeedbackException>(() => FeedbackCollector.Collect(
            _networks.Generator, Small.Annotation(classifier), GivenImages.None, _demanding, CPU, CancellationToken.None));

        Assert.Contains("'banned'", failed.Message, StringComparison.Ordinal);
        Assert.Contains("of 100 samples", failed.Message, StringComparison.Ordinal);
        Assert.Contains("unlearning.feedbackSamples", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Collect_FeatureThatIsNotViolated_NeedsNoNegatives()
    {
        using var classifier = Small.Classifier();
        var annotation = new Annotation([Small.Annotation(classifier).Features[0] with { Violated = false }], cleanBelow: 0.5);

        using var feedback = FeedbackCollector
            .Collect(_networks.Generator, annotation, GivenImages.None, _demanding, CPU, CancellationToken.None);

        Assert.InRange(feedback.NegativesByFeature["banned"], 1, 100);
    }

    [Fact]
    public void Collect_NegativesOfOneFeature_ReplaceItsFindsAlone()
    {
        using var scope = NewDisposeScope();
        using var found = Collect(GivenImages.None);
        using var hats = Given(7, value: 0.5f);

        using var feedback = Collect(new GivenImages(new Dictionary<string, Tensor> { ["hat"] = hats }, Positives: null));

        Assert.Equal(7, feedback.NegativesByFeature["hat"]);
        Assert.Equal(found.NegativesByFeature["glasses"], feedback.NegativesByFeature["glasses"]);
        Assert.Equal(found.NegativesByFeature["glasses"] + 7, feedback.Negatives.Count);
        Assert.Equal(Small.Bytes(All(found.Positives)), Small.Bytes(All(feedback.Positives)));
        Assert.Equal(Small.Bytes(hats), Small.Bytes(All((InMemoryImages)feedback.Negatives)[^7..]));
    }

    [Fact]
    public void Collect_EverythingGiven_LooksAtNoSample()
    {
        using var scope = NewDisposeScope();
        using var given = new GivenImages(
            new Dictionary<string, Tensor> { ["hat"] = Given(3, 0.5f), ["glasses"] = Given(4, 0.25f) }, Given(5, -1));

        using var feedback = Collect(given);

        Assert.Equal((0, 7, 5), (feedback.Samples, feedback.Negatives.Count, feedback.Positives.Count));
        Assert.Equal(Small.Bytes(given.Positives!), Small.Bytes(All(feedback.Positives)));
    }

    // The shares of what should survive are counted among doubtful images too, so a stricter bound for positives does not change
    // them.
    [Fact]
    public void Collect_Samples_CountsClassesAmongAllThatShowNothing()
    {
        using var scope = NewDisposeScope();

        using var lenient = Collect(GivenImages.None, cleanBelow: 0.5, ["hat"]);
        var probabilities = _classifier.Logits(_classifier.Features(ImageQuantizer.Quantize(All(lenient.Positives))))
            .sigmoid()
            .select(1, _classifier.Classes.ToList().IndexOf("hat"));
        using var strict = Collect(GivenImages.None, cleanBelow: probabilities.median().item<float>(), ["hat"]);

        Assert.InRange(strict.Positives.Count, 1, lenient.Positives.Count - 1);
        Assert.Equal(lenient.RetainedShares, strict.RetainedShares);
        var ofLenient = _classifier.DetectClasses(_classifier.Logits(_classifier.Features(
            ImageQuantizer.Quantize(All(lenient.Positives))))).to(float64).mean([0]).data<double>().ToArray();
        // At 0.5 nothing is doubtful.
        Assert.Equal(ofLenient, lenient.RetainedShares!.ToArray(), (one, other) => Math.Abs(one - other) < 1e-9);
    }

    // An annotator that is seldom sure would leave few positives, all of one kind.
    [Theory]
    [InlineData(0.6)]
    [InlineData(1)]
    public void Collect_TooFewAreClean_TakesTheLeastDoubtfulUntilTheShareIsReached(double share)
    {
        using var scope = NewDisposeScope();
        using var all = Collect(GivenImages.None, cleanBelow: 0.5, ["hat"]);   // at 0.5 nothing is doubtful
        var hat = _classifier.Classes.ToList().IndexOf("hat");

        using var raised = Collect(GivenImages.None, cleanBelow: 1e-6, ["hat"], minimumClean: share);
        using var enough = Collect(GivenImages.None, cleanBelow: 0.5, ["hat"], minimumClean: share);

        Assert.Equal((long)Math.Ceiling(share * all.Positives.Count), raised.Positives.Count);
        var doubts = _classifier.Logits(_classifier.Features(ImageQuantizer.Quantize(All(all.Positives))))
            .sigmoid()
            .select(1, hat);
        Assert.Equal(Small.Bytes(All(all.Positives)[doubts.lt(raised.CleanBelow)]), Small.Bytes(All(raised.Positives)));
        Assert.InRange(raised.CleanBelow, 1e-6, 0.5);
        Assert.Equal((0.5, all.Positives.Count), (enough.CleanBelow, enough.Positives.Count));
    }

    [Fact]
    public void Collect_FolderWithTooFew_SaysWhoseAndHowMany()
    {
        using var given = new GivenImages(new Dictionary<string, Tensor> { ["hat"] = Given(3, 0.5f) }, Positives: null);

        var failed = Assert.Throws<FeedbackException>(() => Collect(given, minimumNegatives: 4));

        Assert.Contains(
            "the folder of 'hat' holds 3 images, and at least 4 are needed", failed.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("glasses", failed.Message, StringComparison.Ordinal);
    }

    private Feedback Collect(GivenImages given, int minimumNegatives = 1) =>
        Collect(given, 0.5, ["hat", "glasses"], minimumNegatives);

    private Feedback Collect(
        GivenImages given,
        double cleanBelow,
        string[] undesired,
        int minimumNegatives = 1,
        double minimumClean = 0) => FeedbackCollector.Collect(
        _networks.Generator,
        new Annotation([.. undesired.Select(name => new AnnotatedFeature(name, Rule(name)))], cleanBelow),
        given,
        Small.Options with { FeedbackSamples = 200, MinimumNegatives = minimumNegatives, MinimumClean = minimumClean },
        CPU,
        CancellationToken.None);

    private FeatureRule Rule(string name) => new(_classifier, name, Threshold: null);

    private static Tensor Given(int count, float value) => full([count, 1, 16, 16], value).DetachFromDisposeScope();

    private static Tensor All(InMemoryImages images) => images.Rows(arange(images.Count, int64));
}
