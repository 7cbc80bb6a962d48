using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Tests.Gating;

/// <summary>The gate's words where it could not measure, and its verdict exactly at a limit.</summary>
public sealed class GateReasonTests
{
    private const string OtherRange =
        "the network's raw output was measured, and the policy judges the clipped 8-bit pictures that users get: measure again";

    private const string MaxRate = "digit-8/maxRate";
    private const string MinUnlearned = "digit-8/minUnlearned";
    private const string MaxFrechetDistance = "quality/maxFrechetDistance";
    private const string MaxFrechetIncrease = "quality/maxFrechetIncrease";
    private const string MinShareKept = "quality/minShareKept/9";

    private static readonly ImageDiversity _oneImage = new(10000, 1, 0);

    public static TheoryData<string, string, string> Reasons => new()
    {
        { "no quality", MaxFrechetDistance, "no image quality was measured" },
        { "no quality", MaxFrechetIncrease, "no image quality was measured" },
        { "no quality before", MaxFrechetIncrease, "no image quality was measured" },
        { "the distance is infinite", MaxFrechetDistance, "the Fréchet distance is not a number" },
        { "the distance is below zero", MaxFrechetDistance, "the Fréchet distance is not a number" },
        { "the distance is infinite", MaxFrechetIncrease, "the Fréchet distance is not a positive number" },
        { "the distance was not measured", MaxFrechetDistance, "too few images" },
        { "the distance was not measured", MaxFrechetIncrease, "too few images" },
        { "the distance was not measured before", MaxFrechetIncrease, "too few images" },
        { "its bound is infinite", MaxFrechetDistance, "the measured value is not a number" },
        { "no class was counted before", "quality/minShareKept", "no retained class was counted" },
        { "the class is gone", MinShareKept, "the class was not counted on the same latents before and after" },
        { "the class was counted twice", MinShareKept, "the class was not counted on the same latents before and after" },
        { "more of the class than images", MinShareKept, "the class was not counted on the same latents before and after" },
        { "fewer of the class than none", MinShareKept, "the class was not counted on the same latents before and after" },
        { "the class was never shown", MinShareKept, "the original never showed this class in 10000 images" },
        { "the original itself", MinUnlearned, "the original was compared with itself" },
        { "other latents", MinUnlearned, "before and after were not both measured on the policy's latents" },
        { "other latents after", MinUnlearned, "before and after were not both measured on the policy's latents" },
        { "another truncation", MinUnlearned, "before and after were not both measured on the policy's latents" },
        { "other latents after", MaxFrechetDistance, "the images were not made from the policy's latents" },
        { "raw before", MinShareKept, OtherRange },
        { "raw after", MinShareKept, OtherRange },
        { "raw after", MaxRate, OtherRange },
        { "raw before, and one image before and after", MinShareKept, OtherRange },
        { "raw after, and one image before and after", MinShareKept, OtherRange },
        { "raw after, and one image before and after", MaxFrechetDistance, OtherRange },
        { "one image before", MinShareKept, "only 1 of 10000 images are different from each other" },
        { "one image after", MinShareKept, "only 1 of 10000 images are different from each other" },
        { "two images before and one after", MinShareKept, "only 2 of 10000 images are different from each other" },
        { "one image after", MaxFrechetDistance, "only 1 of 10000 images are different from each other" },
        { "another reference", MaxFrechetDistance, "the reference was another one than the policy's" },
        { "another extractor", MaxFrechetDistance, "the features are of 'annotator', not of the policy's extractor" },
        { "another number of images", MaxFrechetDistance, "another number of images was compared than the policy asks for" },
        { "the reading is of another class", MaxRate, "the images were not counted as this policy asks" },
        { "the reading is of another classifier", MaxRate, "the images were not counted as this policy asks" },
        { "the reading is of another feature", MaxRate, "the images were not counted as this policy asks" },
        { "the feature was read twice", MaxRate, "the images were not counted as this policy asks" },
        { "an impossible second look", MaxRate, "the images were not counted as this policy asks" },
        { "fewer hits than none", MaxRate, "the images were not counted as this policy asks" },
        { "the reading before is of another class", MinUnlearned, "the images were not counted as this policy asks" },
        { "the auditor cannot tell, before", MaxRate, "it is blind" },
        { "the auditor cannot tell, after", MinUnlearned, "it is blind" },
        { "one image before", MaxRate, "only 1 of 10000 images are different from each other" },
    };

