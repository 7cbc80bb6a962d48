using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Features;

/// <summary>When an image shows a feature: by the likeliest class, by independent labels, by a threshold.</summary>
public sealed class FeatureRuleTests : IDisposable
{
    // Probabilities of softmax: (0.1, 0.6, 0.3), (0.7, 0.2, 0.1), (0.05, 0.475, 0.475 and a little more)
    private static readonly double[,] _shares = { { 0.1, 0.6, 0.3 }, { 0.7, 0.2, 0.1 }, { 0.05, 0.4749, 0.4751 } };

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-rules-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(null, new[] { true, false, false })]
    [InlineData(0.3, new[] { true, false, true })]
    [InlineData(0.2, new[] { true, true, true })]
    [InlineData(0.65, new[] { false, false, false })]
    public void Shows_OneClassHolds_IsTheLikeliestOrReachesTheThreshold(double? threshold, bool[] expected)
    {
        using var scope = NewDisposeScope();
        using var classifier = Built(ClassifierOutputs.Softmax);
        var logits = (tensor(_shares).to(float32) + 1e-7).log();   // the least above, for what lies at the threshold itself

        Assert.Equal(expected, Values(new FeatureRule(classifier, "b", threshold).Shows(logits)));
        Assert.Equal([1, 1, 1], classifier.Count(logits));
    }

    [Fact]
    public void Holds_SeveralMayHold_EachStandsForItself()
    {
        using var scope = NewDisposeScope();
        using var classifier = Built(ClassifierOutputs.Sigmoid);
        var logits = tensor(new float[,] { { 2, 3, 4 }, { -1, -2, -3 }, { 0, 5, -5 } });

        Assert.Equal(
            [true, true, true, false, false, false, true, true, false], Values(classifier.DetectClasses(logits).flatten()));
        Assert.Equal([2, 2, 1], classifier.Count(logits));
        Assert.Equal([true, false, true], Values(new FeatureRule(classifier, "a", Threshold: null).Shows(logits)));
        Assert.Equal([true, false, false], Values(new FeatureRule(classifier, "a", Threshold: 0.6).Shows(logits)));
        Assert.Equal(1 / (1 + Math.Exp(-3)), classifier.ProbabilitiesOf(logits)[0, 1].item<float>(), tolerance: 1e-6);
    }

    // Three quarters are less likely than not: a threshold at a smaller share of the probabilities lies below a half, one at a
    // larger share above.
    [Theory]
    [InlineData(ClassifierOutputs.Sigmoid, null)]
    [InlineData(ClassifierOutputs.Sigmoid, 0.4f)]
    [InlineData(ClassifierOutputs.Sigmoid, 0.9f)]
    [InlineData(ClassifierOutputs.Softmax, null)]
    [InlineData(ClassifierOutputs.Softmax, 0.4f)]
    [InlineData(ClassifierOutputs.Softmax, 0.9f)]
    public void Label_WhateverIsAskedOfClean_WhatShowsTheFeatureIsNever(ClassifierOutputs outputs, float? share)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var classifier = outputs is ClassifierOutputs.Sigmoid ? Small.LabelClassifier() : Small.Classifier();
        using var networks = Small.Gan();
        manual_seed(4);
        var images = networks.Generator.Generate(randn(300, Small.Settings.LatentSize), noise: null);
        double? threshold = share is { } below
            ? classifier.Probabilities(images).select(1, 1).quantile(tensor(below)).item<float>()
            : null;
        var annotation =
            new Annotation([new("unwanted", new FeatureRule(classifier, classifier.Classes[1], threshold))], cleanBelow: 1);

        var lenient = annotation.Label(images);
        var strict = annotation.WithCleanBelow(lenient.UndesiredProbability[lenient.Clean].mean().item<float>()).Label(images);

        Assert.Equal(Values(lenient.Shows[0]).Select(shown => !shown), Values(lenient.Clean));
        Assert.Contains(true, Values(strict.Clean));
        Assert.True(Values(strict.Clean).Count(one => one) < Values(lenient.Clean).Count(one => one));
    }

    [Theory]
    [InlineData(ClassifierOutputs.Sigmoid, null)]
    [InlineData(ClassifierOutputs.Sigmoid, 0.9)]
    [InlineData(ClassifierOutputs.Softmax, null)]
    [InlineData(ClassifierOutputs.Softmax, 0.9)]
    public void Label_ImageThatIsNoNumber_NeverPassesForClean(ClassifierOutputs outputs, double? threshold)
    {
        using var scope = NewDisposeScope();
        using var classifier = Built(outputs);
        var images = full([2, classifier.Shape.Channels, classifier.Shape.Resolution, classifier.Shape.Resolution], float.NaN);

        var labels = new Annotation([new("b", new FeatureRule(classifier, "b", threshold))], cleanBelow: 1).Label(images);

        Assert.Equal([true, true], Values(labels.Shows[0]));
        Assert.Equal([false, false], Values(labels.Clean));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Label_OutputBeyondTheRange_IsLabelledAsUsersGetIt(bool raw)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var classifier = Built(ClassifierOutputs.Softmax);
        manual_seed(6);
        var images = randn(200, classifier.Shape.Channels, classifier.Shape.Resolution, classifier.Shape.Resolution) * 3;
        var annotation = new Annotation([new("b", new FeatureRule(classifier, "b", Threshold: null))], cleanBelow: 0.5, raw);

        var labels = annotation.WithCleanBelow(0.4).Label(images);

        var (asOutput, asPicture) = (Probabilities(images), Probabilities(ImageQuantizer.Quantize(images)));
        Assert.False(allclose(asOutput, asPicture, atol: 0.01));
        Assert.True(allclose(raw ? asOutput : asPicture, labels.UndesiredProbability, atol: 1e-5));
        Assert.Equal(
            classifier.DetectClasses(Logits(raw ? images : ImageQuantizer.Quantize(images))).data<bool>().ToArray(),
            annotation.Classes(images).data<bool>().ToArray());

        Tensor Logits(Tensor seen) => classifier.Logits(classifier.Features(seen));

        Tensor Probabilities(Tensor seen) => annotation.Features[0].Rule.Probability(Logits(seen));
    }

    [Fact]
    public void Label_TwoLabelsOfOneClassifier_MayBothBeShown()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var classifier = Small.LabelClassifier();
        using var networks = Small.Gan();
        manual_seed(31);
        var images = ImageQuantizer.Quantize(networks.Generator.Generate(randn(300, Small.Settings.LatentSize), noise: null));
        var annotation = new Annotation([new("hat-off", new FeatureRule(classifier, "hat", Threshold: 0.3)), new(
            "no-glasses", new FeatureRule(classifier, "glasses", Threshold: null))], cleanBelow: 0.1);

        var labels = annotation.Label(images);

        var probabilities = classifier.Probabilities(images);
        var (glasses, hat) = (Values(probabilities.select(1, 0).ge(0.5)), Values(probabilities.select(1, 1).ge(0.3)));
        Assert.Equal([hat, glasses], labels.Shows.Select(Values));
        Assert.Contains(true, glasses.Zip(hat, (one, other) => one && other));
        Assert.Equal(Values(probabilities.amax([1]).lt(0.1)), Values(labels.Clean));
        Assert.Equal(hat, Values(labels.ShowsAnyOf([0])));
    }

    // The likeliest of three classes may have a probability of four tenths: below a lenient bound, and shown all the same.
    [Fact]
    public void Label_ClassThatIsTheLikeliestAndStillUnlikely_IsNeverClean()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var classifier = Built(ClassifierOutputs.Softmax);
        manual_seed(5);
        var images = ImageQuantizer.Quantize(
            randn(400, classifier.Shape.Channels, classifier.Shape.Resolution, classifier.Shape.Resolution));
        var rule = new FeatureRule(classifier, "b", Threshold: null);

        var labels = new Annotation([new("b", rule)], cleanBelow: 0.9).Label(images);

        var unlikely = labels.Shows[0].logical_and(labels.UndesiredProbability.lt(0.9));
        Assert.True(unlikely.any().item<bool>());
        Assert.False(unlikely.logical_and(labels.Clean).any().item<bool>());
        Assert.Equal(Values(rule.Probability(classifier.Logits(classifier.Features(images)))
            .lt(0.9)
            .logical_and(labels.Shows[0].logical_not())), Values(labels.Clean));
    }

    [Fact]
    public void Checkpoint_IndependentOutputs_AreSaidByTheFileOrElseByThePolicy()
    {
        var (labels, classes) = (Path.Combine(_folder, "labels.safetensors"), Path.Combine(_folder, "classes.safetensors"));
        using (var classifier = Built(ClassifierOutputs.Sigmoid))
            ClassifierCheckpoint.Save(labels, classifier);
        using (var classifier = Built(ClassifierOutputs.Softmax))
            ClassifierCheckpoint.Save(classes, classifier);

        Assert.Equal(ClassifierOutputs.Sigmoid, Loaded(labels, null));
        Assert.Equal(ClassifierOutputs.Sigmoid, Loaded(labels, "sigmoid"));
        Assert.Equal(ClassifierOutputs.Softmax, Loaded(classes, null));
        Assert.Equal(ClassifierOutputs.Sigmoid, Loaded(classes, "sigmoid"));   // the file does not say
        // It is left out, so that the file's bytes stay the same.
        Assert.DoesNotContain("outputs", CheckpointFormats.Read(classes).Metadata.Keys);
        Assert.Contains(
            "has sigmoid outputs, the policy says softmax",
            Assert.Throws<CheckpointException>(() => Loaded(labels, "softmax")).Message,
            StringComparison.Ordinal);

        static ClassifierOutputs Loaded(string path, string? outputs)
        {
            using var loaded = ClassifierCheckpoint.Load(path, sha256: null, classes: null, CPU, outputs);
            return loaded.Classifier.Outputs;
        }
    }

    // The same weights whatever ran before: of some, "b" is never the likeliest.
    private static FeatureClassifier Built(ClassifierOutputs outputs)
    {
        manual_seed(11);
        return ClassifierArchitectures.Build(StridedConvNet.Name, Small.Shape, ["a", "b", "c"], outputs);
    }

    private static bool[] Values(Tensor mask) => mask.data<bool>().ToArray();
}
