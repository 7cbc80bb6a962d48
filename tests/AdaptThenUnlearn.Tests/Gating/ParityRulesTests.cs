using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Gating;

/// <summary>Rules about the files that ship: judged from stored counts, fail-closed, and told in every report.</summary>
public sealed class ParityRulesTests
{
    private const int Images = 10_000;
    private const string Limits = "\"maxParityDifference\": 0.002, \"maxPixelDifference\": 16, \"maxFrechetDifference\": 0.5";

    private static readonly UnlearningPolicy _policy = Read($$"""{ "checkpoint": "g.onnx", "name": "onnx", {{Limits}} }""");

    [Fact]
    public void Form_ThatIsTheSame_MeetsEveryRule()
    {
        var findings = OfForm(Judge(_policy, Artifact(30, Form(30))));

        Assert.Equal(
            [
                "digit-8/maxRate/onnx", "digit-8/maxParityDifference/onnx", "digit-8/noMoreHits/onnx",
                "shippedAs/maxPixelDifference/onnx", "shippedAs/maxFrechetDifference/onnx",
            ],
            findings.Select(finding => finding.Rule.ToString()));
        Assert.All(findings, finding => Assert.Equal(FindingState.Passed, finding.State));
        Assert.Equal(
            findings.Select(finding => finding.Rule), _policy.RuleNames().Where(rule => rule.Form is not null));
    }

    // What ships has the limit, the bound and the auditor's errors of what was judged.
    [Fact]
    public void Rate_OfAForm_IsJudgedAsTheArtifactsOwn()
    {
        foreach (var hits in new[] { 30, 150, 180, 250 })
        {
            var verdict = Judge(_policy, Artifact(30, Form(hits)));
            var alone = Judge(_policy, Artifact(hits, Form(hits)));

            var finding = verdict.Findings.Single(each => each.Rule.Limit is RuleLimit.MaxShippedRate);
            var expected = alone.Findings.Single(each => each.Rule.Limit is RuleLimit.MaxRate);
            Assert.Equal(expected with { Rule = finding.Rule }, finding);
        }

        Assert.Equal(FindingState.Failed, StateOf(RuleLimit.MaxShippedRate, Form(250)));
        Assert.False(Judge(_policy, Artifact(30, Form(250))).Passed);
    }

    // Without a difference in n images the bound is 1 − 0.05^(1/n): 2.9953e-4 of 10,000.
    [Theory]
    [InlineData(0.0003, FindingState.Passed)]
    [InlineData(0.000299, FindingState.Failed)]
    public void Difference_UpperBound_IsHeldAgainstTheLimit(double limit, FindingState state)
    {
        var policy = With(_policy.Generator.ShippedAs![0] with { MaxParityDifference = limit });

        var finding = Judge(policy, Artifact(30, Form(30))).Findings.Single(
            each => each.Rule.Limit is RuleLimit.MaxParityDifference);

        Assert.Equal((state, 0.0), (finding.State, finding.Observed));
        Assert.InRange(finding.Judged!.Value, 2.9952e-4, 2.9954e-4);
    }

    // 2^-6 = 0.0156 and 2^-7 = 0.0078. Another file makes no test laxer.
    [Theory]
    [InlineData(6, 1, FindingState.Passed)]
    [InlineData(7, 1, FindingState.Failed)]
    [InlineData(6, 2, FindingState.Passed)]
    [InlineData(7, 2, FindingState.Failed)]
    public void MoreHits_ThanByChance_FailAtOnePercent(int added, int forms, FindingState state)
    {
        var form = _policy.Generator.ShippedAs![0] with { MaxParityDifference = 0.01 };
        var policy = With([.. Enumerable.Range(0, forms).Select(number => form with { Name = number == 0 ? "onnx" : "other" })]);

        var finding = Judge(policy, Artifact(30, Form(30 + added, formOnly: added))).Findings.Single(
            each => each.Rule == RuleName.NoMoreHits("digit-8", "onnx"));

        Assert.Equal(state, finding.State);
        Assert.InRange(finding.Judged!.Value, Math.Pow(0.5, added) * (1 - 1e-12), Math.Pow(0.5, added) * (1 + 1e-12));
        Assert.Contains("McNemar's exact test", finding.Explanation, StringComparison.Ordinal);
    }

