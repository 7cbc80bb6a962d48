using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;

namespace AdaptThenUnlearn.Tests.Gating;

/// <summary>No worse than the last accepted run: what counts as worse, and what cannot be compared.</summary>
public sealed class RatchetTests
{
    private const string Rate = "digit-8/noWorseThanBaseline";
    private const string Distance = "quality/frechetNoWorseThanBaseline";
    private const string Share = "quality/shareNoWorseThanBaseline/9";
    private static readonly string _auditor = new('e', 64);

    [Fact]
    public void Judge_SameReadings_PassesEveryRatchetRule()
    {
        var verdict = Judge(Records.After, Records.After);

        Assert.Equal(Outcome.Passed, verdict.Outcome);
        Assert.Equal(
            [Rate, Distance, Share],
            verdict.Findings.Where(finding => finding.Rule.IsOfRatchet).Select(finding => finding.Rule.ToString()));
        Assert.All(verdict.Findings, finding => Assert.Equal(FindingState.Passed, finding.State));
    }

    [Fact]
    public void Judge_WithoutABaseline_HasNoRatchetRules() => Assert.DoesNotContain(
        Gate.Judge(Records.Policy, Records.Before, Records.After, Records.Today).Findings, finding => finding.Rule.IsOfRatchet);

    [Fact]
    public void Judge_PolicyAsksForABaselineAndThereIsNone_HasFailed()
    {
        var policy = Records.Policy with { Ratchet = true };
        var verdict = Gate.Judge(policy, Records.Before, Records.After, Records.Today);

        Assert.Equal(Outcome.NotMeasured, verdict.Outcome);
        var ratchet = verdict.Findings.Where(finding => finding.Rule.IsOfRatchet).ToList();
        Assert.Equal(
            [Rate, Distance, "quality/shareNoWorseThanBaseline"], ratchet.Select(finding => finding.Rule.ToString()));
        Assert.All(ratchet, finding => Assert.Equal((FindingState.NotMeasured, null), (finding.State, finding.Limit)));
        Assert.Contains(
            "must be no worse (no accepted run was given", VerdictText.Describe(ratchet[0]), StringComparison.Ordinal);
    }

    // Clopper–Pearson without a hit: 1 − α^(1/n); with nothing but hits: α^(1/n). α is half of 5 %, for four looks each.
    [Fact]
    public void Judge_Rate_ComparesTheLowerBoundNowWithTheUpperBoundThen()
    {
        var finding = Find(Judge(Records.Measured("b", 10000, 36, 900), Records.Measured("c", 0, 36, 900)), Rate);

        var alpha = 0.05 / 2 / 4;
        Assert.Equal(1 - Math.Pow(alpha, 1 / 10000.0), finding.Limit!.Value, 1e-9);
        Assert.Equal(Math.Pow(alpha, 1 / 10000.0), finding.Judged!.Value, 1e-9);
        Assert.Equal((FindingState.Failed, 1.0), (finding.State, finding.Observed));
    }

    [Theory]
    [InlineData(20, 20, true)]
    [InlineData(20, 5, true)]
    [InlineData(45, 20, true)]    // worse, and within the error of both
    [InlineData(90, 20, false)]
    public void Judge_Rate_FailsOnlyBeyondTheErrorOfBoth(long now, long then, bool passes) => Assert.Equal(
        passes,
        Find(Judge(Records.Measured("b", now, 36, 900), Records.Measured("c", then, 36, 900)), Rate).State
            is FindingState.Passed);

    // The exact probability over all pairs of counts, for a generator that is as good as the accepted one.
    [Theory]
    [InlineData(0.01)]
    [InlineData(0.1)]
    [InlineData(0.4)]
    public void Judge_GeneratorThatIsNoWorse_FailsNoMoreOftenThanPromised(double rate)
    {
        const int Samples = 100;
        var policy = Records.Policy with
        {
            Evaluation = Records.Policy.Evaluation with { Samples = Samples, MaxSamples = Samples },
            Quality = null,
            UndesiredFeatures = [Records.Policy.UndesiredFeatures[0] with { MinUnlearned = null }],
        };
        var chances = Enumerable.Range(0, Samples + 1).Select(hits => Binomial(hits, Samples, rate)).ToArray();
        var counts = Enumerable.Range(0, Samples + 1).Where(hits => chances[hits] > 1e-7).ToList();

        var failed = 0.0;
        foreach (var then in counts)
        {
            // Worse is worse: find the first count that fails.
            var first = counts.Cast<int?>().FirstOrDefault(now => Find(
                Gate.Judge(policy, Counted(now!.Value), after: null, Records.Today, RatchetTo(Counted(then), looks: 1)),
                Rate).State
                    is FindingState.Failed);
            failed += first is { } from ? chances[then] * counts.Where(now => now >= from).Sum(now => chances[now]) : 0;
        }

        Assert.InRange(failed, 0, 0.05);

        static Measurement Counted(long hits) => Records.After with
        {
            Features = [Records.After.Features[0] with { Looks = [new Look(Samples, hits)] }],
        };
    }

