using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Measuring;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Measuring;

/// <summary>A calibration judges with the very classifier and class that it was made for, and with no other.</summary>
public sealed class CalibratedClassifierTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-calibrated-").FullName;

    public CalibratedClassifierTests()
    {
        using var classifier = Small.Classifier(seed: 6);
        ClassifierCheckpoint.Save(At("auditor.safetensors"), classifier);
        ClassifierCheckpoint.Save(At("annotator.safetensors"), classifier);
    }

    private ClassifierCalibration Sample => new(
        1, "ban", "banned", 0.213, 0, new HeldOutError(12, 0, 40, 2), new HeldOutError(20, 1, 60, 3),
        Identity(AuditorCheckTests.Policy.Classifiers["auditor"]), new string('a', 64), new string('1', 64));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Load_Calibration_GivesTheThresholdOfItsClassifierAlone()
    {
        var sha256 = ClassifierCalibrationFile.Write(At("c.json"), Sample);
        var policy = Calibrated(choice => choice with { CalibrationSha256 = sha256 });
        using var classifiers = Load(policy);

        var feature = policy.UndesiredFeatures[0];
        Assert.Equal((0.213, null), (classifiers.Auditor(feature).Threshold, classifiers.Annotator(feature).Threshold));
        Assert.Equal(0.213, classifiers.Rule("auditor", "banned", 0.9).Threshold);
        Assert.Equal(0.9, classifiers.Rule("auditor", "plain", 0.9).Threshold);
        Assert.Null(classifiers.WhyNotCalibrated(feature));
        Assert.Equal(Sample.Classifier, classifiers.Identity("auditor"));
    }

    [Fact]
    public void Measure_CalibratedAuditor_CountsFromItsThresholdAndReportsItsErrors()
    {
        var sha256 = ClassifierCalibrationFile.Write(At("c.json"), Sample);
        var stricter = ClassifierCalibrationFile.Write(At("strict.json"), Sample with { Threshold = 0.9 });
        var (lenient, strict) = (Calibrated(), Calibrated(choice => choice with { Calibration = "strict.json" }));

        var reading = Measured(lenient);

        Assert.Equal(Sample.Counts(), reading.Detection);
        Assert.Equal(Sample.Used(sha256), reading.Calibration);
        Assert.Equal(stricter, Measured(strict).Calibration!.Sha256);
        Assert.True(reading.Looks[^1].Hits > Measured(strict).Looks[^1].Hits);

        // The same count as by a threshold of the policy's own.
        var own = AuditorCheckTests.Policy with
        {
            UndesiredFeatures = [AuditorCheckTests.Policy.UndesiredFeatures[0] with { Threshold = 0.213 }],
        };
        Assert.Equal(Measured(own).Looks[^1].Hits, reading.Looks[^1].Hits);
        Assert.Null(Measured(own).Calibration);
    }

    // Pictures of a folder may be easier than the generator's images: the worse of both counts corrects the rate.
    [Fact]
    public void Measure_PicturesThatShowTheFeatureToo_CountsTheWorse()
    {
        ClassifierCalibrationFile.Write(At("c.json"), Sample with { HeldOut = new HeldOutError(20, 20, 60, 3) });
        var policy = Calibrated();
        using var classifiers = Load(policy);
        using (var scope = NewDisposeScope())
        using (var networks = Small.Gan())
        {
            var images = networks.Generator.Generate(randn(200, networks.Generator.LatentSize), noise: null);
            var rule = classifiers.Auditor(policy.UndesiredFeatures[0]);
            var shown = images[rule.Shows(rule.Classifier.Logits(rule.Classifier.Features(images)))];
            classifiers.TestAuditor(policy.UndesiredFeatures[0], shown);
        }

        Assert.Equal(0, classifiers.Tried["ban"].Missed);
        var reading = Measured(policy, classifiers);
        Assert.Equal(20, reading.Detection!.Missed);
        Assert.NotNull(reading.NotMeasured ?? reading.WhyBlind);
    }

    public static TheoryData<string, string, string> Unusable => new()
    {
        { "another file of the classifier", "calibration", "is of another classifier" },
        { "other outputs", "calibration", "is of another classifier" },
        { "another class", "calibration", "is of the class 'plain', and a feature asks this classifier for 'banned'" },
        { "an edited threshold", "calibration", "its content does not have its own digest ('seal')" },
        { "a threshold of 1", "calibration", "its threshold must be above 0 and below 1" },
        { "a missing file", "calibration", "'c.json' cannot be used" },
        { "an empty file", "calibration", "'c.json' cannot be used" },
        { "a huge file", "calibration", "65536 are read at most" },
        { "another pin", "calibrationSha256", "pins 000" },
    };

    [Theory]
    [MemberData(nameof(Unusable))]
    public void Load_CalibrationThatDoesNotFit_IsRefusedAtItsProperty(string what, string property, string expected)
    {
        ClassifierCalibrationFile.Write(At("c.json"), what switch
        {
            "another class" => Sample with { Class = "plain" },
            "a threshold of 1" => Sample with { Threshold = 1 },
            _ => Sample,
        });
        switch (what)
        {
            case "another file of the classifier":
                using (var other = Small.Classifier(seed: 7))
                    ClassifierCheckpoint.Save(At("auditor.safetensors"), other);
                break;
            case "an edited threshold":
                File.WriteAllText(At("c.json"), File.ReadAllText(At("c.json")).Replace("0.213", "0.9", StringComparison.Ordinal));
                break;
            case "a missing file":
                File.Delete(At("c.json"));
                break;
            case "an empty file":
                File.WriteAllText(At("c.json"), "");
                break;
            case "a huge file":
                File.AppendAllText(At("c.json"), new string(' ', 70_000));
                break;
        }

        var refused = Assert.Throws<PolicyMismatchException>(() => Load(Calibrated(choice => what switch
        {
            "other outputs" => choice with { Outputs = "softmax" },
            "another pin" => choice with { CalibrationSha256 = new string('0', 64) },
            _ => choice,
        })));

        Assert.Equal($"$.classifiers.auditor.{property}", refused.JsonPath);
        Assert.Contains(expected, refused.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Compute_WhatChangesTheAnswers_ChangesTheIdentity()
    {
        var choice = new ClassifierChoice("auditor.safetensors", null, null);

        Assert.Equal(7, new[]
        {
            choice,
            choice with { Classes = ["a", "b"] },
            choice with { Classes = ["b", "a"] },
            choice with { Outputs = "sigmoid" },
            choice with { Preprocessing = new ImagePreprocessing(Resize: 32) },
            choice with { Architecture = "resnet18" },
            choice with { Output = "logits" },
        }.Select(Identity).Distinct().Count());
        Assert.Equal(Identity(choice), Identity(choice with
        {
            Sha256 = new string('a', 64),
            Calibration = "c.json",
            CalibrationSha256 = new string('b', 64),
        }));
    }

    // A classifier that nobody trained for its classes, such as an image-text model with prompts.
    [Theory]
    [InlineData("annotator")]
    [InlineData("auditor")]
    public void WhyNotCalibrated_ClassifierThatNeedsIt_IsNotMeasured(string name)
    {
        using var classifiers = new PolicyClassifiers(new[] { "annotator", "auditor" }.ToDictionary(
            each => each,
            each => new LoadedClassifier(each == name ? new Guess() : Small.Classifier(seed: 6), new string('0', 64))));

        Assert.StartsWith(
            $"'{name}' was not trained to tell 'banned', and nothing says from which score on it sees it and how often it misses "
                + $"it; choose its threshold with `atu label POLICY --calibrate {name}`",
            Measured(AuditorCheckTests.Policy, classifiers).NotMeasured, StringComparison.Ordinal);
    }

    private string At(string name) => Path.Combine(_folder, name);

    private string Identity(ClassifierChoice choice) =>
        ClassifierIdentity.Compute([CheckpointFile.Open(At("auditor.safetensors"))], choice);

    private static UnlearningPolicy Calibrated(Func<ClassifierChoice, ClassifierChoice>? edit = null)
    {
        var choice = AuditorCheckTests.Policy.Classifiers["auditor"] with { Calibration = "c.json" };
        return AuditorCheckTests.Policy with
        {
            Classifiers = new Dictionary<string, ClassifierChoice>(AuditorCheckTests.Policy.Classifiers)
            {
                ["auditor"] = edit?.Invoke(choice) ?? choice,
            },
        };
    }

    private PolicyClassifiers Load(UnlearningPolicy policy) =>
        PolicyClassifiers.Load(policy, At, path => CheckpointFile.Open(path), Small.Shape, CPU);

    private Measurements.FeatureReading Measured(UnlearningPolicy policy)
    {
        using var classifiers = Load(policy);
        return Measured(policy, classifiers);
    }

    private static Measurements.FeatureReading Measured(UnlearningPolicy policy, PolicyClassifiers classifiers)
    {
        using var scope = NewDisposeScope();
        using var networks = Small.Gan();
        return new GeneratorEvaluator(
            policy, classifiers, reference: null, EvaluationImages.FromOptions(policy.Evaluation, CPU))
            .Measure(networks.Generator, new string('a', 64), new Progress<long>(), CancellationToken.None, before: null)
            .Features[0];
    }

    private sealed class Guess() : FeatureClassifier("guess", Small.Shape, ["plain", "banned"])
    {
        public override bool NeedsCalibration => true;

        public override int FeatureSize => 2;

        public override Device Device => CPU;

        public override Tensor Features(Tensor images) => images.flatten(1).narrow(1, 0, 2).clone();

        public override Tensor Logits(Tensor features) => features.clone();
    }
}