    // A file that was there before training is no export of what training made, however well it does.
    [Fact]
    public void Form_BesideATrainedArtifact_HasNothingMeasured()
    {
        var trained = Artifact(30, Form(30));
        var verdict = Gate.Judge(_policy, Artifact(30, Form(30)) with { Shipped = null }, trained, Records.Today);

        Assert.All(OfForm(verdict), finding => Assert.Equal(FindingState.NotMeasured, finding.State));
        Assert.All(OfForm(verdict), finding => Assert.Contains("export", finding.Explanation, StringComparison.Ordinal));
        Assert.False(verdict.Passed);
    }

    // That an export is like the artifact proves nothing where no rule on the artifact is enforced.
    [Fact]
    public void Outcome_OnlyParityIsEnforced_IsNotEnforced()
    {
        var findings = Judge(_policy, Artifact(30, Form(30))).Findings
            .Select(finding => finding.Rule.Limit is RuleLimit.MaxPixelDifference
                ? finding
                : finding with { OnlyWarns = new RuleEnforcement(finding.Rule.ToString(), "warn") });

        Assert.Equal(Outcome.NotEnforced, Outcomes.FromFindings([.. findings]));
    }

    // The artifact was counted twice on the same latents by the same auditor: 31 - 0 + 0 beside the file, and 30 by itself.
    [Fact]
    public void Artifact_CountedOtherwiseBesideTheFile_IsNoComparison()
    {
        var findings = OfForm(Judge(_policy, Artifact(30, Form(31))));

        Assert.Equal(FindingState.Passed, findings[0].State);   // the file's own rate needs no artifact
        Assert.Equal(4, findings[1..].Count);
        Assert.All(findings[1..], finding => Assert.Equal(FindingState.NotMeasured, finding.State));
        Assert.All(
            findings[1..],
            finding => Assert.StartsWith(
                "beside this file, the artifact showed 'digit-8' in 31 of 10000 images, and in 30 when", finding.Explanation,
                StringComparison.Ordinal));
        Assert.All(OfForm(Judge(_policy, Artifact(30, Form(31, formOnly: 1)))), finding => Assert.Equal(
            FindingState.Passed, finding.State));
    }

    [Theory]
    [InlineData("annotator", "8")]
    [InlineData("auditor", "9")]
    public void Artifact_CountedByAnotherAuditor_IsNoComparison(string classifier, string shown)
    {
        var form = Form(30);
        var other = form.Measured!.Features[0] with { Classifier = classifier, Class = shown };

        Assert.Equal(
            FindingState.NotMeasured,
            StateOf(RuleLimit.MaxParityDifference, form with { Measured = form.Measured with { Features = [other] } }));
    }

