using AdaptThenUnlearn.Attestation;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Gating;

/// <summary>No attack may succeed more often than in the last accepted run; what cannot be compared has failed.</summary>
public sealed class RatchetAttacksTests : IDisposable
{
    private const string Name = "digit-8/noWorseThanBaseline/truncation";
    private static readonly RuleName _rule = RuleName.Parse(Name);
    private static readonly string _annotator = new('f', 64);

    private static readonly string _text = Records.PolicyText.Replace(
        "\"schemaVersion\": 1,", """
        "schemaVersion": 1, "audits": [{ "attack": "truncation", "maxSuccess": 0.9 }],
        """, StringComparison.Ordinal);

    private static readonly UnlearningPolicy _policy =
        PolicyReader.Read(_text, "policy.json", Records.Vocabulary, []).Policy!;

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-ratchet-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Name_OfTheRule_IsWrittenTheSameAndIsOfTheRatchet()
    {
        Assert.Equal((RuleLimit.NoWorseSuccess, "digit-8", "truncation"), (_rule.Limit, _rule.Subject, _rule.Attack));
        Assert.Equal(Name, _rule.ToString());
        Assert.True(_rule.IsOfRatchet && _rule.IsShare && !_rule.IsOfFeature);
        Assert.Equal("$.audits[0]", _policy.PathOfLimit(_rule));
        Assert.DoesNotContain(_rule, _policy.RuleNames());
        Assert.Contains(_rule, (_policy with { Ratchet = true }).RuleNames());
    }

