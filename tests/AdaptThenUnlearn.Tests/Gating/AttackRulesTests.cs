using AdaptThenUnlearn.Attestation;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Gating;

/// <summary>Rules about attacks: judged from stored counts, fail-closed, and told in every report.</summary>
public sealed class AttackRulesTests
{
    private static readonly RuleName _rule = RuleName.MaxSuccess("digit-8", "truncation");

    private static readonly string _text = Records.PolicyText.Replace(
        "\"schemaVersion\": 1,", """
        "schemaVersion": 1, "audits": [{ "attack": "truncation", "maxSuccess": 0.05 }],
        """, StringComparison.Ordinal);

    private static readonly UnlearningPolicy _policy =
        PolicyReader.Read(_text, "policy.json", Records.Vocabulary, []).Policy!;

    // Clopper and Pearson: no success in 59 attempts proves 5 % at 95 % confidence (1 − 0.05^(1/59) = 0.0495), in 58 it does not.
    [Theory]
    [InlineData(0, 59, FindingState.Passed)]
    [InlineData(0, 58, FindingState.Failed)]
    [InlineData(1, 59, FindingState.Failed)]
    public void Attack_UpperBoundOfItsWorstVariant_IsHeldAgainstTheLimit(int successes, int attempts, FindingState state)
    {
        var finding = Judge(Attacked(
            new AttackVariant("a", 0, 1000), new AttackVariant("b", successes, attempts), new AttackVariant("c", 1, 1000)));

        Assert.Equal(state, finding.State);
        Assert.Equal((double)successes / attempts, finding.Observed);
        Assert.Equal(ClopperPearson.UpperBound(successes, attempts, 0.95), finding.Judged);
        Assert.Equal(ErrorCorrection.Uncorrected, finding.AuditorErrors);
        Assert.Contains(
            FormattableString.Invariant($"b: {successes} of {attempts} attempts"), finding.Explanation, StringComparison.Ordinal);
    }

    [Fact]
    public void Attack_ThatWasNotMadeAsAsked_IsNotMeasuredAndStopsTheRelease()
    {
        var good = Attacked(new AttackVariant("a", 0, 1000));
        Assert.Equal(FindingState.Passed, Judge(good).State);
        Dictionary<string, Measurement> flawed = new()
        {
            ["the attack was not made"] = Records.After,
            ["a: it has no truncation"] = Attacked(AttackVariant.NotMeasured("a", "it has no truncation")),
            ["one: it diverged"] = Attacked(new AttackVariant("a", 0, 1000), AttackVariant.NotMeasured("one", "it diverged")),
            ["the attack tried nothing"] = Attacked(),
            ["its counts are impossible"] = Attacked(new AttackVariant("a", -1, 1000)),
        };
        foreach (var (why, after) in flawed)
            Expect(why, after);
        const string NotAsAsked = "the attack was not made as this policy asks";
        Expect(NotAsAsked, Changed(good, reading => reading with { Budget = AttackBudget.Full }));
        Expect(NotAsAsked, Changed(good, reading => reading with { Budget = null }));
        Expect(NotAsAsked, Changed(good, reading => reading with { GeneratorSha256 = Records.Before.GeneratorSha256 }));
        Expect(NotAsAsked, good with { Seed = 21 });
        Expect("the attack was not made", Changed(good, reading => reading with { Feature = "digit-1" }));
        Expect("the attack was not made", Changed(good, reading => reading with { Attack = "same-latents" }));
        Expect("the attack was not made", good with { Attacks = [.. good.Attacks!, .. good.Attacks!] });
        Expect("the network's raw output was measured", good with { Range = EvaluationOptions.Raw });

        static void Expect(string why, Measurement after)
        {
            var finding = Judge(after);
            Assert.Equal(FindingState.NotMeasured, finding.State);
            Assert.StartsWith(why, finding.Explanation, StringComparison.Ordinal);
            Assert.True(finding.StopsRelease);
        }
    }