    [Theory]
    [MemberData(nameof(Reasons))]
    public void Judge_WhatCouldNotBeMeasured_SaysWhy(string situation, string rule, string reason)
    {
        var (was, isNow) = (Records.Before, Records.After);
        var (before, after) = situation switch
        {
            "no quality" => (was, isNow with { Quality = null }),
            "no quality before" => (was with { Quality = null }, isNow),
            "the distance is infinite" => (was, WithDistance(isNow, double.PositiveInfinity)),
            "the distance is below zero" => (was, WithDistance(isNow, -1)),
            "the distance was not measured" => (was, Records.Measured("b", 20, null, 900)),
            "the distance was not measured before" => (Records.Measured("a", 1000, null, 1000), isNow),
            "its bound is infinite" =>
                (was, WithQuality(isNow, quality => quality with { Groups = Records.Groups(1e300, 1e299) })),
            "no class was counted before" => (was with { Shares = [] }, isNow),
            "the class is gone" => (was, isNow with { Shares = [] }),
            "the class was counted twice" => (was, isNow with { Shares = [.. isNow.Shares, isNow.Shares[1]] }),
            "more of the class than images" => (was, WithNines(isNow, 10001)),
            "fewer of the class than none" => (WithNines(was, -1), isNow),
            "the class was never shown" => (WithNines(was, 0), isNow),
            "the original itself" => (was, isNow with { GeneratorSha256 = was.GeneratorSha256 }),
            "other latents" => (was with { Seed = 21 }, isNow),
            "other latents after" => (was, isNow with { Seed = 21 }),
            "another truncation" => (was, isNow with { Truncation = 0.7 }),
            "raw before" => (Raw(was), isNow),
            "raw after" => (was, Raw(isNow)),
            "raw before, and one image before and after" => (OneImage(Raw(was)), OneImage(isNow)),
            "raw after, and one image before and after" => (OneImage(was), OneImage(Raw(isNow))),
            "one image before" => (OneImage(was), isNow),
            "one image after" => (was, OneImage(isNow)),
            "two images before and one after" => (was with { Diversity = _oneImage with { Distinct = 2 } }, OneImage(isNow)),
            "another reference" => (was, WithQuality(isNow, quality => quality with
            {
                ReferenceSha256 = QualityReading.OriginalReference(was.GeneratorSha256),
            })),
            "another extractor" => (was, WithQuality(isNow, quality => quality with { Extractor = "annotator" })),
            "another number of images" => (was, WithQuality(isNow, quality => quality with
            {
                Samples = 4000,
                Groups = quality.Groups! with { Sizes = [.. Enumerable.Repeat(200L, FrechetGroups.Count)] },
            })),
            "the reading is of another class" => (was, WithReading(isNow, reading => reading with { Class = "9" })),
            "the reading is of another classifier" => (was, WithReading(isNow, reading => reading with { Classifier = "other" })),
            "the reading is of another feature" => (was, WithReading(isNow, reading => reading with { Feature = "digit-9" })),
            "the feature was read twice" => (was, isNow with { Features = [isNow.Features[0], isNow.Features[0]] }),
            "an impossible second look" => (was, WithLooks(isNow, new Look(10000, 20), new Look(20000, 20001))),
            "fewer hits than none" => (was, WithLooks(isNow, new Look(10000, -1))),
            "the reading before is of another class" => (WithReading(was, reading => reading with { Class = "9" }), isNow),
            "the auditor cannot tell, before" => (Blind(was), isNow),
            "the auditor cannot tell, after" => (was, Blind(isNow)),
            _ => throw new ArgumentOutOfRangeException(nameof(situation), situation, "no such situation"),
        };

        var finding = Find(Gate.Judge(Records.Policy, before, after, Records.Today), rule);

        Assert.Equal(FindingState.NotMeasured, finding.State);
        Assert.StartsWith(reason, finding.Explanation, StringComparison.Ordinal);
        Assert.Null(finding.Observed);
    }