    // Clopper–Pearson without a success: 1 − α^(1/n); with nothing but successes: α^(1/n). α is half of 5 %, for two variants.
    [Fact]
    public void Judge_TwoVariants_ComparesTheOneThatGrewMost()
    {
        var finding = Judge([Of("a", 5, 300), Of("b", 300, 300)], [Of("a", 5, 300), Of("b", 0, 200)]);

        var alpha = 0.05 / 2 / 2;
        Assert.Equal(1 - Math.Pow(alpha, 1 / 200.0), finding.Limit!.Value, 1e-9);
        Assert.Equal(Math.Pow(alpha, 1 / 300.0), finding.Judged!.Value, 1e-9);
        Assert.Equal((FindingState.Failed, 1.0, "≤"), (finding.State, finding.Observed, finding.Comparator));
        Assert.StartsWith("b: 300 of 300 attempts", finding.Explanation, StringComparison.Ordinal);
        Assert.Contains("0 of 200 in the accepted run", finding.Explanation, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(6, 6, true)]
    [InlineData(0, 6, true)]
    [InlineData(12, 6, true)]    // worse, and within the error of both
    [InlineData(60, 6, false)]
    public void Judge_FailsOnlyBeyondTheErrorOfBoth(long now, long then, bool passes) =>
        Assert.Equal(passes, Judge([Of("a", now, 300)], [Of("a", then, 300)]).State is FindingState.Passed);

    // The exact probability over all pairs of counts, for an attack of two variants that succeeds as often as it did.
    [Theory]
    [InlineData(0.02)]
    [InlineData(0.3)]
    public void Judge_AttackThatSucceedsAsOften_FailsNoMoreOftenThanPromised(double rate)
    {
        const int Attempts = 40;
        var chances = Enumerable.Range(0, Attempts + 1).Select(hits => Binomial(hits, Attempts, rate)).ToArray();
        var counts = Enumerable.Range(0, Attempts + 1).Where(hits => chances[hits] > 1e-7).ToList();

        var failsAlone = 0.0;
        foreach (var then in counts)
        {
            // Worse is worse: find the first count that fails. The other variant never grows.
            var first = counts.Cast<int?>().FirstOrDefault(now => Judge(
                [Of("a", now!.Value, Attempts), Of("b", 0, 300)], [Of("a", then, Attempts), Of("b", 0, 300)]).State
                    is FindingState.Failed);
            failsAlone += first is { } from ? chances[then] * counts.Where(now => now >= from).Sum(now => chances[now]) : 0;
        }

        Assert.InRange(1 - (1 - failsAlone) * (1 - failsAlone), 0, 0.05);
    }

    [Theory]
    [InlineData("not attacked", "it was not put to the attack 'truncation'")]
    [InlineData("attacked twice", "it was not put to the attack 'truncation'")]
    [InlineData("another attack", "it was not put to the attack 'truncation'")]
    [InlineData("budget", "its attack had another budget")]
    [InlineData("no budget", "its attack had another budget")]
    [InlineData("another generator", "another generator was attacked than the one it released")]
    [InlineData("auditor", "its auditor, or its threshold, is another")]
    [InlineData("annotator", "the annotator, which guides the attack, is another")]
    [InlineData("unknown annotator", "the annotator, which guides the attack, is another")]
    [InlineData("no attackers", "the annotator, which guides the attack, is another")]
    [InlineData("discriminator", "its attack trained against another discriminator")]
    [InlineData("other variants", "its attack tried other variants")]
    [InlineData("fewer variants", "its attack tried other variants")]
    [InlineData("another original", "its attack knew another original generator")]
    [InlineData("unmeasured", "its attack was not measured (a: it diverged)")]
    [InlineData("impossible", "the counts of its attack are impossible")]
    [InlineData("truncation", "its latents had another truncation")]
    [InlineData("class", "it counted another class")]
    public void Judge_BaselineOfAnotherAttack_IsNotMeasuredAndHasFailed(string what, string reason)
    {
        var was = Reading(Records.After, Of("a", 5, 300), Of("b", 5, 300));
        IReadOnlyList<AttackReading> attacks = what switch
        {
            "not attacked" => [],
            "attacked twice" => [was, was],
            "another attack" => [was with { Attack = "mixing" }],
            "budget" => [was with { Budget = AttackBudget.Full }],
            "no budget" => [was with { Budget = null }],
            "another generator" => [was with { GeneratorSha256 = Records.Before.GeneratorSha256 }],
            "discriminator" => [was with { DiscriminatorSha256 = new string('d', 64) }],
            "other variants" => [was with { Variants = [Of("a", 5, 300), Of("c", 5, 300)] }],
            "fewer variants" => [was with { Variants = [Of("a", 5, 300)] }],
            "unmeasured" => [was with { Variants = [AttackVariant.NotMeasured("a", "it diverged"), Of("b", 5, 300)] }],
            "impossible" => [was with { Variants = [Of("a", 5, 300), Of("b", 301, 300)] }],
            _ => [was],
        };
        var measured = Records.After with { Attacks = attacks };
        var ratchet = RatchetTo(what switch
        {
            "truncation" => measured with { Truncation = 0.7 },
            "class" => measured with { Features = [measured.Features[0] with { Class = "9" }] },
            _ => measured,
        });
        ratchet = what switch
        {
            "auditor" => ratchet with { Auditors = [new FeatureAuditor("digit-8", new string('0', 64))] },
            "annotator" => ratchet with { Attackers = Guided(new string('0', 64)) },
            "unknown annotator" => ratchet with
            {
                Attackers = Guided(null),
                Baseline = ratchet.Baseline with { Attackers = Guided(null) },
            },
            "another original" => ratchet with
            {
                Attackers = Guided(_annotator) with { OriginalSha256 = Records.After.GeneratorSha256 },
                Baseline = ratchet.Baseline with { Attackers = Guided(_annotator) },
            },
            "no attackers" => ratchet with { Baseline = ratchet.Baseline with { Attackers = null } },
            _ => ratchet,
        };

        var finding = Find(Gate.Judge(
            _policy, Records.Before, Attacked(Of("a", 0, 300), Of("b", 0, 300)), Records.Today, ratchet));

        Assert.Equal(FindingState.NotMeasured, finding.State);
        Assert.True(finding.StopsRelease);
        Assert.Contains(reason, finding.Explanation, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("discriminator", true)]
    [InlineData("images", false)]
    public void Judge_WhatComesWithTheGenerator_IsComparable(string what, bool comparable)
    {
        var policy = _policy with { Audits = [new AttackLimit(AttackLimit.TakesImages, 0.9)] };
        var isNow = Records.After with { Attacks = [Own(Records.After)] };
        var ratchet = RatchetTo(Records.Before with { Attacks = [Own(Records.Before)] });
        if (what == "images")
            ratchet = ratchet with { Attackers = Guided(_annotator) with { ImagesSha256 = new string('1', 64) } };

        var finding = Gate.Judge(policy, Records.Before, isNow, Records.Today, ratchet).Findings
            .Single(each => each.Rule.ToString() == "digit-8/noWorseThanBaseline/inversion");

        Assert.Equal(comparable ? FindingState.Passed : FindingState.NotMeasured, finding.State);
        if (!comparable)
            Assert.Contains("other images were given", finding.Explanation, StringComparison.Ordinal);

        static AttackReading Own(Measurement measured) => Reading(measured, Of("a", 5, 300)) with
        {
            Attack = AttackLimit.TakesImages,
            DiscriminatorSha256 = measured.GeneratorSha256,
        };
    }

    [Fact]
    public void Judge_AttackNowThatWasNotMade_IsNotMeasured()
    {
        var then = RatchetTo(Attacked(Of("a", 0, 300)));
        Expect("the attack was not made", Records.After);
        Expect("a: it diverged", Attacked(AttackVariant.NotMeasured("a", "it diverged")));
        Expect("the attack was not made as this policy asks", Attacked(Of("a", 0, 300)) with { Seed = 21 });

        void Expect(string why, Measurement after)
        {
            var finding = Find(Gate.Judge(_policy, Records.Before, after, Records.Today, then));
            Assert.Equal(FindingState.NotMeasured, finding.State);
            Assert.StartsWith(why, finding.Explanation, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Judge_NoAcceptedRunAlthoughThePolicyAsksForOne_IsNotMeasured() => Assert.Equal(
        FindingState.NotMeasured,
        Find(Gate.Judge(
            _policy with { Ratchet = true }, Records.Before, Attacked(Of("a", 0, 300)), Records.Today)).State);

    [Fact]
    public void Judge_AdvisoryAttack_OnlyWarns()
    {
        var policy = _policy with { Audits = [_policy.Audits![0] with { Advisory = true }] };
        var ratchet = RatchetTo(Attacked(Of("a", 0, 300)));

        var worse = Gate.Judge(policy, Records.Before, Attacked(Of("a", 100, 300)), Records.Today, ratchet);

        Assert.Equal(FindingState.Warned, Find(worse).State);
        Assert.Equal(Outcome.PassedWithWarnings, worse.Outcome);
    }

    // An accepted run's record keeps what guided its attacks, verifies, and is told in every report.
    [Fact]
    public void AcceptedRun_WithAttacks_KeepsWhatGuidedThem()
    {
        var accepted = Run(Attacked(Of("a", 0, 300)), baseline: null);
        RunRecordFile.Write(Path.Combine(_folder, "accepted.json"), accepted);
        var baseline = AcceptedRun.Read(Path.Combine(_folder, "accepted.json"), Records.Vocabulary).Baseline;
        Assert.Equal([new FeatureAuditor("digit-8", "n")], baseline.Attackers!.Annotators);
        Assert.Null(baseline.Attackers.ImagesSha256);

        var worse = Run(Attacked(Of("a", 30, 300)), baseline);

        Assert.Equal(Outcome.Failed, worse.Verdict.Outcome);
        var verification = Verification.VerifyRun(_folder, worse, Records.Vocabulary, Records.Today);
        Assert.All(verification.Problems, problem => Assert.EndsWith("is missing", problem, StringComparison.Ordinal));
        Assert.StartsWith("300 attempts, ", RuleMetric.Images(_rule, worse), StringComparison.Ordinal);
        Assert.All(ReportFormats.All.Where(format => format.Name != "badge"), format => Assert.Contains(
            Name, format.Render(worse).Replace("\\/", "/", StringComparison.Ordinal), StringComparison.Ordinal));
        var page = ReportFormats.All.Single(format => format.Name == "html").Render(worse);
        Assert.Contains(
            "<dt>No worse than</dt><dd>the accepted run of 2026-03-01 10:03 UTC, SHA-256 ", page, StringComparison.Ordinal);
        Assert.Contains(baseline.Sha256, page, StringComparison.Ordinal);
        Assert.Contains(
            "worse than in the last accepted run",
            Advice.For(_policy, worse.Before, worse.After, Find(worse.Verdict))!.Text, StringComparison.Ordinal);
    }

    private static RunRecord Run(Measurement after, Baseline? baseline)
    {
        var run = Records.Run(policy: _policy) with
        {
            After = after,
            Baseline = baseline,
            PolicySource = new PolicySource(
                "../policy.json", _text, Sha256Digest.Compute(_text), CanonicalJson.Digest(_policy), []),
        };
        if (baseline is not null)
            run = run with { Inputs = [.. run.Inputs, new InputFile(InputRoles.Baseline, "accepted.json", baseline.Sha256)] };
        var verdict = Gate.Judge(_policy, run.Before, after, Records.Today, run.Ratchet());
        return run with
        {
            Verdict = verdict,
            Outputs = verdict.Outcome.IsPass() ? run.Outputs
                : [new OutputFile(OutputRoles.Rejected, "no-eights.rejected.safetensors", after.GeneratorSha256)],
        };
    }

    private static Finding Judge(IReadOnlyList<AttackVariant> now, IReadOnlyList<AttackVariant> then) => Find(
        Gate.Judge(_policy, Records.Before, Attacked([.. now]), Records.Today, RatchetTo(Attacked([.. then]))));

    private static Finding Find(Verdict verdict) => verdict.Findings.Single(finding => finding.Rule == _rule);

    private static Ratchet RatchetTo(Measurement measured)
    {
        var ratchet = RatchetTests.RatchetTo(measured);
        return ratchet with
        {
            Attackers = Guided(_annotator),
            Baseline = ratchet.Baseline with { Attackers = Guided(_annotator) },
        };
    }

    private static Attackers Guided(string? annotator) =>
        new([new FeatureAuditor("digit-8", annotator)], OriginalSha256: Records.Before.GeneratorSha256);

    private static AttackVariant Of(string name, long successes, long attempts) => new(name, successes, attempts);

    private static Measurement Attacked(params IReadOnlyList<AttackVariant> variants) =>
        Records.After with { Attacks = [Reading(Records.After, variants)] };

    private static AttackReading Reading(Measurement measured, params IReadOnlyList<AttackVariant> variants) =>
        new("truncation", "digit-8", measured.GeneratorSha256, variants, Budget: AttackBudget.Quick);

    private static double Binomial(int hits, int samples, double rate)
    {
        var logarithm = Enumerable.Range(1, hits).Sum(index => Math.Log((samples - hits + index) / (double)index));
        return Math.Exp(logarithm + hits * Math.Log(rate) + (samples - hits) * Math.Log(1 - rate));
    }
}
