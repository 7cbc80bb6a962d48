using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Tests.Gating;

/// <summary>The gate: what passes, what fails, and that what nobody knows never passes.</summary>
public sealed class GateTests
{
    [Fact]
    public void Judge_EveryLimitMet_Passes()
    {
        var verdict = Judge();

        Assert.True(verdict.Passed);
        Assert.Equal(
            [
                "digit-8/maxRate",
                "digit-8/minUnlearned",
                "quality/maxFrechetDistance",
                "quality/maxFrechetIncrease",
                "quality/minShareKept/9"
            ],
            verdict.Findings.Select(finding => finding.Rule.ToString()));
        Assert.Empty(verdict.Warnings);
    }

    // Also records from before the range was recorded: they were measured raw.
    [Theory]
    [InlineData(null, "raw", "clipped 8-bit pictures")]
    [InlineData("8-bit", "raw", "clipped 8-bit pictures")]
    [InlineData("raw", "8-bit", "raw output")]
    public void Judge_ReadingsOfAnotherRange_CountAsNotMeasured(string? asked, string measured, string words)
    {
        var policy = Records.Policy with { Evaluation = Records.Policy.Evaluation with { Range = asked } };

        var verdict =
            Gate.Judge(policy, Records.Before with { Range = measured }, Records.After with { Range = measured }, Records.Today);

        Assert.False(verdict.Passed);
        Assert.Equal(5, verdict.Findings.Count);
        Assert.All(verdict.Findings, finding => Assert.Equal(FindingState.NotMeasured, finding.State));
        Assert.All(verdict.Findings, finding => Assert.Contains(words, finding.Explanation, StringComparison.Ordinal));
    }

