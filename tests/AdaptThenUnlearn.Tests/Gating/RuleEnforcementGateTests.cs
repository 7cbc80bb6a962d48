using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Gating;

/// <summary>What becomes of a rule that only warns: in the verdict, and in a record that is judged again later.</summary>
public sealed class RuleEnforcementGateTests
{
    private const string Rule = "digit-8/maxRate";
    private static readonly DateOnly _start = new(2027, 1, 1);
    private static readonly RuleEnforcement _later = new(Rule, EffectiveFrom: "2027-01-01");
    private static readonly Measurement _bad = Records.Measured("b", 150, 36, 900);   // 85 % unlearned, and 1.5 % left

    [Fact]
    public void Judge_BrokenRuleBeforeItsDay_IsAWarningAndAPass()
    {
        var verdict = Judge(_bad, _start.AddDays(-1), new RuleEnforcement("digit-8/minUnlearned", RuleEnforcement.Warn), _later);

        Assert.Equal((Outcome.PassedWithWarnings, true), (verdict.Outcome, verdict.Passed));
        Assert.Equal((FindingState.Warned, _later), (verdict.Findings[0].State, verdict.Findings[0].OnlyWarns));
        Assert.False(verdict.Findings[0].StopsRelease);
        Assert.NotNull(verdict.Findings[0].Judged);
        Assert.EndsWith(
            "; it only warns until it takes effect on 2027-01-01", VerdictText.DescribeWarned(verdict.Findings[0]),
            StringComparison.Ordinal);
        Assert.Equal(FindingState.Warned, verdict.Findings[1].State);
        Assert.Null(verdict.Findings[2].OnlyWarns);
    }

    [Fact]
    public void Judge_BrokenRuleFromItsDayOn_Fails() => Assert.Equal(
        (Outcome.Failed, FindingState.Failed),
        (Judge(_bad, _start, _later).Outcome, Judge(_bad, _start, _later).Findings[0].State));

    [Fact]
    public void Judge_MetRuleThatOnlyWarns_Passes()
    {
        var verdict = Judge(Records.After, Records.Today, _later);

        Assert.Equal((Outcome.Passed, FindingState.Passed), (verdict.Outcome, verdict.Findings[0].State));
    }

    [Fact]
    public void Judge_UnmeasuredRuleThatOnlyWarns_SaysThatItWasNotMeasured()
    {
        var unmeasured = Records.After with { Quality = null };
        var verdict = Judge(
            unmeasured, Records.Today, new RuleEnforcement("quality/maxFrechetDistance", RuleEnforcement.Warn),
            new RuleEnforcement("quality/maxFrechetIncrease", RuleEnforcement.Warn));

        Assert.Equal(Outcome.PassedWithWarnings, verdict.Outcome);
        Assert.Equal(2, verdict.Findings.Count(finding => finding.State is FindingState.WarnedNotMeasured));
        Assert.StartsWith(
            "warned, not measured quality/maxFrechetDistance: must be ≤ 40 (no image quality was measured)",
            VerdictText.DescribeWarned(verdict.Findings[2]), StringComparison.Ordinal);
    }

    [Fact]
    public void Judge_EveryRuleOnlyWarns_IsNotEnforcedWhetherMetOrNot()
    {
        RuleEnforcement[] all = [.. Records.Policy.RuleNames().Append(RuleName.MinShareKept()).Select(
            rule => new RuleEnforcement(rule.ToString(), RuleEnforcement.Warn))];

        foreach (var after in new[] { Records.After, _bad })
        {
            var verdict = Judge(after, Records.Today, all);
            Assert.Equal((Outcome.NotEnforced, true), (verdict.Outcome, verdict.Passed));
            Assert.Contains(verdict.Warnings, warning => warning.StartsWith("Nothing was enforced: ", StringComparison.Ordinal));
        }

        Assert.DoesNotContain(
            Judge(Records.After, Records.Today, all[1..]).Warnings,
            warning => warning.Contains("enforced", StringComparison.Ordinal));
    }

    // What is left to enforce does not apply without training, so that nothing that counts was judged.
    [Fact]
    public void Judge_OnlyWarningsWereJudged_IsNotAPass()
    {
        var policy = Records.Policy with
        {
            UndesiredFeatures = [Records.Policy.UndesiredFeatures[0] with { MinUnlearned = null }],
            Quality = Records.Policy.Quality! with { MaxFrechetDistance = null },
            Rules = [_later],
        };

        var verdict = Gate.Judge(policy, Records.Before, after: null, Records.Today);

        Assert.Equal(FindingState.Warned, verdict.Findings[0].State);
        Assert.Equal((Outcome.NotMeasured, false), (verdict.Outcome, verdict.Passed));
    }