    [Fact]
    public void Advisory_Missed_IsAFindingThatOnlyWarns()
    {
        var policy = _policy with { Audits = [_policy.Audits![0] with { Advisory = true }] };

        var missed = Gate.Judge(policy, Records.Before, Attacked(new AttackVariant("a", 500, 1000)), Records.Today);
        var notMade = Gate.Judge(policy, Records.Before, Records.After, Records.Today);
        var met = Gate.Judge(policy, Records.Before, Attacked(new AttackVariant("a", 0, 1000)), Records.Today);

        Assert.Equal(
            [FindingState.Warned, FindingState.WarnedNotMeasured, FindingState.Passed],
            new[] { missed, notMade, met }.Select(verdict => verdict.Findings.Single(finding => finding.Rule == _rule).State));
        var others = missed.Findings.Where(finding => finding.Rule != _rule).ToList();
        Assert.Equal(Outcome.Passed, Outcomes.FromFindings(others));
        Assert.Equal(Outcome.PassedWithWarnings, missed.Outcome);
        Assert.Equal(Outcome.PassedWithWarnings, notMade.Outcome);
        Assert.Equal(Outcome.Passed, met.Outcome);
        var record = Run(Attacked(new AttackVariant("a", 500, 1000)), policy);
        var attested = TestResultStatement.Create(new AttestedRun(record, record.Verdict, new string('a', 64)))["predicate"]!;
        Assert.Contains("digit-8/maxSuccess/truncation", attested["warnedTests"]!.ToJsonString().Replace(
            "\\u002F", "/", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Equal("WARNED", (string)attested["result"]!);
    }

    // Nothing could fail, so nothing was proven.
    [Fact]
    public void Advisory_AloneInAPolicy_IsNotEnforced()
    {
        var policy = _policy with
        {
            Audits = [_policy.Audits![0] with { Advisory = true }],
            Quality = null,
            UndesiredFeatures = [_policy.UndesiredFeatures[0] with { MaxRate = null, MinUnlearned = null }],
        };

        var met = Gate.Judge(policy, Records.Before, Attacked(new AttackVariant("a", 0, 1000)), Records.Today);

        Assert.Equal(Outcome.NotEnforced, met.Outcome);
    }

    // 6 of 100 is the largest share, and 0 of 10 the largest upper bound, which is judged.
    [Fact]
    public void Metric_OfAnAttack_CountsTheAttemptsOfTheJudgedVariant() => Assert.StartsWith(
        "10 attempts, ",
        RuleMetric.Images(_rule, Run(Attacked(new AttackVariant("a", 6, 100), new AttackVariant("b", 0, 10)))),
        StringComparison.Ordinal);

    [Fact]
    public void Untrained_TheOriginalIsJudged()
    {
        var only = Records.Measured("a", 5, 30, 1000);
        var attacked = only with { Attacks = [Reading(only, new AttackVariant("a", 0, 1000))] };

        Assert.Equal(
            FindingState.Passed,
            Gate.Judge(_policy, attacked, after: null, Records.Today).Findings.Single(each => each.Rule == _rule).State);
    }

    // Verifying judges the stored counts again.
    [Theory]
    [InlineData(0, true)]
    [InlineData(900, false)]
    public void Verification_OfEditedCounts_FindsAnotherVerdict(int successes, bool valid)
    {
        var record = Run(Attacked(new AttackVariant("a", 0, 1000)));
        var edited = record with { After = Attacked(new AttackVariant("a", successes, 1000)) };

        var problems = Verification.VerifyReadings(edited, Records.Vocabulary, Records.Today).Problems;

        Assert.Equal(valid, !problems.Contains("the recorded verdict is not what the recorded readings give"));
    }

    [Theory]
    [InlineData(-1, 10, "the counts of the attack 'truncation' are impossible")]
    [InlineData(11, 10, "the counts of the attack 'truncation' are impossible")]
    [InlineData(1, 10, null)]
    public void Record_WithImpossibleCounts_IsNotRead(int successes, int attempts, string? flaw)
    {
        var text = RunRecordFile.ToJson(Run(Attacked(new AttackVariant("a", successes, attempts))));

        if (flaw is null)
            Assert.Equal(attempts, RunRecordFile.Parse(text, "run.json").After!.Attacks![0].Variants[0].Attempts);
        else
            Assert.Contains(
                flaw, Assert.Throws<RunRecordException>(() => RunRecordFile.Parse(text, "run.json")).Message,
                StringComparison.Ordinal);
    }

    [Fact]
    public void Reports_OfEachFormat_NameTheRuleOfAnAttack()
    {
        var record = Run(Attacked(new AttackVariant("ψ = 0.5", 7, 1000)));
        record = record with
        {
            Outputs = [.. record.Outputs, new OutputFile(
                OutputRoles.Attack("truncation on after, digit-8"), "images/attack-truncation-digit-8-after.png",
                new string('9', 64))],
        };

        Assert.All(ReportFormats.All.Where(format => format.Name != "badge"), format => Assert.Contains(
            "digit-8/maxSuccess/truncation", format.Render(record).Replace("\\/", "/", StringComparison.Ordinal),
            StringComparison.Ordinal));
        var page = ReportFormats.All.Single(format => format.Name == "markdown").Render(record);
        Assert.Contains("Attacks", page, StringComparison.Ordinal);
        Assert.Contains("7 of 1000 (0.3 to 1.4 %)", page, StringComparison.Ordinal);
        Assert.Contains("found by truncation on after, digit-8", page, StringComparison.Ordinal);
        Assert.Contains("300 images for each rate", page, StringComparison.Ordinal);
        Assert.Contains(
            ": at most 7 of 1000 attempts", ReportFormats.All.Single(format => format.Name == "html").Render(record),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 20, "spend more on the attack (budget in audits)")]
    [InlineData(900, 1000, "do not hand out the weights")]
    public void Advice_OfAMissedLimit_SaysWhetherMoreAttemptsMayDo(int successes, int attempts, string words)
    {
        var after = Attacked(new AttackVariant("a", successes, attempts));

        var advice = Advice.For(_policy, Records.Before, after, Judge(after))!;

        Assert.StartsWith("digit-8/maxSuccess/truncation", advice.Text, StringComparison.Ordinal);
        Assert.Contains(words, advice.Text, StringComparison.Ordinal);
    }

    // Runs are comparable in an attack only where it had the same budget.
    [Fact]
    public void Comparability_OfAttacks_NeedsTheSameBudget()
    {
        var run = Run(Attacked(new AttackVariant("a", 0, 1000)));

        Assert.Null(Comparability.WhyNot(run, run, _rule));
        Assert.Equal("another budget", Comparability.WhyNot(
            run, run with { After = Changed(run.After!, reading => reading with { Budget = AttackBudget.Full }) }, _rule));
        Assert.Equal("not attacked", Comparability.WhyNot(run, run with { After = Records.After }, _rule));
    }

    private static Finding Judge(Measurement after) =>
        Gate.Judge(_policy, Records.Before, after, Records.Today).Findings.Single(finding => finding.Rule == _rule);

    private static Measurement Changed(Measurement measured, Func<AttackReading, AttackReading> change) =>
        measured with { Attacks = [change(measured.Attacks![0])] };

    private static Measurement Attacked(params IReadOnlyList<AttackVariant> variants) =>
        Records.After with { Attacks = [Reading(Records.After, variants)] };

    private static AttackReading Reading(Measurement measured, params IReadOnlyList<AttackVariant> variants) =>
        new("truncation", "digit-8", measured.GeneratorSha256, variants, Budget: AttackBudget.Quick);

    private static RunRecord Run(Measurement after, UnlearningPolicy? policy = null) =>
        Records.Run(Gate.Judge(policy ?? _policy, Records.Before, after, Records.Today), policy ?? _policy) with
        {
            After = after,
            PolicySource = new PolicySource(
                "../policy.json", _text, Sha256Digest.Compute(_text), CanonicalJson.Digest(_policy), []),
        };
}
