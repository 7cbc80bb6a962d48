using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Measuring;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Measuring;

/// <summary>
/// A count by an auditor that cannot tell is not a measurement; by one that is known to see the feature, none is a good answer.
/// </summary>
public sealed class AuditorCheckTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-auditor-").FullName;

    public static UnlearningPolicy Policy { get; } = PolicyReader.Read(
        """
        {
          "schemaVersion": 1, "name": "small", "generator": { "checkpoint": "g.safetensors" },
          "classifiers": { "annotator": { "checkpoint": "annotator.safetensors" }, "auditor": { "checkpoint": "auditor.safetensors" } },
          "undesiredFeatures": [ { "name": "ban", "annotator": "annotator", "auditor": "auditor", "class": "banned", "maxRate": 0.01 } ],
          "evaluation": { "samples": 200, "maxSamples": 200 }
        }
        """,
        "small.json",
        new PolicyVocabulary(["adapt-then-unlearn"], ["el2"], ["safetensors"], ["json", "markdown"], [], []),
        []).Policy!;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>The policy's two classifiers.</summary>
    /// <param name="folder">Where they are written.</param>
    /// <param name="auditor">Makes the auditor another one.</param>
    /// <param name="heldOut">What its checkpoint says.</param>
    /// <param name="copy">Whether it is the annotator once more.</param>
    public static PolicyClassifiers Furnished(
        string folder, Action<FeatureClassifier>? auditor = null, HeldOutError? heldOut = null, bool copy = false)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using (var annotator = Small.Classifier(seed: 5))
            ClassifierCheckpoint.Save(Path.Combine(folder, "annotator.safetensors"), annotator);
        using (var other = Small.Classifier(seed: copy ? 5 : 6))
        {
            auditor?.Invoke(other);
            ClassifierCheckpoint.Save(
                Path.Combine(folder, "auditor.safetensors"), other, heldOut is null
                    ? null
                    : new HeldOutCounts(new Dictionary<string, HeldOutError> { ["banned"] = heldOut }, new string('0', 64)));
        }

        return PolicyClassifiers
            .Load(Policy, path => Path.Combine(folder, path), path => CheckpointFile.Open(path), Small.Shape, CPU);
    }

    [Fact]
    public void Measure_AuditorThatSeesTheFeature_IsAMeasurement()
    {
        var measured = Measured();

        Assert.Null(measured.Features[0].NotMeasured);
        Assert.False(measured.Features[0].IsAnnotator);
        Assert.Equal((200, 200), (measured.Diversity!.Images, measured.Diversity.Distinct));
    }

    [Fact]
    public void Measure_AuditorThatNeverSeesIt_IsNoneUnlessSomethingShowsThatItCan()
    {
        var reading = Measured(Blind).Features[0];
        Assert.Equal(0, reading.Looks[^1].Hits);
        Assert.Contains(
            "saw 'banned' in none of 200 images of the original (the annotator 'annotator' in ",
            reading.NotMeasured,
            StringComparison.Ordinal);
        Assert.Contains("0 to 255", reading.NotMeasured, StringComparison.Ordinal);

        // The annotator sees a quarter: even of a sound auditor one of the two is wrong.
        Assert.Contains(
            "one of them is wrong",
            Measured(Blind, new HeldOutError(100, 1, 100, 1)).Features[0].NotMeasured,
            StringComparison.Ordinal);
        var lenient = Policy with { UndesiredFeatures = [Policy.UndesiredFeatures[0] with { MaxRate = 1 }] };
        IsMeasured(lenient);
        Assert.NotNull(Measured(Blind, policy: lenient).Features[0].NotMeasured);

        // A threshold that held-out images were not counted with proves nothing; one that makes more of them does.
        Assert.NotNull(Measured(Blind, new HeldOutError(100, 1, 100, 1), policy: Threshold(0.9)).Features[0].NotMeasured);
        IsMeasured(Threshold(0.4));

        void IsMeasured(UnlearningPolicy policy)
        {
            var why = Measured(Blind, new HeldOutError(100, 1, 100, 1), policy: policy).Features[0].NotMeasured;
            Assert.True(why is null, why);
        }

        UnlearningPolicy Threshold(double value) =>
            Policy with { UndesiredFeatures = [lenient.UndesiredFeatures[0] with { Threshold = value }] };
    }

    [Fact]
    public void Measure_AfterUnlearning_NoneIsAMeasurement()
    {
        var before = Measured();

        Assert.Null(Measured(Blind, before: before).Features[0].NotMeasured);
    }

    [Fact]
    public void Measure_AuditorThatMissedAllItsHeldOutImages_IsNoneWhateverItCounts()
    {
        var reading = Measured(heldOut: new HeldOutError(11, 11, 43, 1)).Features[0];

        Assert.True(reading.Looks[0].Hits > 0);
        Assert.Contains(
            "it found none of 11 images that show the class (held out when it was trained)",
            reading.NotMeasured,
            StringComparison.Ordinal);
        Assert.Equal((11, 11, 43, 1), (
            reading.Detection!.With, reading.Detection.Missed, reading.Detection.Without, reading.Detection.FalseAlarms));
        Assert.Equal(64, reading.Detection.LabelsSha256!.Length);

        // With a threshold above a half it finds even less.
        var stricter = Policy with { UndesiredFeatures = [Policy.UndesiredFeatures[0] with { Threshold = 0.9 }] };
        Assert.Contains(
            "it found none of 11 images",
            Measured(heldOut: new HeldOutError(11, 11, 43, 1), policy: stricter).Features[0].NotMeasured,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Measure_AuditorTriedOnNoImageThatShowsIt_IsKnownToBeUntried() => Assert.Contains(
        "nothing is known of what it misses",
        Measured(heldOut: new HeldOutError(0, 0, 43, 1)).Features[0].Detection!.WhyWeak,
        StringComparison.Ordinal);

    [Fact]
    public void Measure_AuditorThatSaysTheSameOfEveryImage_IsNone()
    {
        var reading = Measured(classifier => Last(classifier, "output.weight").zero_()).Features[0];

        Assert.Contains("says the same of each of 200 images", reading.NotMeasured, StringComparison.Ordinal);
    }

    // A copy that is saved again has other bytes, and says the same.
    [Fact]
    public void Measure_CopyOfTheAnnotator_IsSaid() => Assert.True(Measured(copy: true).Features[0].IsAnnotator);

    [Fact]
    public void Measure_OutputsThatAreNotFinite_AreCountedAndReported()
    {
        var reading = Measured(classifier =>
        {
            // Each weight is finite, and no sum of them is.
            Last(classifier, "output.weight").copy_(Last(classifier, "output.weight").sign() * 3e38f);
            Last(classifier, "layers.norm5.weight").mul_(1000);
        }).Features[0];

        Assert.True(reading.Unreadable > 0);
        Assert.True(reading.Looks[0].Hits >= reading.Unreadable);
    }

    [Fact]
    public void Try_ImagesThatThePolicySaysShowIt_AreWhatTheAuditorIsKnownBy()
    {
        using var scope = NewDisposeScope();
        using var classifiers = Furnished(_folder, Blind);
        classifiers.TestAuditor(Policy.UndesiredFeatures[0], randn(20, 1, 16, 16));

        var reading = Measured(classifiers, Policy, null).Features[0];

        Assert.Equal(
            ("of the policy's folder 'negatives'", 20, 20),
            (reading.Detection!.Source, reading.Detection.With, reading.Detection.Missed));
        Assert.Contains("it found none of 20 images", reading.NotMeasured, StringComparison.Ordinal);
    }

    // Ten held-out images show the class, with scores of 0.05 to 0.95, and 20 do not, with scores of 0 to 0.95.
    [Theory]
    [InlineData(null, 4, 3)]
    [InlineData(0.3, 3, 14)]
    [InlineData(0.9, 9, 2)]
    [InlineData(0.99, 10, 0)]
    public void Measure_HeldOutScores_AreCountedAtTheThreshold(double? threshold, long missed, long falseAlarms)
    {
        var heldOut = new HeldOutCounts(
            new Dictionary<string, HeldOutError> { ["plain"] = new(20, 3, 10, 4), ["banned"] = new(10, 4, 20, 3) },
            new string('0', 64))
        {
            Scores = new Dictionary<string, DetectionScores>
            {
                ["plain"] = new(Enumerable.Repeat(0.5f, 20), Enumerable.Repeat(0.5f, 10)),
                ["banned"] = new(
                    Enumerable.Range(0, 10).Select(number => number / 10f + 0.05f),
                    Enumerable.Range(0, 20).Select(number => number / 20f)),
            },
        };
        using (var scope = NewDisposeScope())
        using (var auditor = Small.Classifier(seed: 6))
        {
            using var classifiers = Furnished(_folder);
            ClassifierCheckpoint.Save(Path.Combine(_folder, "auditor.safetensors"), auditor, heldOut);
        }

        var feature = Policy.UndesiredFeatures[0] with { AuditorThreshold = threshold, MaxRate = 1 };
        var policy = Policy with { UndesiredFeatures = [feature] };
        using var loaded = PolicyClassifiers.Load(
            policy, path => Path.Combine(_folder, path), path => CheckpointFile.Open(path), Small.Shape, CPU);
        var reading = Measured(loaded, policy, null).Features[0];

        Assert.Equal((10, missed, 20, falseAlarms), (
            reading.Detection!.With, reading.Detection.Missed, reading.Detection.Without, reading.Detection.FalseAlarms));
        Assert.Equal("held out when it was trained", reading.Detection.Source);
        Assert.Equal(missed == 10, reading.NotMeasured is not null);   // it finds nothing from that threshold on
    }

    private static void Blind(FeatureClassifier classifier)
    {
        using var _ = no_grad();
        Last(classifier, "output.bias").add_(tensor(new[] { 1000f, 0f }));
    }

    private static TorchSharp.Modules.Parameter Last(FeatureClassifier classifier, string name) =>
        classifier.named_parameters().Single(named => named.name == name).parameter;

    private Measurement Measured(
        Action<FeatureClassifier>? auditor = null,
        HeldOutError? heldOut = null,
        bool copy = false,
        UnlearningPolicy? policy = null,
        Measurement? before = null)
    {
        using var classifiers = Furnished(_folder, classifier =>
        {
            using var _ = no_grad();
            auditor?.Invoke(classifier);
        }, heldOut, copy);
        return Measured(classifiers, policy ?? Policy, before);
    }

    private static Measurement Measured(PolicyClassifiers classifiers, UnlearningPolicy policy, Measurement? before)
    {
        using var scope = NewDisposeScope();
        using var networks = Small.Gan();
        var images = EvaluationImages.FromOptions(policy.Evaluation, CPU);
        return new GeneratorEvaluator(policy, classifiers, reference: null, images)
            .Measure(networks.Generator, new string('a', 64), new Progress<long>(), CancellationToken.None, before);
    }
}