    [Fact]
    public void Judge_PicturesWhereThePolicyAsksForRawOutput_SaysSo()
    {
        var policy = Records.Policy with { Evaluation = Records.Policy.Evaluation with { Range = EvaluationOptions.Raw } };

        Assert.Equal(
            "8-bit pictures were measured, and the policy asks for the network's raw output (evaluation.range)",
            Find(Gate.Judge(policy, Records.Before, Records.After, Records.Today), MaxRate).Explanation);
    }

    [Fact]
    public void Judge_ListedClassThatWasNotCountedBefore_SaysSo()
    {
        var policy = PolicyReader.Read(
            Records.PolicyText,
            "policy.json",
            Records.Vocabulary,
            [PolicyOverride.Parse("""classifiers.auditor.classes=["7","8","9"]""")]).Policy!;

        Assert.Equal(
            "the class was not counted before",
            Find(Gate.Judge(policy, Records.Before, Records.After, Records.Today), "quality/minShareKept/7").Explanation);
    }

    // Readings of other features lie beside the one that a rule asks for.
    [Fact]
    public void Judge_ReadingsOfOtherFeatures_DoNotDisturb()
    {
        var other = Records.After.Features[0] with { Feature = "digit-9", Class = "9", Looks = [new Look(10000, 5000)] };
        var sameClass = other with { Feature = "an-eight", Class = "8" };

        var after = Records.After with { Features = [other, Records.After.Features[0], sameClass] };

        Assert.Equal(0.002, Find(Gate.Judge(Records.Policy, Records.Before, after, Records.Today), MaxRate).Observed);
    }

    [Fact]
    public void Judge_EveryImageShowsTheFeature_FailsAndIsMeasured()
    {
        var finding = Find(
            Gate.Judge(Records.Policy, Records.Before, WithLooks(Records.After, new Look(10000, 10000)), Records.Today), MaxRate);

        Assert.Equal((FindingState.Failed, 1.0), (finding.State, finding.Observed));
    }

    [Theory]
    [InlineData(10000, FindingState.Passed)]   // every image is of the class
    [InlineData(500, FindingState.Passed)]     // half of 1,000: exactly the limit
    [InlineData(499, FindingState.Failed)]
    [InlineData(0, FindingState.Failed)]
    public void Judge_ShareKeptAtItsLimit_IsKept(long nines, FindingState expected) =>
        Assert.Equal(expected, Find(Judge(WithNines(Records.After, nines)), MinShareKept).State);