    [Fact]
    public void Judge_WaivedRuleThatOnlyWarns_StaysAWarningAndSaysSo()
    {
        var policy = Records.Policy with
        {
            Waivers = [new Waiver(Rule, "why", "who", "2027-12-31")],
            Rules = [_later, new RuleEnforcement("digit-8/minUnlearned", RuleEnforcement.Warn)],
        };

        var before = Gate.Judge(policy, Records.Before, _bad, Records.Today);
        Assert.Equal((FindingState.Warned, null), (before.Findings[0].State, before.Findings[0].Waiver));
        Assert.Contains(
            $"The waiver of {Rule} was not needed: it only warns until it takes effect on 2027-01-01.", before.Warnings);
        Assert.Equal(Outcome.PassedWithWaivers, Gate.Judge(policy, Records.Before, _bad, _start).Outcome);
    }

    [Theory]
    [InlineData(RuleEnforcement.Warn, null, 0)]
    [InlineData(null, "2027-01-01", 0)]
    [InlineData(null, "2026-03-01", 1)]
    [InlineData(RuleEnforcement.Error, null, 1)]
    public void ViolatedFeatures_RuleThatOnlyWarns_IsNoReasonToTrain(string? severity, string? from, int expected)
    {
        var policy = Records.Policy with
        {
            UndesiredFeatures = [Records.Policy.UndesiredFeatures[0] with { MinUnlearned = null }],
            Rules = [new RuleEnforcement(Rule, severity, from)],
        };

        Assert.Equal(expected, Gate.ViolatedFeatures(policy, Records.Before, Records.Today).Count);
        Assert.Single(Gate.ViolatedFeatures(policy, Records.Before, today: null));
    }

    [Fact]
    public void VerifyReadings_RecordWithARuleThatTookEffectSince_StandsAndFailsToday()
    {
        var record = Recorded();

        var same = Verification.VerifyReadings(record, Records.Vocabulary, Records.Today);
        Assert.Empty(same.Problems);
        Assert.Equal((Outcome.PassedWithWarnings, false), (same.Outcome, same.IsReworded));
        var later = Verification.VerifyReadings(record, Records.Vocabulary, _start);
        Assert.Empty(later.Problems);
        Assert.Equal(Outcome.Failed, later.Outcome);
    }

    [Fact]
    public void VerifyReadings_WarningMadeOfAFailure_IsContradicted()
    {
        var record = Recorded();
        var failed = record with
        {
            Verdict = record.Verdict with
            {
                Findings = [record.Verdict.Findings[0] with { OnlyWarns = null }, .. record.Verdict.Findings.Skip(1)],
            },
        };

        Assert.Contains(
            "the recorded verdict is not what the recorded readings give",
            Verification.VerifyReadings(failed, Records.Vocabulary, Records.Today).Problems);
    }

    [Fact]
    public void Parse_WrittenRecordWithWarnings_IsTheSame()
    {
        var record = Recorded();

        Assert.Equal(record.Verdict.Findings, RunRecordFile.Parse(RunRecordFile.ToJson(record), "run.json").Verdict.Findings);
    }

    private static RunRecord Recorded()
    {
        const string Name = "\"name\": \"no-eights\",";
        var text = Records.PolicyText.Replace(
            Name,
            $$"""
            {{Name}}
            "rules": [
              { "rule": "{{Rule}}", "effectiveFrom": "2027-01-01" }, { "rule": "digit-8/minUnlearned", "severity": "warn" }
            ],
            """,
            StringComparison.Ordinal);
        var policy = PolicyReader.Read(text, "policy.json", Records.Vocabulary, []).Policy!;
        return Records.Run(Gate.Judge(policy, Records.Before, _bad, Records.Today), policy) with
        {
            After = _bad,
            PolicySource = new PolicySource(
                "../policy.json", text, Sha256Digest.Compute(text), CanonicalJson.Digest(policy), []),
        };
    }

    private static Verdict Judge(Measurement after, DateOnly today, params RuleEnforcement[] rules) => Gate.Judge(
        Records.Policy with
        {
            UndesiredFeatures = rules.Any(rule => rule.Rule == "digit-8/minUnlearned")
                ? Records.Policy.UndesiredFeatures
                : [Records.Policy.UndesiredFeatures[0] with { MinUnlearned = 0.5 }],
            Rules = rules,
        },
        Records.Before, after, today);
}
