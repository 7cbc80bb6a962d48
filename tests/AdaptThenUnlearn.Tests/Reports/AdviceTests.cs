using System.Text.Json;
using System.Xml.Linq;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;

namespace AdaptThenUnlearn.Tests.Reports;

/// <summary>What can be done about a rule: it follows from the numbers, and every report says the same.</summary>
public sealed class AdviceTests
{
    private const string Distance = "quality/maxFrechetDistance";

    [Fact]
    public void For_ImagesThatCameNearer_DoesNotSayThatTheyBecameWorse()
    {
        var advice = For(Records.Measured("a", 1000, 90, 1000), Records.Measured("b", 20, 60, 900), Distance);

        Assert.Contains("came nearer to the reference (90 before, 60 after)", advice, StringComparison.Ordinal);
        Assert.DoesNotContain("worse", advice, StringComparison.Ordinal);
    }

    [Fact]
    public void For_ImagesThatBecameWorse_SaysSoWithBothNumbers() =>
        Assert.StartsWith(
            $"{Distance}: the images became worse (30 before, 60 after); raise unlearning.retention.weight",
            For(Records.Before, Records.Measured("b", 20, 60, 900), Distance), StringComparison.Ordinal);

    // Few images have a distance anyway; the growth that is judged is without it, and may be another than that of the bare
    // numbers.
    [Fact]
    public void For_GrowthBeyondTheLimit_SaysTheGrowthThatWasJudged()
    {
        var finding =
            new Finding(RuleName.Parse("quality/maxFrechetIncrease"), FindingState.Failed, 0.8, 0.9, "≤", 0.5, "", null);

        var advice = Advice.For(Records.Policy, Records.Before, Records.Measured("b", 20, 29, 900), finding)!.Text;

        Assert.StartsWith(
            "quality/maxFrechetIncrease: the images became worse (by 80 %); raise", advice, StringComparison.Ordinal);
    }

    [Fact]
    public void For_ImagesThatWereBeyondTheLimitAlreadyAndBecameWorse_SaysBoth()
    {
        var advice = For(Records.Measured("a", 1000, 50, 1000), Records.Measured("b", 20, 60, 900), Distance);

        Assert.Contains(
            "beyond the limit already, and its images became worse (50 before, 60 after)", advice, StringComparison.Ordinal);
    }