    // Records.Groups: a standard error of √19 · 0.1. Student's t of 19 degrees of freedom at 97.5 % is 2.0930 (tables).
    [Fact]
    public void Judge_Distance_ComparesBothEndsOfTheInterval()
    {
        var (worse, within) = (
            Find(Judge(Records.Measured("b", 20, 38, 900), Records.Measured("c", 20, 36, 900)), Distance),
            Find(Judge(Records.Measured("b", 20, 37.8, 900), Records.Measured("c", 20, 36, 900)), Distance));

        var error = 2.0930 * Math.Sqrt(19) * 0.1;
        Assert.Equal(36 + error, worse.Limit!.Value, 1e-3);
        Assert.Equal(38 - error, worse.Judged!.Value, 1e-3);
        Assert.Equal((FindingState.Failed, FindingState.Passed), (worse.State, within.State));
    }

    [Theory]
    [InlineData(900, 900, FindingState.Passed)]
    [InlineData(950, 900, FindingState.Passed)]
    [InlineData(860, 900, FindingState.Passed)]
    [InlineData(700, 900, FindingState.Failed)]
    public void Judge_Share_FailsWhereAClassBecameRarer(long now, long then, FindingState expected)
    {
        var finding = Find(Judge(Records.Measured("b", 20, 36, now), Records.Measured("c", 20, 36, then)), Share);

        Assert.Equal((expected, "≥"), (finding.State, finding.Comparator));
        Assert.Equal(ClopperPearson.LowerBound(then, 10000, 0.975), finding.Limit!.Value, 1e-12);
        Assert.Equal(ClopperPearson.UpperBound(now, 10000, 0.975), finding.Judged!.Value, 1e-12);
    }

    [Theory]
    [InlineData("auditor", Rate, "its auditor, or its threshold, is another")]
    [InlineData("threshold", Rate, "its auditor, or its threshold, is another")]
    [InlineData("unknown auditor", Rate, "its auditor, or its threshold, is another")]
    [InlineData("class", Rate, "it counted another class")]
    [InlineData("feature", Rate, "it did not count 'digit-8'")]
    [InlineData("range", Rate, "its images had another range of values")]
    [InlineData("truncation", Rate, "its latents had another truncation")]
    [InlineData("range", Distance, "its images had another range of values")]
    [InlineData("reference", Distance, "its reference is another")]
    [InlineData("extractor", Distance, "its extractor is another")]
    [InlineData("samples", Distance, "it compared 4000 images, and not 5000")]
    [InlineData("distance", Distance, "it has no Fréchet distance with an error")]
    [InlineData("counter", Share, "its classes were counted by another classifier")]
    [InlineData("kept class", Share, "it did not count this class")]
    [InlineData("truncation", Share, "its latents had another truncation")]
    [InlineData("few images", Rate, "it counted 4999 images, fewer than the 10000 of this policy's first look")]
    [InlineData("few images", Share, "it counted 4999 images, fewer than the 10000 of this policy's first look")]
    [InlineData("extractor's use", Distance, "its extractor is another")]
    [InlineData("extractor's use", Distance, "a waiver does not help")]
    public void Judge_BaselineOfAnotherMeasure_IsNotMeasuredAndHasFailed(string what, string rule, string reason)
    {
        var (was, quality, reading) = (Records.After, Records.After.Quality!, Records.After.Features[0]);
        var ratchet = RatchetTo(what switch
        {
            "class" => was with { Features = [reading with { Class = "9" }] },
            "feature" => was with { Features = [reading with { Feature = "digit-9" }] },
            "range" => was with { Range = "raw" },
            "truncation" => was with { Truncation = 0.7 },
            "reference" => was with { Quality = quality with { ReferenceSha256 = "other" } },
            "extractor" => was with { Quality = quality with { ExtractorSha256 = "other" } },
            "samples" => was with { Quality = quality with { Samples = 4000, Groups = null }, },
            "distance" => was with { Quality = null },
            "kept class" => was with { Shares = [] },
            "few images" => was with
            {
                Features = [reading with { Looks = [new Look(4999, 10)] }],
                Shares = [.. was.Shares.Select(share => share with { Hits = 500, Samples = 4999 })],
            },
            _ => was,
        });
        if (what == "samples")   // groups of as many images
            ratchet = ratchet with
            {
                Baseline = ratchet.Baseline with
                {
                    Measured = was with
                    {
                        Quality = quality with
                        {
                            Samples = 4000,
                            Groups = quality.Groups! with { Sizes = [.. Enumerable.Repeat(200L, FrechetGroups.Count)] },
                        },
                    },
                },
            };
        ratchet = what switch
        {
            "auditor" => ratchet with { Auditors = [new FeatureAuditor("digit-8", new string('f', 64))] },
            "threshold" => ratchet with { Auditors = [new FeatureAuditor("digit-8", _auditor, 0.9)] },
            "unknown auditor" => ratchet with
            {
                Auditors = [new FeatureAuditor("digit-8", null)],
                Baseline = ratchet.Baseline with { Auditors = [new FeatureAuditor("digit-8", null)] },
            },
            "extractor's use" => ratchet with
            {
                Baseline = ratchet.Baseline with { ExtractorSha256 = new string('f', 64) },
            },
            "counter" => ratchet with { ShareCounterSha256 = new string('f', 64) },
            _ => ratchet,
        };

        var verdict = Gate.Judge(Records.Policy, Records.Before, Records.After, Records.Today, ratchet);

        Assert.False(verdict.Passed);
        var finding = Find(verdict, rule);
        Assert.Equal(FindingState.NotMeasured, finding.State);
        Assert.Contains(reason, finding.Explanation, StringComparison.Ordinal);
    }