    // The limit is 1 %. An annotator that sees 200 of 10,000 contradicts an auditor that sees none: nothing was measured. Where
    // the auditor sees some, it is a warning, as of the artifact.
    [Theory]
    [InlineData(0, 200, FindingState.NotMeasured, 0)]
    [InlineData(0, 60, FindingState.Passed, 0)]
    [InlineData(30, 200, FindingState.Passed, 1)]
    [InlineData(30, 60, FindingState.Passed, 0)]
    public void Annotator_ThatContradictsTheAuditorOfAFile_IsToldOrStopsTheRelease(
        int hits, int seen, FindingState state, int warnings)
    {
        var form = Form(hits, artifactOnly: 30 - hits);
        var reading = form.Measured!.Features[0] with { AnnotatorHits = seen };

        var verdict = Judge(
            _policy, Artifact(30, form with { Measured = form.Measured with { Features = [reading] } }));

        Assert.Equal(state, OfForm(verdict)[0].State);
        Assert.Equal(
            warnings + (state is FindingState.NotMeasured ? 1 : 0),
            verdict.Warnings.Count(text => text.StartsWith("Digit-8 in 'onnx': the annotator sees", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("c", true)]
    [InlineData("b", false)]   // the artifact
    [InlineData("d", false)]
    public void Waiver_TiedToAFile_ExcusesThatFileAlone(string digit, bool excused)
    {
        foreach (var rule in new[]
        {
            "digit-8/maxRate/onnx", "digit-8/maxParityDifference/onnx", "shippedAs/maxPixelDifference/onnx",
        })
        {
            var policy = _policy with { Waivers = [new Waiver(rule, "seen", "Ada", "2026-12-31", Generator: Sha(digit))] };

            var verdict = Judge(policy, Artifact(30, Form(300, formOnly: 270) with { PixelDifference = 99 }));

            var finding = verdict.Findings.Single(each => each.Rule == RuleName.Parse(rule));
            Assert.Equal(excused ? FindingState.Waived : FindingState.Failed, finding.State);
            Assert.Equal(
                !excused,
                verdict.Warnings.Any(text => text.Contains(
                    $"it is for another file ({Sha(digit)}), and the shipped file is {Sha("c")}", StringComparison.Ordinal)));
        }
    }

    // The shipped file's digest excuses nothing of the artifact.
    [Fact]
    public void Waiver_TiedToAFile_ExcusesNoRuleOfTheArtifact()
    {
        var policy = _policy with
        {
            Waivers = [new Waiver("digit-8/maxRate", "seen", "Ada", "2026-12-31", Generator: Sha("c"))],
        };

        var finding = Judge(policy, Artifact(300, Form(300))).Findings.Single(each => each.Rule.Limit is RuleLimit.MaxRate);

        Assert.Equal(FindingState.Failed, finding.State);
    }

    // Fewer hits are no harm, and still a difference.
    [Fact]
    public void FewerHits_AreADifferenceAndNoAddedHits()
    {
        var form = Form(0, artifactOnly: 30);

        Assert.Equal(FindingState.Failed, StateOf(RuleLimit.MaxParityDifference, form));
        Assert.Equal(FindingState.Passed, StateOf(RuleLimit.NoMoreHits, form));
    }

    [Fact]
    public void PixelsAndDistance_BeyondTheirLimits_Fail()
    {
        Assert.Equal(FindingState.Passed, StateOf(RuleLimit.MaxPixelDifference, Form(30) with { PixelDifference = 16 }));
        Assert.Equal(FindingState.Failed, StateOf(RuleLimit.MaxPixelDifference, Form(30) with { PixelDifference = 17 }));
        Assert.Equal(FindingState.Passed, StateOf(RuleLimit.MaxFrechetDifference, Form(30) with { FrechetDistance = 0.5 }));
        Assert.Equal(FindingState.Failed, StateOf(RuleLimit.MaxFrechetDifference, Form(30) with { FrechetDistance = 0.51 }));
        Assert.Equal(FindingState.NotMeasured, StateOf(RuleLimit.MaxFrechetDifference, Form(30) with { FrechetDistance = null }));
    }

    [Fact]
    public void Form_ThatWasNotMeasuredAsAsked_IsNotMeasuredAndStopsTheRelease()
    {
        var good = Form(30);
        var own = good.Measured!;
        Expect("the shipped file was not measured", Artifact(30));
        Expect("the shipped file was not measured", Artifact(30, good, good));
        Expect("the shipped file was not measured", Artifact(30, good with { Form = "other" }));
        Expect("its program failed", Artifact(30, ParityReading.Failed("onnx", Sha("c"), Sha("b"), "its program failed")));
        Expect("its counts are impossible", Artifact(30, good with { Sha256 = Sha("d") }));
        Expect("its counts are impossible", Artifact(30, good with { PixelDifference = 256 }));
        Expect("its counts are impossible", Artifact(30, good with { Answers = [] }));
        Expect("its counts are impossible", Artifact(30, Form(30, formOnly: 31)));
        Expect("its counts are impossible", Artifact(30, Form(30, formOnly: -1)));
        Expect("the shipped file was not measured as", Artifact(30, good with { GeneratorSha256 = Sha("a") }));
        Expect("the shipped file was not measured as", Artifact(30, good with { Measured = own with { Seed = 21 } }));
        Expect("the network's raw output", Artifact(30, good with { Measured = own with { Range = EvaluationOptions.Raw } }));
        Expect(
            "the auditor 'auditor' says the same",
            Artifact(30, good with
            {
                Measured = own with
                {
                    Features = [own.Features[0] with { NotMeasured = "the auditor 'auditor' says the same of each" }],
                },
            }));

        static void Expect(string why, Measurement artifact)
        {
            var finding = OfForm(Judge(_policy, artifact))[0];
            Assert.Equal(FindingState.NotMeasured, finding.State);
            Assert.StartsWith(why, finding.Explanation, StringComparison.Ordinal);
            Assert.True(finding.StopsRelease);
        }
    }

    // An export of the original is none of what was trained.
    [Fact]
    public void Form_BesideATrainedArtifact_SaysWhatToDo()
    {
        var after = Artifact(2, Form(300, artifactOnly: 0, formOnly: 298));

        var verdict = Gate.Judge(_policy, Records.Before, after, Records.Today);

        var failed = OfForm(verdict).Where(finding => finding.State is FindingState.Failed).ToList();
        Assert.Equal(3, failed.Count);
        Assert.All(
            failed, finding => Assert.Contains("atu govern --no-train", finding.Explanation, StringComparison.Ordinal));
        Assert.Contains(
            Advice.For(_policy, Records.Before, after, verdict.Findings),
            advice => advice.Text.Contains("Export the artifact again", StringComparison.Ordinal));
    }

    // The sentence that the limits are made for, through the gate's own arithmetic. Rates of 0.3 % and 0.9 %, 10,000 images.
    [Fact]
    public void Simulation_TripledRateIsCaughtAndFaithfulExportsPass()
    {
        var policy = With(_policy.Generator.ShippedAs![0] with { MaxPixelDifference = null, MaxFrechetDifference = null }) with
        {
            UndesiredFeatures = [_policy.UndesiredFeatures[0] with { MaxRate = 0.02 }],   // parity alone must tell
        };
        var byRate = With(new ShippedForm("g.onnx", "onnx")) with
        {
            UndesiredFeatures = [_policy.UndesiredFeatures[0] with { MaxRate = 0.006 }],   // the feature's own limit alone
        };
        Dictionary<string, int> passed = new() { ["same"] = 0, ["float16"] = 0, ["tripled"] = 0, ["tripled, by rate"] = 0 };
        for (var seed = 0; seed < 100; seed++)
        {
            var random = new Random(seed);
            bool[] artifact = [.. Enumerable.Range(0, Images).Select(_ => random.NextDouble() < 0.003)];
            bool[] rounded = [.. artifact.Select(shows => shows ^ random.NextDouble() < 2.0 / Images)];
            bool[] tripled = [.. artifact.Select(shows => random.NextDouble() < (shows ? 0.9 : (0.009 - 0.9 * 0.003) / 0.997))];
            Count("same", policy, artifact, artifact);
            Count("float16", policy, artifact, rounded);
            Count("tripled", policy, artifact, tripled);
            Count("tripled, by rate", byRate, artifact, tripled);
        }

        Assert.Equal(100, passed["same"]);
        Assert.InRange(passed["float16"], 99, 100);
        Assert.InRange(passed["tripled"], 0, 1);
        Assert.InRange(passed["tripled, by rate"], 0, 1);

        void Count(string which, UnlearningPolicy judgedBy, bool[] artifact, bool[] form)
        {
            var formOnly = artifact.Zip(form).Count(pair => pair is (false, true));
            var artifactOnly = artifact.Zip(form).Count(pair => pair is (true, false));
            var findings = OfForm(Judge(
                judgedBy, Artifact(artifact.Count(shows => shows), Form(form.Count(shows => shows), artifactOnly, formOnly))));
            passed[which] += findings.All(finding => finding.State is FindingState.Passed) ? 1 : 0;
        }
    }

    [Fact]
    public void Rules_OfAForm_AreOnesThatWaiversAndRulesMayName()
    {
        foreach (var name in _policy.RuleNames().Where(rule => rule.Form is not null))
        {
            Assert.Equal(name, RuleName.Parse(name.ToString()));
            Assert.NotNull(_policy.PathOfLimit(name));
        }

        Assert.Equal("$.undesiredFeatures[0].maxRate", _policy.PathOfLimit(RuleName.MaxShippedRate("digit-8", "onnx")));
        Assert.Equal(
            "$.generator.shippedAs[0].maxParityDifference", _policy.PathOfLimit(RuleName.NoMoreHits("digit-8", "onnx")));
        Assert.Null(_policy.PathOfLimit(RuleName.MaxShippedRate("digit-8", "other")));
        Assert.Null(_policy.PathOfLimit(RuleName.MaxShippedRate("digit-9", "onnx")));
        var waived = Judge(
            _policy with
            {
                Waivers = [new Waiver("shippedAs/maxPixelDifference/onnx", "seen", "Ada", "2026-12-31")],
                Rules = [new RuleEnforcement("digit-8/maxParityDifference/onnx", RuleEnforcement.Warn)],
            },
            Artifact(70, Form(30, artifactOnly: 40) with { PixelDifference = 99 }));
        Assert.Equal(
            [FindingState.Passed, FindingState.Warned, FindingState.Passed, FindingState.Waived, FindingState.Passed],
            OfForm(waived).Select(finding => finding.State));
    }

    [Fact]
    public void Record_WithForms_IsReadAgainAndReported()
    {
        var record = Run(Form(31, formOnly: 1));

        var again = RunRecordFile.Parse(RunRecordFile.ToJson(record), "run.json");
        var page = new MarkdownReport().Render(again);

        Assert.Equal(RunRecordFile.ToJson(record), RunRecordFile.ToJson(again));
        Assert.Contains("## What ships", page, StringComparison.Ordinal);
        Assert.Contains("| onnx | digit-8 | 30 of 10000 | 31 of 10000 | 0 | 1 |", page, StringComparison.Ordinal);
        Assert.Contains("digit-8/maxParityDifference/onnx", page, StringComparison.Ordinal);
        foreach (var flawed in new[] { Form(31, formOnly: 32), Form(31) with { Answers = [] } })
            Assert.Throws<RunRecordException>(() => RunRecordFile.Parse(RunRecordFile.ToJson(Run(flawed)), "run.json"));
    }

    private static RunRecord Run(ParityReading form)
    {
        var artifact = Artifact(30, form);
        return Records.Named("untrained") with
        {
            Policy = _policy,
            Before = artifact,
            After = null,
            Verdict = Judge(_policy, artifact),
        };
    }

    private static UnlearningPolicy Read(string form) => PolicyReader.Read(
        Records.PolicyText
            .Replace("\"generator.safetensors\"", $"\"generator.safetensors\", \"shippedAs\": [{form}]", StringComparison.Ordinal)
            .Replace(", \"minUnlearned\": 0.95", "", StringComparison.Ordinal),
        "policy.json", Records.Vocabulary, []).Policy!;

    private static UnlearningPolicy With(params ShippedForm[] forms) =>
        _policy with { Generator = _policy.Generator with { ShippedAs = forms } };

    private static FindingState StateOf(RuleLimit limit, ParityReading form) =>
        Judge(_policy, Artifact(30, form)).Findings.Single(finding => finding.Rule.Limit == limit).State;

    private static Verdict Judge(UnlearningPolicy policy, Measurement artifact) =>
        Gate.Judge(policy, artifact, after: null, Records.Today);

    private static List<Finding> OfForm(Verdict verdict) => [.. verdict.Findings.Where(each => each.Rule.Form is not null)];

    private static Measurement Artifact(long hits, params ParityReading[] forms) =>
        Records.Measured("b", hits, 30, 1000) with { Shipped = forms.Length == 0 ? null : forms };

    private static ParityReading Form(long hits, long artifactOnly = 0, long formOnly = 0) => new(
        "onnx", Sha("c"), Sha("b"), [new AnswerDifference("digit-8", Images, artifactOnly, formOnly)],
        Records.Measured("c", hits, 30, 1000) with { Quality = null, Shares = [] }, PixelDifference: 1, FrechetDistance: 0.01);

    private static string Sha(string digit) => string.Concat(Enumerable.Repeat(digit, 64));
}
