using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Unlearning;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Unlearning;

/// <summary>Classifiers that learn from the annotators within a run, and look at images beside them.</summary>
public sealed class AnnotatorStudentsTests : IDisposable
{
    private readonly GanPair _networks = Small.Gan();
    private readonly FeatureClassifier _annotator = Small.Classifier();

    public void Dispose()
    {
        _networks.Dispose();
        _annotator.Dispose();
    }

    [Fact]
    public void Train_AnnotatorOfSimpleClasses_StudentsAgreeAndAreTheSameEveryTime()
    {
        using var bright = new Brightness(value => value);
        using var first = Train(new StudentsOptions(2, Samples: 1000, Epochs: 6), bright);
        using var again = Train(new StudentsOptions(2, Samples: 1000, Epochs: 6), bright);
        using var other = Train(new StudentsOptions(2, Samples: 1000, Epochs: 6), bright, seed: 2);

        Assert.Equal(2, first.All.Count);
        Assert.All(first.All, student => Assert.InRange(student.Agreement, 0.8, 1));   // half is chance
        Assert.Equal(Weights(first), Weights(again));
        Assert.NotEqual(Weights(first), Weights(other));
        Assert.NotEqual(Weights(first.All[0]), Weights(first.All[1]));
        Assert.All(first.All, student => Assert.All(student.Network.parameters(), weight => Assert.False(weight.requires_grad)));
    }

    [Fact]
    public void Train_LabelsThatMayHoldTogether_StudentHasIndependentLabelsToo()
    {
        using var annotator = Small.LabelClassifier();
        using var students = Train(new StudentsOptions(1, Samples: 2000, Epochs: 8), annotator);

        var student = Assert.Single(students.All).Network;
        Assert.Equal(ClassifierOutputs.Sigmoid, student.Outputs);
        Assert.Equal(annotator.Classes, student.Classes);
        Assert.Equal(StridedConvNet.Name, student.Architecture);
    }

    [Fact]
    public void Train_SomeAnswersAreNotFinite_LearnsFromTheOthers()
    {
        using var bright = new Brightness(value => value.masked_fill(value.gt(value.quantile(tensor(0.75f))), double.NaN));
        using var broken = new Brightness(value => value.masked_fill(value.gt(value.quantile(tensor(0.25f))), double.NaN));

        using var students = Train(new StudentsOptions(1, Samples: 1000, Epochs: 6), bright);
        Assert.All(Assert.Single(students.All).Network.parameters(), weight => Assert.True(weight.isfinite().all().item<bool>()));
        var failed = Assert.Throws<FeedbackException>(() => Train(new StudentsOptions(1, Samples: 400, Epochs: 1), broken));
        Assert.Contains("unlearning.students", failed.Message, StringComparison.Ordinal);
    }

    // The commonest answer would agree as often.
    [Fact]
    public void Train_TooShortToLearnAnything_IsLeftOut()
    {
        using var students = Train(new StudentsOptions(3, Samples: 100, Epochs: 1), _annotator);

        Assert.Equal((0, 3), (students.All.Count, students.LeftOut));
    }

    [Fact]
    public void Train_Stopped_EndsBetweenTwoBatches()
    {
        using var stop = new CancellationTokenSource();
        stop.Cancel();

        Assert.Throws<OperationCanceledException>(() => AnnotatorStudents.Train(
            _networks.Generator, Small.Annotation(_annotator), new StudentsOptions(1), 1, CPU, new Small.Silent(), stop.Token));
    }

    [Fact]
    public void Label_WithStudents_ShowsWhatEitherSeesAndIsCleanWhereBothSaySo()
    {
        using var scope = NewDisposeScope();
        using var second = Small.Classifier(seed: 6);
        var alone = Small.Annotation(_annotator);
        var joined = Joined(alone, second, followsAnnotator: true);
        var images = _networks.Generator.Generate(randn(300, Small.Settings.LatentSize), noise: null);

        var (one, two, both) = (alone.Label(images), Small.Annotation(second).Label(images), joined.Label(images));

        Assert.NotEqual(Small.Bytes(one.Shows[0]), Small.Bytes(two.Shows[0]));
        Assert.Equal(Small.Bytes(one.Shows[0].logical_or(two.Shows[0])), Small.Bytes(Assert.Single(both.Shows)));
        Assert.Equal(Small.Bytes(one.Clean.logical_and(two.Clean)), Small.Bytes(both.Clean));
        Assert.Equal(
            Small.Bytes(maximum(one.UndesiredProbability, two.UndesiredProbability)), Small.Bytes(both.UndesiredProbability));
        Assert.Equal(Small.Bytes(one.Classes), Small.Bytes(both.Classes));   // shares are counted by the annotator alone
        Assert.Equal(0.25, joined.WithCleanBelow(0.25).CleanBelow);
        Assert.Equal(joined.Guides, joined.WithCleanBelow(0.25).Guides);
    }

    [Fact]
    public void Describe_WithStudents_BothGuideUnlessTheAnnotatorHasNoGradients()
    {
        using var scope = NewDisposeScope();
        using var second = Small.Classifier(seed: 6);
        var alone = Small.Annotation(_annotator);
        var images = _networks.Generator.Generate(randn(50, Small.Settings.LatentSize), noise: null);
        var both = Joined(alone, second, followsAnnotator: true);
        var studentAlone = Joined(alone, second, followsAnnotator: false);

        Assert.Equal([_annotator, second], both.Guides);
        Assert.Equal([second], studentAlone.Guides);
        Assert.Equal([_annotator], studentAlone.Annotators);
        Assert.True(((Absence(alone) + Absence(Small.Annotation(second))) / 2).allclose(Absence(both)));
        Assert.Equal(Small.Bytes(Absence(Small.Annotation(second))), Small.Bytes(Absence(studentAlone)));
        Assert.Equal(
            Small.Bytes(Small.Annotation(second).Describe(images).ShowsAny), Small.Bytes(studentAlone.Describe(images).ShowsAny));

        Tensor Absence(Annotation annotation) => annotation.AbsenceLogarithms(annotation.Describe(images));
    }