    [Fact]
    public void Judge_BoundAtTheLimit_PassesAndAboveItFails()
    {
        var bound = FrechetBound.ForDistance(36, Records.Groups(36), Records.Policy.Evaluation.Confidence);

        Assert.Equal(FindingState.Passed, Find(Judge(bound), MaxFrechetDistance).State);
        Assert.Equal(FindingState.Failed, Find(Judge(Math.BitDecrement(bound)), MaxFrechetDistance).State);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Judge_LimitThatIsNotANumber_CountsAsNotMeasured(double limit) =>
        Assert.Equal(FindingState.NotMeasured, Find(Judge(limit), MaxFrechetDistance).State);

    [Fact]
    public void Judge_DistanceOfZero_IsMeasured()
    {
        var after = WithQuality(
            WithDistance(Records.After, 0), quality => quality with { Groups = Records.Groups(0, step: 0) });

        var (distance, increase) = (Find(Judge(after), MaxFrechetDistance), Find(Judge(after), MaxFrechetIncrease));
        Assert.Equal((FindingState.Passed, 0.0), (distance.State, distance.Judged));
        Assert.Equal((FindingState.Passed, -1.0), (increase.State, increase.Observed));
    }

    [Fact]
    public void Judge_NothingTrainedAndNoClassCounted_StillTellsOfTheRule()
    {
        var only = Records.Measured("a", 5, 30, 1000) with { Shares = [] };

        var finding = Find(Gate.Judge(Records.Policy, only, null, Records.Today), "quality/minShareKept");

        Assert.Equal(FindingState.NotApplicable, finding.State);
        Assert.Equal("nothing was trained: the generator is the one that was measured", finding.Explanation);
    }

    [Fact]
    public void Judge_ClassesOfOtherClassifiersAndUndesiredOnes_HaveNoFinding()
    {
        ClassShare[] others =
        [
            new("annotator", "7", Undesired: false, 1000, 10000),
            new("auditor", "8", Undesired: true, 9, 10000),
        ];
        var before = Records.Before with { Shares = [Records.Before.Shares[1], .. others] };

        var verdict = Gate.Judge(Records.Policy, before, Records.After, Records.Today);

        Assert.Equal(
            [MinShareKept],
            verdict.Findings
                .Select(finding => finding.Rule.ToString())
                .Where(rule => rule.Contains("minShareKept", StringComparison.Ordinal)));
    }

    [Fact]
    public void Judge_AnyRun_RecordsItsOutcome() =>
        Assert.Equal(
            (Outcome.Failed, Outcome.Passed), (Judge(WithNines(Records.After, 0)).Recorded, Judge(Records.After).Recorded));

    [Fact]
    public void ViolatedFeatures_FeatureWithoutLimits_IsNone()
    {
        var feature = Records.Policy.UndesiredFeatures[0] with { MaxRate = null, MinUnlearned = null };

        Assert.Empty(Gate.ViolatedFeatures(Records.Policy with { UndesiredFeatures = [feature] }, Records.Before, today: null));
    }

    [Fact]
    public void IsMeaningless_OneReadingOfTwo_IsTrue()
    {
        var blind = Records.Before.Features[0] with { Feature = "hat", NotMeasured = "it is blind" };

        Assert.True(Gate.IsMeaningless(Records.Before with { Features = [Records.Before.Features[0], blind] }));
        Assert.True(Gate.IsMeaningless(OneImage(Records.Before)));
        Assert.False(Gate.IsMeaningless(Records.Before));
        Assert.False(Gate.IsMeaningless(Records.Before with { Features = [] }));
    }

    private static Measurement WithQuality(Measurement measured, Func<QualityReading, QualityReading> change) =>
        measured with { Quality = change(measured.Quality!) };

    private static Measurement WithDistance(Measurement measured, double distance) => WithQuality(
        measured, quality => quality.With(new MetricValue(RecordedMetrics.FrechetDistance, distance)));

    private static Measurement WithReading(Measurement measured, Func<FeatureReading, FeatureReading> change) =>
        measured with { Features = [change(measured.Features[0])] };

    private static Measurement Blind(Measurement measured) =>
        WithReading(measured, reading => reading with { NotMeasured = "it is blind" });

    private static Measurement WithLooks(Measurement measured, params Look[] looks) =>
        WithReading(measured, reading => reading with { Looks = looks });

    private static Measurement WithNines(Measurement measured, long hits) =>
        measured with { Shares = [measured.Shares[0], measured.Shares[1] with { Hits = hits }] };

    private static Measurement Raw(Measurement measured) => measured with { Range = EvaluationOptions.Raw };

    private static Measurement OneImage(Measurement measured) => measured with { Diversity = _oneImage };

    private static Verdict Judge(Measurement after) => Gate.Judge(Records.Policy, Records.Before, after, Records.Today);

    private static Verdict Judge(double maxFrechetDistance) => Gate.Judge(
        Records.Policy with { Quality = Records.Policy.Quality! with { MaxFrechetDistance = maxFrechetDistance } },
        Records.Before,
        Records.After,
        Records.Today);

    private static Finding Find(Verdict verdict, string rule) =>
        verdict.Findings.Single(finding => finding.Rule.ToString() == rule);
}
