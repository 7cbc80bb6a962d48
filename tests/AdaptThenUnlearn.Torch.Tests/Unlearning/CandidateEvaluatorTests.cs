using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Unlearning;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Unlearning;

/// <summary>How far a candidate misses the limits, as the annotators see it.</summary>
public sealed class CandidateEvaluatorTests
{
    // The smallest GAN makes about a quarter "banned" images to this classifier.
    [Theory]
    [InlineData(0.1, null)]
    [InlineData(null, 0.5)]
    [InlineData(0.05, 0.9)]
    public void Evaluate_FeatureAboveHalfItsLimit_MissesItByWhatTheUpperBoundIsAbove(double? maxRate, double? minUnlearned)
    {
        using var networks = Small.Gan();
        networks.Generator.eval();
        using var classifier = Small.Classifier();
        using var evaluator =
            new CandidateEvaluator(Policy(maxRate, minUnlearned), Small.Annotation(classifier), networks.Generator, CPU);

        var candidate = evaluator.Evaluate(networks.Generator, step: 7);

        // the original itself is judged
        var limit = Math.Min(maxRate ?? 1, minUnlearned is null ? 1 : (1 - minUnlearned.Value) * candidate.Rate);
        Assert.InRange(candidate.Rate, 0.1, 0.5);
        Assert.Equal(
            ClopperPearson.UpperBound((long)Math.Round(candidate.Rate * 200), 200, 0.9) - limit / 2,
            candidate.Excess,
            tolerance: 1e-9);
        Assert.Equal((7, 1.0), (candidate.Step, candidate.SmallestShareKept));
        Assert.Equal(Math.Sqrt(candidate.Rate * 200) / 200, candidate.ExcessError, tolerance: 1e-9);
    }

    [Fact]
    public void Evaluate_FeatureBelowHalfItsLimit_MissesNothing()
    {
        using var networks = Small.Gan();
        networks.Generator.eval();
        using var classifier = Small.Classifier();
        using var evaluator =
            new CandidateEvaluator(Policy(maxRate: 1, minUnlearned: null), Small.Annotation(classifier), networks.Generator, CPU);

        Assert.Equal(0, evaluator.Evaluate(networks.Generator, step: 1).Excess);
    }

    [Fact]
    public void Evaluate_StricterMargin_HoldsToASmallerPartOfTheLimit()
    {
        using var networks = Small.Gan();
        networks.Generator.eval();
        using var classifier = Small.Classifier();
        var policy = Policy(maxRate: 0.1, minUnlearned: null);
        using var usual = new CandidateEvaluator(policy, Small.Annotation(classifier), networks.Generator, CPU);
        using var strict = new CandidateEvaluator(
            policy with { Unlearning = policy.Unlearning with { CandidateMargin = 0.2 } },
            Small.Annotation(classifier),
            networks.Generator,
            CPU);

        Assert.Equal(
            0.3 * 0.1,
            strict.Evaluate(networks.Generator, step: 1).Excess - usual.Evaluate(networks.Generator, step: 1).Excess,
            tolerance: 1e-12);
    }

    // What is within its limit already has no share that it could be rid of.
    [Fact]
    public void Evaluate_FeatureThatIsNotViolated_IsHeldToItsRateAlone()
    {
        using var networks = Small.Gan();
        networks.Generator.eval();
        using var classifier = Small.Classifier();
        var annotation = new Annotation([Small.Annotation(classifier).Features[0] with { Violated = false }], cleanBelow: 0.5);
        using var evaluator = new CandidateEvaluator(Policy(maxRate: 1, minUnlearned: 0.99), annotation, networks.Generator, CPU);

        Assert.Equal(0, evaluator.Evaluate(networks.Generator, step: 1).Excess);
    }

    [Fact]
    public void Evaluate_MoreFeaturesThanImages_HasNoDistanceAndStillARate()
    {
        using var networks = Small.Gan();
        networks.Generator.eval();
        using var classifier = Small.Classifier();
        var policy = Policy(maxRate: 1, minUnlearned: null);
        using var evaluator = new CandidateEvaluator(
            policy with { Unlearning = policy.Unlearning with { CandidateSamples = 2 * classifier.FeatureSize } },
            Small.Annotation(classifier),
            networks.Generator,
            CPU);

        var candidate = evaluator.Evaluate(networks.Generator, step: 1);

        Assert.Null(candidate.FrechetDistance);
        Assert.InRange(candidate.Rate, 0.05, 0.6);
    }

    private static UnlearningPolicy Policy(double? maxRate, double? minUnlearned) => new(
        1, "judged", new GeneratorChoice("generator.safetensors", "auto", null, null), new Dictionary<string, ClassifierChoice>(),
        [new UndesiredFeature("ban", "annotator", null, "banned", maxRate, minUnlearned)], null, null, Quality: null,
        new EvaluationOptions(400, 400, 0.95, 0, 1), Small.Options with { CandidateSamples = 200 }, [], Report: null!);
}