    [Fact]
    public void Judge_WaivedOrSoftenedRatchet_IsTreatedAsAnyRule()
    {
        var (now, ratchet) = (Records.Measured("b", 90, 36, 900), RatchetTo(Records.Measured("c", 20, 36, 900)));
        var feature = Records.Policy.UndesiredFeatures[0] with { MaxRate = 0.5, MinUnlearned = null };
        var lax = Records.Policy with { UndesiredFeatures = [feature] };

        Assert.Equal(Outcome.Failed, Of(lax));
        Assert.Equal(
            Outcome.PassedWithWaivers, Of(lax with { Waivers = [new Waiver(Rate, "a new auditor", "Ada", "2027-01-01")] }));
        Assert.Equal(Outcome.PassedWithWarnings, Of(lax with { Rules = [new RuleEnforcement(Rate, RuleEnforcement.Warn)] }));

        Outcome Of(UnlearningPolicy policy) => Gate.Judge(policy, Records.Before, now, Records.Today, ratchet).Outcome;
    }

    [Theory]
    [InlineData('8', 0)]
    [InlineData('7', 1)]
    public void Judge_BaselineOfAnotherPolicyText_IsSaidBesideTheVerdict(char digit, int warnings)
    {
        var ratchet = RatchetTo(Records.After) with { PolicySha256 = new string(digit, 64) };
        var verdict = Gate.Judge(Records.Policy, Records.Before, Records.After, Records.Today, ratchet);

        Assert.Equal(Outcome.Passed, verdict.Outcome);
        Assert.Equal(
            warnings,
            verdict.Warnings.Count(warning => warning.Contains("another version of this policy", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(Rate, RuleLimit.NoWorseRate, "digit-8")]
    [InlineData(Distance, RuleLimit.NoWorseDistance, null)]
    [InlineData(Share, RuleLimit.NoWorseShare, "9")]
    [InlineData("quality/noWorseThanBaseline", RuleLimit.NoWorseRate, "quality")]
    public void Parse_NameOfARatchet_IsWrittenTheSame(string name, RuleLimit limit, string? subject)
    {
        var rule = RuleName.Parse(name);

        Assert.Equal((limit, subject, name), (rule.Limit, rule.Subject, rule.ToString()));
    }

    /// <summary>What is compared with, of readings by the classifiers of the records here.</summary>
    internal static Ratchet RatchetTo(Measurement measured, int looks = 4) => new(
        new Baseline(
            new string('9', 64), new string('8', 64), new DateTimeOffset(2026, 2, 1, 9, 0, 0, TimeSpan.Zero), measured, looks,
            [new FeatureAuditor("digit-8", _auditor)], "auditor", _auditor),
        [new FeatureAuditor("digit-8", _auditor)],
        _auditor);

    private static Verdict Judge(Measurement now, Measurement then) =>
        Gate.Judge(Records.Policy, Records.Before, now, Records.Today, RatchetTo(then));

    private static Finding Find(Verdict verdict, string rule) =>
        verdict.Findings.Single(finding => finding.Rule.ToString() == rule);

    private static double Binomial(int hits, int samples, double rate)
    {
        var logarithm = Enumerable.Range(1, hits).Sum(index => Math.Log((samples - hits + index) / (double)index));
        return Math.Exp(logarithm + hits * Math.Log(rate) + (samples - hits) * Math.Log(1 - rate));
    }
}