    // Where none has learned anything, the annotator says itself which images the Fréchet loss on the discriminator keeps.
    [Fact]
    public void WithStudents_NoneLearned_TheAnnotatorDescribesAlsoWithoutGradients()
    {
        using var deaf = new Brightness(value => value.detach());
        var annotation = Small.Annotation(deaf).WithStudents([], _ => false);
        using var feedback = FeedbackCollector.Collect(
            _networks.Generator, annotation, GivenImages.None, Small.Options, CPU, CancellationToken.None);
        var context = new UnlearningContext(
            _networks,
            Small.Options with
            {
                Steps = 12,   // the loss has its first transport after 10
                FrechetLoss = new(AnnotatorWeight: 0, DiscriminatorWeight: 1),
                Retention = new(Weight: 0),
                ClassBalance = Small.Options.ClassBalance with { Guidance = 0 },
            },
            annotation, feedback, new Small.Judge(_ => 1), new NoJournal(), new Small.Silent(), CPU);

        using var unlearned = UnlearningMethods.Named("adapt-then-unlearn").Run(context, CancellationToken.None);

        Assert.Equal([deaf], annotation.Guides);
        Assert.NotEqual(0, unlearned.Curve[^1].ImageLoss);
    }

    // Several features of one annotator share its students; another's has its own.
    [Fact]
    public void WithStudents_SeveralFeatures_EachHasTheRuleOfItsAnnotatorsStudents()
    {
        using var labels = Small.LabelClassifier();
        using var student = Small.LabelClassifier(seed: 6);
        using var other = Small.Classifier(seed: 7);
        var annotation = new Annotation(
            [
                new AnnotatedFeature("glasses", new FeatureRule(labels, "glasses", Threshold: 0.3)),
                new AnnotatedFeature("hat", new FeatureRule(labels, "hat", Threshold: null)),
                new AnnotatedFeature("banned", new FeatureRule(_annotator, "banned", Threshold: null)),
            ],
            cleanBelow: 0.5);

        var joined = annotation.WithStudents(
            [new AnnotatorStudent(labels, student, 1), new AnnotatorStudent(_annotator, other, 1)], _ => true);

        Assert.Equal(
            [("glasses", 0.3), ("hat", null), ("banned", null)],
            joined.Features.Select(feature => (feature.Students.Single().Class, feature.Students.Single().Threshold)));
        Assert.Equal([student, student, other], joined.Features.Select(feature => feature.Students.Single().Classifier));
        Assert.Equal([labels, student, _annotator, other], joined.Guides);
    }

    [Fact]
    public void GradientCheck_AnnotatorWithoutGradients_IsRefusedUnlessStudentsLearnFromIt()
    {
        using var deaf = new Brightness(value => value.detach());
        var annotation = Small.Annotation(deaf);
        var options = Small.Options with { Guidance = new(1) };

        Assert.False(GradientCheck.HasGradients(deaf, Small.Shape, options, CPU));
        Assert.True(GradientCheck.HasGradients(_annotator, Small.Shape, options, CPU));
        GradientCheck.RunOnFeatures(annotation, _networks.Discriminator, Small.Shape, options, CPU, _ => true);
        var failed = Assert.Throws<AdaptThenUnlearn.Torch.Measuring.PolicyMismatchException>(() => GradientCheck.RunOnFeatures(
            annotation, _networks.Discriminator, Small.Shape, options, CPU, _ => false));
        Assert.Contains("unlearning.students", failed.Message, StringComparison.Ordinal);
    }

    private static Annotation Joined(Annotation annotation, FeatureClassifier student, bool followsAnnotator) =>
        annotation.WithStudents([new AnnotatorStudent(annotation.FirstClassifier, student, 1)], _ => followsAnnotator);

    private AnnotatorStudents Train(StudentsOptions options, FeatureClassifier annotator, long seed = 1) =>
        AnnotatorStudents.Train(
            _networks.Generator, Small.Annotation(annotator), options, seed, CPU, new Small.Silent(), CancellationToken.None);

    private static byte[] Weights(AnnotatorStudents students) => [.. students.All.SelectMany(Weights)];

    private static byte[] Weights(AnnotatorStudent student) => [.. student.Network.parameters().SelectMany(Small.Bytes)];

    // Two classes: darker and brighter than the middle of this generator's images.
    private sealed class Brightness : FeatureClassifier
    {
        private readonly Func<Tensor, Tensor> _change;
        private readonly float _middle;

        public Brightness(Func<Tensor, Tensor> change) : base("brightness", Small.Shape, ["dark", "bright"])
        {
            _change = change;
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            using var networks = Small.Gan();
            _middle = networks.Generator.Generate(randn(200, Small.Settings.LatentSize), noise: null)
                .mean([1, 2, 3]).median().item<float>();
        }

        public override Device Device => CPU;

        public override int FeatureSize => 1;

        public override Tensor Features(Tensor images) => _change(images.mean([1, 2, 3]) - _middle).unsqueeze(1);

        public override Tensor Logits(Tensor features) => cat([-features, features], 1) * 100;
    }
}
