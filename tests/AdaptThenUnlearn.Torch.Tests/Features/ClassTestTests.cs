using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Pretraining;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Features;

/// <summary>A classifier's errors at every threshold: counted as the gate counts, and kept in its checkpoint.</summary>
public sealed class ClassTestTests : IDisposable
{
    private const string Scores = "heldOut/scores";
    private static readonly string[] _classes = ["glasses", "hat"];
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-class-test-").FullName;
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();

    public static TheoryData<ClassifierOutputs> AllOutputs => [.. Enum.GetValues<ClassifierOutputs>()];

    private string CheckpointPath => Path.Combine(_folder, "classifier.safetensors");

    public void Dispose()
    {
        _scope.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [MemberData(nameof(AllOutputs))]
    public void Run_EveryThreshold_CountsWhatTheRuleShows(ClassifierOutputs outputs)
    {
        using var classifier = Classifier(outputs);
        manual_seed(4);
        var logits = outputs is ClassifierOutputs.Softmax or ClassifierOutputs.Sigmoid ? 2 * randn(60, 2) : rand(60, 2);
        logits[7, 0] = float.NaN;
        logits[8, 1] = 0.9f;
        var hats = rand(60).lt(0.4);

        var test = Assert.Single(ClassTest.Run(classifier, logits, [("hat", hats)]));

        // On every score, between any two of them, and without a threshold.
        var scores = test.Scores.With.Concat(test.Scores.Without).Select(score => (double)score).Where(score => score > 0);
        var thresholds = scores.SelectMany(score => new[] { score, score * 0.99 }).Append(0.9);
        foreach (var threshold in thresholds.Cast<double?>().Append(null))
        {
            var shown = new FeatureRule(classifier, "hat", threshold).Shows(logits);
            var counted = threshold is { } some ? test.Scores.Count(some, "") : test.Error.Counts("");
            Assert.Equal(
                (Number(hats), Number(hats & ~shown), Number(~hats), Number(~hats & shown)),
                (counted.With, counted.Missed, counted.Without, counted.FalseAlarms));
        }

        static long Number(Tensor mask) => mask.sum().item<long>();
    }

    // Images are black or white, and the network's last layer is all that is left of it: its bias.
    [Fact]
    public void HeldOut_KnownClassifier_KeepsItsScoresOfEveryClass()
    {
        using var classifier = Known(Math.Log(3), -Math.Log(4));   // probabilities 3/4 and 1/5
        var images = zeros([5, 1, 16, 16], uint8);
        var labels = tensor(new float[,] { { 1, 0 }, { 1, 1 }, { 0, 0 }, { 1, 0 }, { 0, 1 } });
        var test = new LabelledImages(_classes, ClassifierOutputs.Sigmoid, images, labels);

        var counts = ClassifierTraining.HeldOut(classifier, test, test, CPU);

        Assert.Equal(new HeldOutError(3, 0, 2, 2), counts.ByClass["glasses"]);
        Assert.Equal(new HeldOutError(2, 2, 3, 0), counts.ByClass["hat"]);
        foreach (var (name, score) in new[] { ("glasses", 0.75), ("hat", 0.2) })
            Assert.All(
                counts.Scores[name].With.Concat(counts.Scores[name].Without),
                each => Assert.Equal(score, each, tolerance: 1e-6));
        Assert.Equal((3, 2), (counts.ForClass("glasses", 0.9)!.Missed, counts.ForClass("hat", 0.9)!.Missed));
        Assert.Equal((0, 2), (counts.ForClass("glasses", 0.9)!.FalseAlarms, counts.ForClass("glasses", 0.7)!.FalseAlarms));
        Assert.Equal((0, 3), (counts.ForClass("hat", 0.1)!.Missed, counts.ForClass("hat", 0.1)!.FalseAlarms));
    }

    // Of exclusive classes, a threshold can miss what is the likeliest, and find what is not.
    [Fact]
    public void HeldOut_SoftmaxClasses_AreCountedByTheirProbability()
    {
        using var classifier = Known(Math.Log(3), 0, ClassifierOutputs.Softmax);   // probabilities 3/4 and 1/4
        var test = new LabelledImages(
            _classes, ClassifierOutputs.Softmax, zeros([3, 1, 16, 16], uint8), tensor(new long[] { 0, 0, 1 }));

        var counts = ClassifierTraining.HeldOut(classifier, test, test, CPU);

        Assert.Equal(new HeldOutError(1, 1, 2, 0), counts.ByClass["hat"]);
        Assert.Equal((0, 2), (counts.ForClass("hat", 0.2)!.Missed, counts.ForClass("hat", 0.2)!.FalseAlarms));
        Assert.Equal((0, 1), (counts.ForClass("glasses", 0.7)!.Missed, counts.ForClass("glasses", 0.7)!.FalseAlarms));
        Assert.Equal((2, 0), (counts.ForClass("glasses", 0.8)!.Missed, counts.ForClass("glasses", 0.8)!.FalseAlarms));
    }

    [Fact]
    public void Save_HeldOutScores_AreReadBackAsTheyWere()
    {
        var counts = Saved();

        using var loaded = Load();

        Assert.Equal(["glasses", "hat"], loaded.HeldOut!.Scores.Keys);
        foreach (var name in _classes)
        {
            Assert.Equal(counts.Scores[name].With, loaded.HeldOut.Scores[name].With);
            Assert.Equal(counts.Scores[name].Without, loaded.HeldOut.Scores[name].Without);
        }

        Assert.NotEqual(counts.ForClass("hat", 0.9), counts.ForClass("hat", 0.1));
        Assert.Equal(counts.ForClass("hat", 0.9), loaded.HeldOut.ForClass("hat", 0.9));
    }

    // Files that older versions wrote, and those of `atu label`, keep counts alone.
    [Fact]
    public void Load_CountsWithoutScores_KnowNoThreshold()
    {
        var counts = Saved(keepsScores: false);

        using var loaded = Load();

        Assert.Null(SafetensorsFile.Read(CheckpointPath).Find(Scores));
        Assert.Equal(counts.ForClass("hat"), loaded.HeldOut!.ForClass("hat"));
        Assert.Null(loaded.HeldOut.ForClass("hat", 0.9));
    }

    // Under another name or meaning of an output its scores are those of something else.
    [Fact]
    public void Load_OtherClasses_KnowNoThreshold()
    {
        Saved();

        using var renamed = ClassifierCheckpoint.Load(CheckpointPath, sha256: null, ["hat", "glasses"], CPU);

        Assert.Null(renamed.HeldOut!.ForClass("hat", 0.9));
    }

    [Theory]
    [InlineData("descending", "its scores of the class 'glasses' are not numbers from 0 to 1 in ascending order")]
    [InlineData("nan", "its scores of the class 'hat' are not numbers from 0 to 1 in ascending order")]
    [InlineData("above", "its scores of the class 'hat' are not numbers from 0 to 1 in ascending order")]
    [InlineData("narrow", "it has the scores of 39 images, and its counts of the class 'glasses' are of")]
    [InlineData("rows", "its scores are Float32 [1, 40], and must be Float32 [2, images]")]
    [InlineData("type", "its scores are Float64 [2, 40], and must be Float32 [2, images]")]
    public void Load_DamagedScores_NamesFileAndRemedy(string damage, string expected)
    {
        Saved();
        var file = SafetensorsFile.Read(CheckpointPath);
        var tensors = file.Tensors.ToDictionary(stored => stored.Name, stored => stored.Load());
        var scores = tensors[Scores];
        tensors[Scores] = damage switch
        {
            "descending" => scores.flip(1),
            "nan" => With(float.NaN),
            "above" => With(1.5f),
            "narrow" => scores[.., ..39],
            "rows" => scores[..1],
            _ => scores.to(float64),
        };
        SafetensorsFile.Write(CheckpointPath, tensors, file.Metadata);

        var refused = Assert.Throws<CheckpointException>(Load);

        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
        Assert.Contains(CheckpointPath, refused.Message, StringComparison.Ordinal);
        Assert.Contains("make it again with `atu train-classifier`", refused.Message, StringComparison.Ordinal);

        Tensor With(float value)
        {
            var changed = scores.clone();
            changed[1, -1] = value;
            return changed;
        }
    }

    private LoadedClassifier Load() => ClassifierCheckpoint.Load(CheckpointPath, sha256: null, classes: null, CPU);

    private HeldOutCounts Saved(bool keepsScores = true)
    {
        using var classifier = Classifier(ClassifierOutputs.Sigmoid);
        manual_seed(9);
        var tests = ClassTest.Run(
            classifier, randn(40, 2), _classes.Select(name => (name, rand(40).lt(0.5))).ToList());
        var counts = new HeldOutCounts(tests.ToDictionary(each => each.Class, each => each.Error), new string('0', 64));
        if (keepsScores)
            counts = counts with { Scores = tests.ToDictionary(each => each.Class, each => each.Scores) };
        ClassifierCheckpoint.Save(CheckpointPath, classifier, counts);
        return counts;
    }

    private static FeatureClassifier Classifier(ClassifierOutputs outputs) =>
        ClassifierArchitectures.Build(StridedConvNet.Name, Small.Shape, _classes, outputs);

    private static FeatureClassifier Known(
        double glasses, double hat, ClassifierOutputs outputs = ClassifierOutputs.Sigmoid)
    {
        using var _ = no_grad();
        var classifier = Classifier(outputs);
        classifier.eval();
        var output = classifier.named_parameters().ToDictionary(named => named.name, named => named.parameter);
        output["output.weight"].zero_();
        output["output.bias"].copy_(tensor(new[] { glasses, hat }));
        return classifier;
    }
}
