using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Governing;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using AdaptThenUnlearn.Torch.Unlearning;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Unlearning;

/// <summary>
/// What training methods have in common on the smallest GAN: the best candidate is kept, and an interrupted run gives the same
/// bytes.
/// </summary>
public sealed class MethodTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-methods-").FullName;
    private readonly GanPair _networks = Small.Gan();
    private readonly AdaptThenUnlearn.Torch.Features.FeatureClassifier _classifier = Small.Classifier();

    public void Dispose()
    {
        _networks.Dispose();
        _classifier.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(6)]
    public void Run_BestCandidate_IsKeptAndNotTheLast(int best)
    {
        using var feedback = Feedback();
        var judge = new Small.Judge(step => step == best ? 1 : 10);

        using var unlearned = UnlearningMethods
            .Named("adapt-then-unlearn")
            .Run(Context(feedback) with { Evaluator = judge }, CancellationToken.None);

        Assert.Equal(best, unlearned.SelectedStep);
        Assert.Equal([2, 4, 6], unlearned.Candidates.Select(candidate => candidate.Step));
    }

    [Theory]
    [InlineData(2)]   // within adaptation
    [InlineData(4)]   // between two candidates of unlearning
    [InlineData(8)]
    public void Run_InterruptedAnywhereAndResumed_GivesTheSameBytes(int afterSteps)
    {
        var options = Small.Options;
        AssertResumes(options, afterSteps);
        AssertResumes(
            options with
            {
                Steps = 26,
                FrechetLoss = new(),
                Guidance = new(2, Rate: 0.5),
                ClassBalance = options.ClassBalance with { Guidance = 3 },
                SharedImages = true,
            },
            afterSteps + 12);
    }

    [Fact]
    public void Run_SharedImages_TrainAnotherGenerator()
    {
        var apart = Trained(Small.Options);

        Assert.NotEqual(apart, Trained(Small.Options with { SharedImages = true }));
        Assert.Equal(apart, Trained(Small.Options with { SharedImages = false }));
    }

    private void AssertResumes(AdaptThenUnlearn.Policies.UnlearningOptions options, int afterSteps)
    {
        byte[] whole;
        using (var feedback = Feedback())
        using (var unlearned = UnlearningMethods
            .Named("adapt-then-unlearn")
            .Run(Context(feedback) with { Options = options }, CancellationToken.None))
            whole = Weights(unlearned.Networks);

        using (var feedback = Feedback())
        using (var stop = new CancellationTokenSource())
        {
            var interrupted = Context(feedback) with
            {
                Options = options,
                Journal = new FolderJournal(_folder, "f", resume: false),
                Progress = new Small.StopAfter(afterSteps, stop)
            };
            Assert.Throws<OperationCanceledException>(
                () => UnlearningMethods.Named("adapt-then-unlearn").Run(interrupted, stop.Token));
        }

        using (var feedback = Feedback())
        using (var resumed = UnlearningMethods
            .Named("adapt-then-unlearn")
            .Run(
                Context(feedback) with { Options = options, Journal = new FolderJournal(_folder, "f", resume: true) },
                CancellationToken.None))
            Assert.Equal(whole, Weights(resumed.Networks));
    }

    // The weight fades in recovery alone: a run without recovery is the same with and without it.
    [Theory]
    [InlineData(2, false)]
    [InlineData(0, true)]
    public void Run_FadingNegatives_TrainAnotherGeneratorWhereThereIsRecovery(int recoverySteps, bool isSame)
    {
        var options = Small.Options with { RecoverySteps = recoverySteps, CandidateEvery = 1000 };
        var fading = options with { NegativesAsFakes = options.NegativesAsFakes with { Fades = true } };

        Assert.Equal(isSame, Trained(options).SequenceEqual(Trained(fading)));
    }

    // Features are anchored also where pixels are not, and a weight of 0 is none.
    [Fact]
    public void Run_AnchoredFeatures_TrainAnotherGenerator()
    {
        var options = Small.Options with { Retention = new(Weight: 0) };

        Assert.Equal(Trained(options), Trained(options with { Retention = new(Weight: 0, FeatureWeight: 0) }));
        Assert.NotEqual(Trained(options), Trained(options with { Retention = new(Weight: 0, FeatureWeight: 2) }));
    }

    [Fact]
    public void Run_FrechetLossAndGuidance_TrainAnotherGeneratorOnlyWhereTheyAreOn()
    {
        var options = Small.Options;
        var without = Trained(options);

        Assert.Equal(without, Trained(options with { FrechetLoss = new(0, 0), Guidance = new(0) }));
        Assert.NotEqual(without, Trained(options with { FrechetLoss = new() }));
        Assert.NotEqual(without, Trained(options with { Guidance = new(2) }));
        Assert.Equal(Trained(options with { FrechetLoss = new() }), Trained(options with { FrechetLoss = new() }));
    }

    private byte[] Trained(AdaptThenUnlearn.Policies.UnlearningOptions options)
    {
        using var feedback = Feedback();
        using var unlearned = UnlearningMethods
            .Named("adapt-then-unlearn")
            .Run(Context(feedback) with { Options = options }, CancellationToken.None);
        return Weights(unlearned.Networks);
    }

    // As with preset paper: the last step's is the only candidate, and hours without one are not lost.
    [Fact]
    public void Run_NoCandidateBeforeTheLast_KeepsThatAndGoesOnFromInBetween()
    {
        var (options, progress) =
            (Small.Options with { Method = "fine-tune", Steps = 203, CandidateEvery = 1000 }, new Small.Silent());

        using (var feedback = Feedback())
        using (var stop = new CancellationTokenSource())
        {
            var interrupted = Context(feedback) with
            {
                Options = options,
                Journal = new FolderJournal(_folder, "f", resume: false),
                Progress = new Small.StopAfter(202, stop)
            };
            Assert.Throws<OperationCanceledException>(() => UnlearningMethods.Named("fine-tune").Run(interrupted, stop.Token));
        }

        using (var feedback = Feedback())
        using (var unlearned = UnlearningMethods.Named("fine-tune").Run(Context(feedback) with
        {
            Options = options,
            Journal = new FolderJournal(_folder, "f", resume: true),
            Progress = progress
        }, CancellationToken.None))
            Assert.Equal(203, Assert.Single(unlearned.Candidates).Step);
        Assert.Equal(201, progress.Reported[0].Step);
    }

    [Fact]
    public void Journal_GoneOnWith_CountsWhatEarlierProcessesSpent()
    {
        using var some = zeros(3);
        var state = new StageState(1, new Dictionary<string, Tensor> { ["x"] = some }, new Dictionary<string, double>());
        var first = new FolderJournal(_folder, "f", resume: true);
        Thread.Sleep(50);
        first.Save("stage", state);

        var second = new FolderJournal(_folder, "f", resume: true);
        second.Load("stage")!.Vectors["x"].Dispose();
        var spent = second.TimeBeforeResume.Seconds;
        Thread.Sleep(50);
        second.Save("stage", state);
        var third = new FolderJournal(_folder, "f", resume: true);
        third.Load("stage")!.Vectors["x"].Dispose();

        Assert.True(spent >= 0.05, $"{spent} s");
        Assert.True(third.TimeBeforeResume.Seconds >= spent + 0.05, $"{third.TimeBeforeResume.Seconds} s after {spent} s");
        Assert.True(third.TimeBeforeResume.ProcessorSeconds >= second.TimeBeforeResume.ProcessorSeconds);
        Assert.Equal(0, first.TimeBeforeResume.Seconds);
    }

    [Fact]
    public void Journal_OfAnotherRun_IsRefused()
    {
        using var some = zeros(3);
        new FolderJournal(_folder, "one", resume: false)
            .Save("stage", new StageState(1, new Dictionary<string, Tensor> { ["x"] = some }, new Dictionary<string, double>()));

        var failed = Assert.Throws<AdaptThenUnlearn.Torch.Checkpoints.Tensors.CheckpointException>(
            () => new FolderJournal(_folder, "two", resume: true).Load("stage"));

        Assert.Contains("--resume", failed.Message, StringComparison.Ordinal);
        Assert.Null(new FolderJournal(_folder, "one", resume: false).Load("stage"));
    }

    [Fact]
    public void Journal_OfAnotherRunWhereThoseAreStale_IsPassedOver()
    {
        using var some = zeros(3);
        new FolderJournal(_folder, "one", resume: false)
            .Save("stage", new StageState(1, new Dictionary<string, Tensor> { ["x"] = some }, new Dictionary<string, double>()));

        Assert.Null(new FolderJournal(_folder, "two", resume: true, discardOtherRuns: true).Load("stage"));
        Assert.Equal(1, new FolderJournal(_folder, "one", resume: true, discardOtherRuns: true).Load("stage")!.Step);
    }

    [Fact]
    public void RetentionTerm_ImagesWhoseOriginalIsNegative_AreNotHeld()
    {
        using var scope = NewDisposeScope();
        using var source = new RandomStreams(1, "retention").At("latents");
        var draw = LatentDraw.Sample(_networks.Generator, 64, source, CPU);
        var original = draw.Images(_networks.Generator).detach();
        var clean = Small.Annotation(_classifier).Label(original).Clean;
        var images = (original + 0.5).requires_grad_();

        var term = new RetentionTerm(_networks.Generator, Small.Annotation(_classifier), weight: 3);
        var target = term.Target(draw);

        var loss = term.Loss(target, images, target.Weights.sum());
        loss.backward();

        var held = images.grad!.abs().amax([1, 2, 3]).gt(0);
        Assert.InRange(clean.sum().item<long>(), 1, 63);
        Assert.True(held.eq(clean).all().item<bool>());
        Assert.Equal(3 * 0.25, loss.item<float>(), tolerance: 1e-5);   // weight · 0.5², mean over the clean ones
    }

    [Fact]
    public void RetentionTerm_Features_AreComparedInUnitsOfTheirVariance()
    {
        using var scope = NewDisposeScope();
        using var source = new RandomStreams(1, "retention").At("latents");
        using var feedback = Feedback();
        var draw = LatentDraw.Sample(_networks.Generator, 64, source, CPU);
        var annotation = Small.Annotation(_classifier);
        var features = RetainedFeatures.Measure(annotation, feedback.Positives, weight: 2);
        var term = new RetentionTerm(_networks.Generator, annotation, weight: 0, features);
        var target = term.Target(draw);
        var images = (target.Images * 0.5).detach().requires_grad_();

        var loss = term.Loss(target, images, target.Weights.sum());
        loss.backward();

        // By hand: the mean over clean images and features of the squared difference, over the variance among the positives.
        var variance = _classifier.Features(feedback.Positives.Rows(arange(Math.Min(feedback.Positives.Count, 512))).clamp(-1, 1))
            .var(0, unbiased: false).mean();
        var squared = (_classifier.Features(images.clamp(-1, 1)) - _classifier.Features(target.Images.clamp(-1, 1)))
            .square().mean([1]);
        var expected = 2 * (squared * target.Weights).sum() / target.Weights.sum() / variance;
        Assert.Equal(expected.item<float>(), loss.item<float>(), 1e-4 * expected.item<float>());
        Assert.True(expected.item<float>() > 0);
        Assert.True(images.grad!.abs().amax([1, 2, 3]).gt(0).eq(target.Weights.gt(0)).all().item<bool>());
        Assert.Equal(0, term.Loss(target, target.Images, target.Weights.sum()).item<float>());
    }

    [Fact]
    public void Candidate_BetterThan_LimitsFirstThenDistance()
    {
        var passing = new Candidate(1, 0.01, Excess: 0, FrechetDistance: 30, 0.9);

        Assert.True(passing.IsBetterThan(null));
        Assert.True(passing.IsBetterThan(passing with { Excess = 0.01, FrechetDistance = 1 }));
        Assert.True((passing with { FrechetDistance = 20 }).IsBetterThan(passing));
        Assert.False((passing with { FrechetDistance = 25 }).IsBetterThan(passing));   // within a quarter
        Assert.True((passing with { FrechetDistance = 37, Step = 2 }).IsBetterThan(passing));
        Assert.False((passing with { FrechetDistance = 38, Step = 2 }).IsBetterThan(passing));
        Assert.False((passing with { FrechetDistance = null }).IsBetterThan(passing));
        var unknown = passing with { FrechetDistance = null };
        Assert.True((unknown with { Step = unknown.Step + 1 }).IsBetterThan(unknown));   // recovery has mended what it could
        Assert.False(unknown.IsBetterThan(unknown with { Step = unknown.Step + 1 }));
        Assert.False(passing.IsBetterThan(passing));
    }

    // By hand, for 2,000 images: the counts 3 and 4 differ by 1 and their difference's error is √7, 8 and 3 by 5 and √11.
    [Theory]
    [InlineData(4, 3, true)]
    [InlineData(8, 3, false)]
    [InlineData(3, 8, true)]
    public void Candidate_RatesWithinTheirError_AreAlikeAndAClearDistanceDecides(int hits, int others, bool isBetter)
    {
        Candidate Counted(int count, double distance) =>
            new(1, count / 2000.0, Excess: count / 2000.0, distance, 0.9) { ExcessError = Math.Sqrt(count) / 2000 };

        Assert.Equal(isBetter, Counted(hits, distance: 20).IsBetterThan(Counted(others, distance: 30)));
    }

    private Feedback Feedback() => Small.Feedback(_networks, _classifier, CPU);

    private UnlearningContext Context(Feedback feedback) => Small.Context(_networks, _classifier, feedback, CPU);

    private static byte[] Weights(GanPair networks) =>
        [.. networks.Generator.parameters().Concat(networks.Discriminator.parameters()).SelectMany(Small.Bytes)];
}