    [Fact]
    public void Judge_RawOutputAsThePolicyAsks_IsJudgedAndWarnedOf()
    {
        var policy = Records.Policy with { Evaluation = Records.Policy.Evaluation with { Range = EvaluationOptions.Raw } };

        var verdict =
            Gate.Judge(policy, Records.Before with { Range = "raw" }, Records.After with { Range = "raw" }, Records.Today);

        Assert.True(verdict.Passed);
        Assert.Contains("raw output was measured", Assert.Single(verdict.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Judge_PolicyRules_AreThoseTheGateMakes() =>
        Assert.Subset(
            Records.Policy.RuleNames().ToHashSet(),
            Judge().Findings.Select(finding => finding.Rule).Where(rule => rule.Limit is not RuleLimit.MinShareKept).ToHashSet());

    [Fact]
    public void Judge_ShareWithinTheLimitButItsBoundIsNot_Fails()
    {
        // 90 of 10,000 is 0.9 %, and its bound at 98.75 % is 1.13 %.
        var finding = Find("digit-8/maxRate", after: Records.Measured("b", hits: 90, distance: 36, nines: 900));

        Assert.Equal(FindingState.Failed, finding.State);
        Assert.Equal(0.009, finding.Observed!.Value, tolerance: 1e-12);
        Assert.Equal(ClopperPearson.UpperBound(90, 10000, 0.9875), finding.Judged!.Value, tolerance: 1e-12);
    }

    [Fact]
    public void Judge_Unlearned_IsMeasuredOnTheFirstLookAndJudgedByItsBound()
    {
        var finding = Find("digit-8/minUnlearned");

        Assert.Equal(0.98, finding.Observed!.Value, tolerance: 1e-12);
        Assert.Equal(1 - ShareKept.UpperBound(1000, 20, 0.95), finding.Judged!.Value, tolerance: 1e-12);
    }

    [Fact]
    public void Judge_FrechetIncrease_IsRelativeToBefore() =>
        Assert.Equal(0.2, Find("quality/maxFrechetIncrease").Observed!.Value, tolerance: 1e-12);

    [Fact]
    public void Judge_DistanceWithinTheLimitAndItsBoundBeyond_Fails()
    {
        // Standard error √19 · 1 = 4.36; 36 + 1.729 · 4.36 = 43.5, above the limit of 40.
        var finding = Find("quality/maxFrechetDistance", after: WithGroups(Records.After, Records.Groups(36, step: 1)));

        Assert.Equal(FindingState.Failed, finding.State);
        Assert.Equal(36, finding.Observed);
        Assert.Equal(36 + 1.7291328 * Math.Sqrt(19), finding.Judged!.Value, tolerance: 1e-6);
        Assert.Contains("upper bound at 95 % confidence", finding.Explanation, StringComparison.Ordinal);
    }

    [Fact]
    public void Judge_IncreaseWithinTheLimitAndItsBoundBeyond_Fails()
    {
        var before = WithGroups(Records.Before, Records.Groups(30, step: 1));
        var together = Find("quality/maxFrechetIncrease", WithGroups(Records.After, Records.Groups(36, step: 1)), before);
        var against = Find("quality/maxFrechetIncrease", WithGroups(Records.After, Records.Groups(36, step: -1)), before);

        // Over the same latents errors that go together cancel.
        Assert.Equal(FindingState.Passed, together.State);
        Assert.Equal(FindingState.Failed, against.State);
        Assert.Equal((0.2, 0.2), (Math.Round(together.Observed!.Value, 9), Math.Round(against.Observed!.Value, 9)));
        Assert.True(together.Judged < 0.27 && against.Judged > 0.5);
    }

    // Few images add about the same to both distances and draw their ratio to 1.
    [Fact]
    public void Judge_IncreaseOfFewImages_IsTakenWithoutTheirBias()
    {
        var finding =
            Find("quality/maxFrechetIncrease", Biased(Records.After, 36, bias: 15), Biased(Records.Before, 30, bias: 15));

        Assert.Equal(21.0 / 15 - 1, finding.Observed!.Value, tolerance: 1e-9);

        // A bias of b with n images is b n / m with m of them, here 19 of 20 groups.
        static Measurement Biased(Measurement measured, double distance, double bias) => WithGroups(
            measured,
            new FrechetGroups([.. Enumerable.Repeat(250L, 20)], [.. Enumerable.Repeat(distance + bias * (20.0 / 19 - 1), 20)]));
    }

    [Theory]
    [InlineData("none")]
    [InlineData("of other images")]
    [InlineData("too few")]
    [InlineData("no number")]
    public void Judge_DistanceWithoutWhatBoundsIt_CountsAsNotMeasured(string groups)
    {
        var whole = Records.Groups(36);
        var given = groups switch
        {
            "none" => null,
            "of other images" => whole with { Sizes = [.. whole.Sizes.Skip(1), 249] },
            "too few" => new FrechetGroups([2500, 2500], [36, 36]),
            _ => whole with { Without = [.. whole.Without.Skip(1), double.NaN] },
        };
        var after = WithGroups(Records.After, given);

        foreach (var rule in new[] { "quality/maxFrechetDistance", "quality/maxFrechetIncrease" })
        {
            var finding = Find(rule, after: after);
            Assert.Equal(FindingState.NotMeasured, finding.State);
            Assert.Contains("measure again", finding.Explanation, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Judge_DistanceBeforeThatMayBeZero_BoundsNoIncrease()
    {
        var finding = Find("quality/maxFrechetIncrease", before: WithGroups(Records.Before, Records.Groups(30, step: 5)));

        Assert.Equal(FindingState.NotMeasured, finding.State);
        Assert.Contains("raise evaluation.samples", finding.Explanation, StringComparison.Ordinal);
    }

    private static Measurement WithGroups(Measurement measured, FrechetGroups? groups) =>
        measured with { Quality = measured.Quality! with { Groups = groups } };

    [Fact]
    public void Judge_ClassThatVanished_Fails() =>
        Assert.Equal(FindingState.Failed, Find("quality/minShareKept/9", after: Records.Measured("b", 20, 36, nines: 499)).State);

    public static TheoryData<string, string> Unknown => new()
    {
        { "the distance was not measured", "quality/maxFrechetDistance" },
        { "the distance is NaN", "quality/maxFrechetDistance" },
        { "the distance is NaN", "quality/maxFrechetIncrease" },
        { "the distance before is zero", "quality/maxFrechetIncrease" },
        { "another reference", "quality/maxFrechetIncrease" },
        { "another number of images", "quality/maxFrechetIncrease" },
        { "other latents", "digit-8/minUnlearned" },
        { "other latents", "quality/minShareKept/9" },
        { "the original itself", "digit-8/minUnlearned" },
        { "the original itself", "quality/maxFrechetIncrease" },
        { "no looks", "digit-8/maxRate" },
        { "another sample size", "digit-8/maxRate" },
        { "more hits than samples", "digit-8/maxRate" },
        { "another extractor", "quality/maxFrechetDistance" },
        { "the original's own samples", "quality/maxFrechetDistance" },
        { "fewer images than asked", "quality/maxFrechetDistance" },
        { "fewer images than asked", "quality/maxFrechetIncrease" },
        { "latents of another policy", "quality/maxFrechetDistance" },
        { "latents of another policy", "quality/minShareKept/9" },
        { "no quality", "quality/maxFrechetDistance" },
        { "the class is gone from the counts", "quality/minShareKept/9" },
    };

    [Theory]
    [MemberData(nameof(Unknown))]
    public void Judge_WhatCouldNotBeMeasured_HasFailed(string situation, string rule)
    {
        var (before, after) = (Records.Before, Records.After);
        (before, after) = situation switch
        {
            "the distance was not measured" => (before, Records.Measured("b", 20, null, 900)),
            "the distance is NaN" => (before, Records.Measured("b", 20, double.NaN, 900)),
            "the distance before is zero" => (Records.Measured("a", 1000, 0, 1000), after),
            "another reference" => (before, after with { Quality = after.Quality! with { ReferenceSha256 = "other" } }),
            "another number of images" => (before, after with { Quality = after.Quality! with { Samples = 4000 } }),
            "other latents" => (before with { Seed = 21 }, after),
            "the original itself" => (before, after with { GeneratorSha256 = before.GeneratorSha256 }),
            "no looks" => (before, after with { Features = [after.Features[0] with { Looks = [] }] }),
            "another sample size" => (before, after with { Features = [after.Features[0] with { Looks = [new Look(9000, 1)] }] }),
            "more hits than samples" =>
                (before, after with { Features = [after.Features[0] with { Looks = [new Look(10000, 10001)] }] }),
            "another extractor" => (before, after with { Quality = after.Quality! with { Extractor = "annotator" } }),
            "the original's own samples" => (before, after with
            {
                Quality = after.Quality! with { ReferenceSha256 = QualityReading.OriginalReference(before.GeneratorSha256) }
            }),
            "fewer images than asked" => (
                before with { Quality = before.Quality! with { Samples = 50 } },
                after with { Quality = after.Quality! with { Samples = 50 } }),
            "latents of another policy" => (before with { Seed = 21 }, after with { Seed = 21 }),
            "no quality" => (before, after with { Quality = null }),
            _ => (before, after with { Shares = [] }),
        };

        var verdict = Gate.Judge(Records.Policy, before, after, Records.Today);

        Assert.Equal(FindingState.NotMeasured, verdict.Findings.Single(finding => finding.Rule.ToString() == rule).State);
        Assert.False(verdict.Passed);
    }

    [Fact]
    public void Judge_FeatureNeverShownBeforeAndNoLimitOnItsRate_HasFailed()
    {
        var policy = Records.Policy with { UndesiredFeatures = [Records.Policy.UndesiredFeatures[0] with { MaxRate = null }] };

        var verdict = Gate.Judge(policy, Records.Measured("a", 0, 30, 1000), Records.After, Records.Today);

        Assert.Equal(
            FindingState.NotMeasured,
            verdict.Findings.Single(finding => finding.Rule.ToString() == "digit-8/minUnlearned").State);
    }

    // What another feature's unlearning left behind must keep to the limit, and has no share to be rid of.
    [Fact]
    public void Judge_FeatureWithinItsLimitBefore_IsNotAskedHowMuchOfItWasUnlearned()
    {
        var verdict = Gate.Judge(Records.Policy, Records.Measured("a", 20, 30, 1000), Records.After, Records.Today);

        Assert.True(verdict.Passed);
        Assert.Equal(
            FindingState.NotApplicable,
            verdict.Findings.Single(finding => finding.Rule.ToString() == "digit-8/minUnlearned").State);
        Assert.False(Gate.Judge(
            Records.Policy, Records.Measured("a", 20, 30, 1000), Records.Measured("b", 200, 36, 900), Records.Today).Passed);
    }

    // "1" of a classifier of hats is no digit; where a third classifier counts, there are only names to go by.
    [Theory]
    [InlineData("auditor", "hats", new[] { "8" })]
    [InlineData("third", "hats", new[] { "1", "8" })]
    public void UndesiredClasses_SameNameInAnotherClassifier_IsAnotherClass(string extractor, string other, string[] expected)
    {
        var policy = Records.Policy with
        {
            UndesiredFeatures = [Records.Policy.UndesiredFeatures[0], new UndesiredFeature("hat", other, null, "1", 0.01, null)],
            Quality = Records.Policy.Quality! with { Extractor = extractor },
        };

        Assert.Equal(expected, policy.Quality!.UndesiredClasses(policy).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Judge_ListedClassThatWasNeverCounted_HasFailed()
    {
        var policy = PolicyReader.Read(
            Records.PolicyText,
            "p",
            Records.Vocabulary,
            [PolicyOverride.Parse("""classifiers.auditor.classes=["7","8","9"]""")]).Policy!;

        var verdict = Gate.Judge(policy, Records.Before, Records.After, Records.Today);

        Assert.Equal(
            FindingState.NotMeasured,
            verdict.Findings.Single(finding => finding.Rule.ToString() == "quality/minShareKept/7").State);
        Assert.False(verdict.Passed);
    }

    [Theory]
    [InlineData(1000, true)]
    [InlineData(20, false)]
    public void Violated_LiveWaiverOrNot_IsTheFeatureThatIsShownTooOften(long hits, bool expected)
    {
        var waived = Records.Policy with
        {
            Waivers = [new Waiver("digit-8/maxRate", "why", "who", "2027-01-01")],
            UndesiredFeatures = [Records.Policy.UndesiredFeatures[0] with { MinUnlearned = null }]
        };
        // An image quality that fails is not a feature to unlearn.
        var before = Records.Measured("a", hits, distance: 90, nines: 1000);

        Assert.Equal(expected, Gate.ViolatedFeatures(waived, before, today: null).Count == 1);
    }

    [Fact]
    public void Judge_NoRules_IsNotAPass()
    {
        var none = Records.Policy with { UndesiredFeatures = [], Quality = null };

        Assert.False(Gate.Judge(none, Records.Before, Records.After, Records.Today).Passed);
    }

    [Fact]
    public void Judge_NothingTrainedAndCompliant_PassesOnItsAbsoluteRulesAndTellsOfTheOthers()
    {
        var verdict = Gate.Judge(Records.Policy, Records.Measured("a", 20, 30, 1000), after: null, Records.Today);

        Assert.True(verdict.Passed);
        Assert.Equal(
            [
                ("digit-8/maxRate", FindingState.Passed),
                ("digit-8/minUnlearned", FindingState.NotApplicable),
                ("quality/maxFrechetDistance", FindingState.Passed),
                ("quality/maxFrechetIncrease", FindingState.NotApplicable),
                ("quality/minShareKept/9", FindingState.NotApplicable),
            ],
            verdict.Findings.Select(finding => (finding.Rule.ToString(), finding.State)));
    }

    // A reviewer holds the policy beside the record: each of its rules is there, whether anything was trained or not.
    [Theory]
    [InlineData(20, false)]
    [InlineData(20, true)]
    [InlineData(1000, false)]
    [InlineData(1000, true)]
    public void Judge_AnyRun_HasAFindingForEveryRuleOfThePolicy(long hits, bool trained)
    {
        var policy = PolicyReader.Read(
            Records.PolicyText,
            "p",
            Records.Vocabulary,
            [PolicyOverride.Parse("""classifiers.auditor.classes=["7","8","9"]""")]).Policy!;

        var verdict = Gate.Judge(policy, Records.Measured("a", hits, 30, 1000), trained ? Records.After : null, Records.Today);

        Assert.Equal(
            policy.RuleNames().Select(name => name.ToString()).Order(StringComparer.Ordinal),
            verdict.Findings.Select(finding => finding.Rule.ToString()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Judge_OnlyRulesThatDoNotApply_IsNotAPass()
    {
        var policy = Records.Policy with
        {
            UndesiredFeatures = [],
            Quality = Records.Policy.Quality! with { MaxFrechetDistance = null, Extractor = "auditor" }
        };
        policy = policy with { Quality = policy.Quality! with { MinShareKept = null } };

        var verdict = Gate.Judge(policy, Records.Before, after: null, Records.Today);

        Assert.Equal([FindingState.NotApplicable], verdict.Findings.Select(finding => finding.State));
        Assert.Equal((false, Outcome.NotMeasured), (verdict.Passed, verdict.Outcome));
    }

    [Fact]
    public void Violated_WithinTheLimit_IsNothingWhateverElseIsAsked() =>
        Assert.Empty(Gate.ViolatedFeatures(Records.Policy, Records.Measured("a", 20, 30, 1000), today: null));

    [Theory]
    [InlineData(Outcome.Passed, FindingState.Passed, FindingState.NotApplicable)]
    [InlineData(Outcome.PassedWithWaivers, FindingState.Passed, FindingState.Waived)]
    [InlineData(Outcome.PassedWithWaivers, FindingState.Waived, FindingState.Waived)]
    [InlineData(Outcome.Failed, FindingState.Waived, FindingState.Failed)]
    [InlineData(Outcome.Failed, FindingState.NotMeasured, FindingState.Failed)]
    [InlineData(Outcome.NotMeasured, FindingState.Waived, FindingState.NotMeasured)]
    [InlineData(Outcome.NotMeasured, FindingState.NotApplicable, FindingState.NotApplicable)]
    public void Outcome_OfFindings_IsTheWorstOfThem(Outcome expected, params FindingState[] states)
    {
        List<Finding> findings =
        [
            .. states.Select(state => new Finding(RuleName.Parse("a/maxRate"), state, 0, 0, "≤", 1, "", null))
        ];
        var outcome = Outcomes.FromFindings(findings);

        Assert.Equal(expected, outcome);
        Assert.Equal(expected is Outcome.Passed or Outcome.PassedWithWaivers, outcome.IsPass());
        Assert.Equal(outcome.IsPass() ? outcome : Outcome.Advisory, outcome.WithAdvisory(advisory: true));
        Assert.Equal(outcome, outcome.WithAdvisory(advisory: false));
    }

    [Fact]
    public void Outcome_NoFindings_IsNotMeasured() => Assert.Equal(Outcome.NotMeasured, Outcomes.FromFindings([]));

    // A record may say what it likes: what is reported follows from the findings, and from the less favourable of the two.
    [Theory]
    [InlineData(true, FindingState.Waived, Outcome.PassedWithWaivers)]
    [InlineData(true, FindingState.Failed, Outcome.Failed)]
    [InlineData(false, FindingState.Passed, Outcome.Failed)]
    public void Outcome_RecordThatSaysPassed_IsWhatItsFindingsSay(bool passed, FindingState state, Outcome expected) =>
        Assert.Equal(expected, new Verdict(passed, [new Finding(RuleName.Parse("a/maxRate"), state, 0, 0, "≤", 1, "", null)], [])
        {
            Outcome = Outcome.Passed
        }.Outcome);

    [Fact]
    public void Judge_NothingTrainedAndNotCompliant_FailsAlsoForNotUnlearning()
    {
        var verdict = Gate.Judge(Records.Policy, Records.Before, after: null, Records.Today);

        Assert.Equal(FindingState.Failed, verdict.Findings.Single(finding => finding.Rule.ToString() == "digit-8/maxRate").State);
        Assert.Equal(
            FindingState.NotMeasured,
            verdict.Findings.Single(finding => finding.Rule.ToString() == "digit-8/minUnlearned").State);
    }

    [Fact]
    public void Judge_LiveWaiverOfAFailedRule_WaivesIt()
    {
        var verdict = WithWaiver(
            "digit-8/maxRate", "2026-03-01", after: Records.Measured("b", 40, 36, 900) with { Features = [Reading(500)] });

        Assert.Equal(FindingState.Waived, verdict.Findings[0].State);
        Assert.Equal("who", verdict.Findings[0].Waiver!.ApprovedBy);
    }

    [Theory]
    [InlineData("2026-02-28")]
    [InlineData("28.02.2027")]
    [InlineData("soon")]
    public void Judge_ExpiredOrMalformedWaiver_DoesNotHelp(string expires)
    {
        var verdict = WithWaiver("digit-8/maxRate", expires, after: Records.After with { Features = [Reading(500)] });

        Assert.Equal(FindingState.Failed, verdict.Findings[0].State);
        Assert.Contains("expired", Assert.Single(verdict.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Judge_WaiverOfWhatWasNotMeasured_DoesNotHelp()
    {
        var verdict = WithWaiver("quality/maxFrechetDistance", "2027-01-01", after: Records.Measured("b", 20, null, 900));

        Assert.False(verdict.Passed);
        Assert.Contains("cannot be waived", Assert.Single(verdict.Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("digit-8/maxRate")]
    [InlineData("digit-9/maxRate")]
    public void Judge_WaiverThatNothingNeeds_IsAWarning(string rule) =>
        Assert.Contains(
            "not needed", Assert.Single(WithWaiver(rule, "2027-01-01", Records.After).Warnings), StringComparison.Ordinal);

    [Fact]
    public void Judge_WaiverOfWhatDoesNotApply_IsAWarning()
    {
        var policy = Records.Policy with { Waivers = [new Waiver("quality/maxFrechetIncrease", "why", "who", "2027-01-01")] };

        var verdict = Gate.Judge(policy, Records.Measured("a", 20, 30, 1000), after: null, Records.Today);

        Assert.Equal(
            ["The waiver of quality/maxFrechetIncrease was not needed: the rule does not apply to this run."], verdict.Warnings);
        Assert.Equal(Outcome.Passed, verdict.Outcome);
    }

    [Theory]
    [InlineData(0.02, true)]    // above the limit of 0.01
    [InlineData(0.01, false)]
    [InlineData(null, false)]
    public void Judge_LimitBelowTheAuditorsNoise_IsAWarning(double? floor, bool expected)
    {
        var after = Records.After with { Features = [Records.After.Features[0] with { NoiseFloor = floor }] };

        Assert.Equal(
            expected
                ? ["The limit of digit-8/maxRate (1 %) is below what the auditor can tell: it sees the class in 2 % of real "
                    + "images that do not show it."]
                : [],
            Judge(after).Warnings);
    }

    private static FeatureReading Reading(long hits) => new("digit-8", "auditor", "8", [new Look(10000, hits)], null, null);

    // 500 of 10,000 are judged as 5.5 %; the share unlearned, as 44 %.
    [Theory]
    [InlineData("digit-8/maxRate", 0.06, null, true)]
    [InlineData("digit-8/maxRate", 0.05, null, false, "it excuses a figure ≤ 0.05, and 0.05")]
    [InlineData("digit-8/minUnlearned", 0.4, null, true)]
    [InlineData("digit-8/minUnlearned", 0.5, null, false, "it excuses a figure ≥ 0.5, and 0.4")]
    [InlineData("digit-8/maxRate", null, "a", true)]
    [InlineData("digit-8/maxRate", null, "B", true)]
    [InlineData("digit-8/maxRate", null, "c", false, "it is for another generator (cccc")]
    public void Judge_WaiverWithACeilingOrAGenerator_ExcusesNoMore(
        string rule, double? ceiling, string? generator, bool isApplied, string warning = "")
    {
        var digest = generator is null ? null : string.Concat(Enumerable.Repeat(generator, 64));
        var policy = Records.Policy with { Waivers = [new Waiver(rule, "why", "who", "2027-01-01", ceiling, digest)] };

        var verdict = Gate.Judge(policy, Records.Before, Records.After with { Features = [Reading(500)] }, Records.Today);

        var finding = verdict.Findings.Single(finding => finding.Rule == RuleName.Parse(rule));
        Assert.Equal(isApplied ? FindingState.Waived : FindingState.Failed, finding.State);
        Assert.Equal(
            !isApplied,
            verdict.Warnings.Any(text => text.Contains("was not applied: " + warning, StringComparison.Ordinal)));
    }

    [Fact]
    public void Judge_WaiverThatMissesInTwoWays_SaysBoth()
    {
        var waiver = new Waiver("digit-8/maxRate", "why", "who", "2027-01-01", 0.05, new string('c', 64));

        var verdict = Gate.Judge(
            Records.Policy with { Waivers = [waiver] }, Records.Before, Records.After with { Features = [Reading(500)] },
            Records.Today);

        Assert.Contains(
            verdict.Warnings, text => text.Contains("another generator (cccc", StringComparison.Ordinal)
                && text.Contains("; and it excuses a figure ≤ 0.05, and 0.05", StringComparison.Ordinal));
    }

    // Today is 2026-03-01.
    [Theory]
    [InlineData("2026-02-28", true)]
    [InlineData("2026-03-01", true)]
    [InlineData("2026-03-02", false)]
    [InlineData("soon", false)]
    public void Judge_WaiverApprovedOnADay_IsNotAppliedBefore(string day, bool isApplied)
    {
        var waiver = new Waiver("digit-8/maxRate", "why", "who", "2027-01-01", ApprovedOn: day);

        var verdict = Gate.Judge(
            Records.Policy with { Waivers = [waiver] }, Records.Before, Records.After with { Features = [Reading(500)] },
            Records.Today);

        var state = verdict.Findings.Single(finding => finding.Rule == RuleName.Parse("digit-8/maxRate")).State;
        Assert.Equal(isApplied ? FindingState.Waived : FindingState.Failed, state);
        Assert.Equal(
            !isApplied,
            verdict.Warnings.Contains($"The waiver of digit-8/maxRate was not applied: it counts from {day} on."));
    }

    private static Verdict WithWaiver(string rule, string expires, Measurement after) =>
        Gate.Judge(
            Records.Policy with { Waivers = [new Waiver(rule, "why", "who", expires)] }, Records.Before, after, Records.Today);

    private static Verdict Judge(Measurement? after = null, Measurement? before = null) =>
        Gate.Judge(Records.Policy, before ?? Records.Before, after ?? Records.After, Records.Today);

    private static Finding Find(string rule, Measurement? after = null, Measurement? before = null) =>
        Judge(after, before).Findings.Single(finding => finding.Rule.ToString() == rule);
}