    // What a distance is, no forgetting makes smaller, whether the feature has to be forgotten or not.
    [Theory]
    [InlineData(20)]
    [InlineData(1000)]
    public void For_DistanceWhereNothingWasTrained_DoesNotAdviseToTrain(long hits)
    {
        var advice = For(Records.Measured("a", hits, 90, 1000), after: null, Distance);

        Assert.Contains("this is the generator as it is", advice, StringComparison.Ordinal);
        Assert.DoesNotContain("--no-train", advice, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("digit-8/maxRate")]
    [InlineData("digit-8/minUnlearned")]
    public void For_FeatureWhereNothingWasTrained_AdvisesToTrain(string rule) =>
        Assert.Equal(
            $"{rule}: nothing was trained in this run; atu govern POLICY without --no-train makes the generator forget it.",
            For(Records.Before, after: null, rule));

    [Fact]
    public void For_RateThatFell_SaysHowFarAndToGoOn() =>
        Assert.StartsWith(
            "digit-8/maxRate: it fell (10 % before, 4 % after), and that is not enough; unlearn longer (unlearning.steps, or "
                + "unlearning.preset thorough)",
            For(Records.Before, Records.Measured("b", 400, 36, 900), "digit-8/maxRate"), StringComparison.Ordinal);

    [Theory]
    [InlineData("digit-8/maxRate")]
    [InlineData("digit-8/minUnlearned")]
    public void For_RateThatRose_DoesNotSayToGoOn(string rule)
    {
        var advice = For(Records.Before, Records.Measured("b", 1200, 36, 900), rule);

        Assert.StartsWith($"{rule}: it did not become rarer (10 % before, 12 % after)", advice, StringComparison.Ordinal);
        Assert.DoesNotContain("longer", advice, StringComparison.Ordinal);
    }

    [Fact]
    public void For_FeatureThatWasWithinItsLimitBefore_SaysWhatMadeItMoreFrequent() =>
        Assert.Contains(
            "was within its limit before, and unlearning the other features made it more frequent (0.2 % before, 2 % after)",
            For(Records.Measured("a", 20, 30, 1000), Records.Measured("b", 200, 36, 900), "digit-8/maxRate"),
            StringComparison.Ordinal);

    [Fact]
    public void For_RateWithinTheLimitAndItsBoundIsNot_AsksForMoreImages() =>
        Assert.Contains(
            "more images narrow the bound (evaluation.maxSamples, now 50000).",
            For(Records.Before, Records.Measured("b", 90, 36, 900), "digit-8/maxRate"),
            StringComparison.Ordinal);

    [Fact]
    public void For_LimitThatNoSampleProves_SaysThatNoneDoes()
    {
        var policy = Records.Policy with { UndesiredFeatures = [Records.Policy.UndesiredFeatures[0] with { MaxRate = 0.00001 }] };
        var after = Records.Measured("b", 0, 36, 900) with
        {
            Features = [new FeatureReading("digit-8", "auditor", "8", [new Look(10000, 0)], null, null)]
        };

        var advice = For(Records.Before, after, "digit-8/maxRate", policy);

        Assert.Contains("no sample of this size proves the limit", advice, StringComparison.Ordinal);
    }

    [Fact]
    public void For_RateWithinTheAuditorsNoise_DoesNotSayToUnlearnLonger()
    {
        var after = Records.Measured("b", 400, 36, 900);
        Measurement WithFloor(double floor) => after with { Features = [after.Features[0] with { NoiseFloor = floor }] };

        Assert.Contains(
            "the auditor sees the class in 5 % of real images",
            For(Records.Before, WithFloor(0.05), "digit-8/maxRate"),
            StringComparison.Ordinal);
        // It shows more than the auditor errs.
        Assert.Contains("unlearn longer", For(Records.Before, WithFloor(0.02), "digit-8/maxRate"), StringComparison.Ordinal);
    }

    // A feature may be called like the section of the images' quality.
    [Fact]
    public void For_FeatureCalledQuality_IsCounselledAsAFeature()
    {
        FeatureReading[] Named(Measurement measured) => [measured.Features[0] with { Feature = "quality" }];
        var policy = Records.Policy with { UndesiredFeatures = [Records.Policy.UndesiredFeatures[0] with { Name = "quality" }] };
        var (before, after) = (Records.Before, Records.Measured("b", 400, 36, 900));

        var advice =
            For(before with { Features = Named(before) }, after with { Features = Named(after) }, "quality/minUnlearned", policy);

        Assert.StartsWith("quality/minUnlearned: it fell (10 % before, 4 % after)", advice, StringComparison.Ordinal);
    }

    [Fact]
    public void For_RuleThatIsMetOrDoesNotApply_IsNone() => Assert.All(
        Records.Named("untrained").Verdict.Findings,
        finding => Assert.Null(Advice.For(Records.Policy, Records.Before, after: null, finding)));

    [Theory]
    [InlineData("failed")]
    [InlineData("unmeasured")]
    [InlineData("waived")]
    [InlineData("waived-untrained")]
    public void Render_EveryReport_GivesTheSameCounsel(string run)
    {
        var record = Records.Named(run);
        var (html, markdown) = (new HtmlReport().Render(record), new MarkdownReport().Render(record));
        using var sarif = JsonDocument.Parse(new SarifReport().Render(record));
        var junit = XDocument.Parse(new JUnitReport().Render(record))
            .Descendants("testcase")
            .ToDictionary(test => test.Attribute("name")!.Value);
        var rules = sarif.RootElement.GetProperty("runs")[0]
            .GetProperty("tool")
            .GetProperty("driver")
            .GetProperty("rules")
            .EnumerateArray()
            .ToDictionary(rule => rule.GetProperty("id").GetString()!);

        foreach (var finding in record.Verdict.Findings)
        {
            if (Advice.For(record.Policy, record.Before, record.After, finding) is not { } advice)
                continue;

            Assert.Contains(HtmlText.RenderPhrases(advice.Phrases), html, StringComparison.Ordinal);
            Assert.Contains(MarkdownText.RenderPhrases(advice.Phrases), markdown, StringComparison.Ordinal);
            Assert.EndsWith(
                advice.Text,
                rules[finding.Rule.ToString()].GetProperty("help").GetProperty("text").GetString(),
                StringComparison.Ordinal);
            if (finding.StopsRelease)
                Assert.EndsWith(advice.Text, junit[finding.Rule.ToString()].Elements().First().Value, StringComparison.Ordinal);
        }
    }

    private static string For(Measurement before, Measurement? after, string rule, UnlearningPolicy? policy = null)
    {
        policy ??= Records.Policy;
        var finding = Gate.Judge(policy, before, after, Records.Today).Findings
            .Single(finding => finding.Rule.ToString() == rule);
        return Advice.For(policy, before, after, finding)!.Text;
    }
}
