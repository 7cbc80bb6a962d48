using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Measurements;

/// <summary>What it costs to bring a feature back by training.</summary>
public sealed class RelearningCostTests
{
    [Theory]
    [InlineData(0.2, 50)]     // 10 of 100 is half of 20 %: reached exactly
    [InlineData(0.201, 200)]
    [InlineData(0.02, 10)]
    [InlineData(1, null)]
    public void Cost_IsTheSmallestMeasuredNumberOfStepsThatReachesTheHalf(double original, int? steps)
    {
        var cost = Assert.Single(RelearningCost.Of(
            Reading(Trained(200, 10, 40), Trained(10, 10, 2), Trained(50, 10, 10)), original));

        Assert.Equal(new RelearningCost(10, steps, 200), cost);
    }

    [Fact]
    public void Costs_AreForEachNumberOfImagesWithCleanOnesLast()
    {
        var costs = RelearningCost.Of(
            Reading(
                Trained(0, null, 49), Trained(10, null, 1), Trained(10, 10, 60), Trained(10, 1, 3), Trained(50, 1, 70),
                AttackVariant.NotMeasured("50 steps", "training diverged") with { TrainingSteps = 50, TrainingImages = 10 }),
            original: 1);

        Assert.Equal([new(1, 50, 50), new(10, 10, 10), new RelearningCost(null, null, 10)], costs);
        Assert.Equal(["50 steps", "10 steps", "not within 10 steps"], costs.Select(cost => cost.Words));
    }

    // Nothing was taught where the feature had never gone, even if training then drives it out.
    [Fact]
    public void Cost_OfAFeatureThatIsThereWithoutTraining_IsZero()
    {
        var costs = RelearningCost.Of(
            Reading(Trained(0, null, 50), Trained(10, 10, 0), Trained(50, 10, 100), Trained(10, null, 0)), original: 1);

        Assert.Equal([new(10, 0, 50), new RelearningCost(null, 0, 10)], costs);
        Assert.All(costs, cost => Assert.Equal("without training", cost.Words));
    }

    [Theory]
    [InlineData(50, 200, 10, 200, "5")]
    [InlineData(null, 200, 50, 200, "above 4")]
    [InlineData(10, 200, null, 200, "below 0.05")]
    [InlineData(null, 200, null, 200, null)]
    [InlineData(0, 200, 50, 200, "0")]
    [InlineData(0, 200, 0, 200, "1")]
    [InlineData(10, 200, 0, 200, null)]
    [InlineData(null, 200, 0, 200, null)]
    public void Ratio_ToAnotherGenerator_SaysWhatIsKnown(int? mine, int most, int? its, int itsMost, string? words) =>
        Assert.Equal(words, new RelearningCost(1, mine, most).RatioTo(new RelearningCost(1, its, itsMost)));

    [Fact]
    public void RateOf_IsThatWithoutTraining()
    {
        Assert.Equal(0.3, RelearningCost.RateOf(Reading(Trained(10, 1, 90), Trained(0, null, 30))));
        Assert.Null(RelearningCost.RateOf(Reading(Trained(0, null, 0))));
        Assert.Null(RelearningCost.RateOf(Reading(Trained(10, 1, 90))));
        Assert.Null(RelearningCost.RateOf(null));
    }

    [Fact]
    public void Pages_CompareTheCostWithTheRetrainedGenerators()
    {
        StudiedAttack Of(string generator, params AttackVariant[] variants) =>
            new(generator, "training", 1, Reading(variants), null);
        var study = new AttackStudy(
            1, "atu", "p", 1, 0.95, 100, 4, 4, 50, 10,
            [.. new[] { "before", "after", "retrained" }.Select(name => new StudiedGenerator(name, name, new string('a', 64)))],
            [
                Of("before", Trained(0, null, 40)), Of("after", Trained(10, 1, 25), Trained(10, null, 0)),
                Of("retrained", Trained(10, 1, 5), Trained(50, 1, 20), Trained(10, null, 0)),
            ]);

        var page = AttackReport.RenderMarkdown(study, showsPictures: false);

        Assert.Contains("at most 50 training steps, on at most 10 images of the feature", page, StringComparison.Ordinal);
        Assert.Contains("back at half of before (20 %)", page, StringComparison.Ordinal);
        var rows = page.Split('\n').Where(line => line.Contains("steps |", StringComparison.Ordinal))
            .Select(line => string.Join(
                '|', line.Split('|', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)));
        Assert.Equal(
            [
                "1 image of the feature|10 steps|50 steps|0.2",
                "clean images|not within 10 steps|not within 10 steps|–",
            ],
            rows);
        Assert.Contains("<td>0.2</td>", AttackReport.RenderHtml(study, _ => null), StringComparison.Ordinal);
    }

    private static AttackVariant Trained(int steps, int? images, int successes) => new(
        $"{steps} on {images}", successes, 100, TrainingSteps: steps, TrainingImages: images);

    private static AttackReading Reading(params IReadOnlyList<AttackVariant> variants) =>
        new("relearning", "digit-8", new string('a', 64), variants);
}
