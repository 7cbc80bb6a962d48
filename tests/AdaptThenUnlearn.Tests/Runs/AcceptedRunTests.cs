using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Runs;

/// <summary>The last accepted run: which records can be one, and what a record that was compared with one must hold.</summary>
public sealed class AcceptedRunTests : IDisposable
{
    private const string Rule = "digit-8/noWorseThanBaseline";
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-accepted-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Read_AcceptedRun_KeepsWhatAComparisonNeeds()
    {
        var record = Records.Run();
        var accepted = AcceptedRun.Read(Write(record), Records.Vocabulary);

        Assert.Equal(("no-eights", record.Times.Finished, 4), (
            accepted.PolicyName, accepted.Baseline.Finished, accepted.Baseline.Looks));
        Assert.Equal(Sha256Digest.FindAt(accepted.Path), accepted.Baseline.Sha256);
        Assert.Equal(record.After!.GeneratorSha256, accepted.Baseline.Measured.GeneratorSha256);
        Assert.Equal([new FeatureAuditor("digit-8", "e")], accepted.Baseline.Auditors);
        Assert.Equal(("auditor", "e"), (accepted.Baseline.ShareCounter, accepted.Baseline.ShareCounterSha256));
    }

    [Fact]
    public void Read_RunThatWasNotReleased_IsRefused()
    {
        var after = Records.Measured("b", 400, 36, 900);
        var failed = Records.Run(Gate.Judge(Records.Policy, Records.Before, after, Records.Today)) with
        {
            After = after,
            Outputs = [new OutputFile(OutputRoles.Rejected, "no-eights.rejected.safetensors", after.GeneratorSha256)],
        };

        Assert.Contains("its generator may not be released", Refusal(Write(failed)), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_RunThatEnforcedNothing_IsRefused()
    {
        var rules = Records.Policy.RuleNames().Append(RuleName.MinShareKept())
            .Select(rule => $$"""{ "rule": "{{rule}}", "severity": "warn" }""");
        var run = Ruled($"\"rules\": [{string.Join(", ", rules)}]");

        Assert.Equal(Outcome.NotEnforced, run.Verdict.Outcome);
        Assert.Contains("nothing was enforced in it", Refusal(Write(run)), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_RunOfTheFuture_IsRefused()
    {
        var run = Records.Run();
        run = run with { Times = run.Times with { Finished = new DateTimeOffset(9000, 1, 1, 0, 0, 0, TimeSpan.Zero) } };

        Assert.Contains("it was finished in the future: 9000-01-01 00:00:00Z", Refusal(Write(run)), StringComparison.Ordinal);
    }

    // The same file reads images in another way.
    [Theory]
    [InlineData("\"classes\": [\"8\", \"9\"]")]
    [InlineData("\"classes\": [\"9\", \"8\"]")]
    [InlineData("\"outputs\": \"sigmoid\"")]
    public void Read_ClassifierThatIsUsedInAnotherWay_HasAnotherDigest(string use)
    {
        var text = Records.PolicyText.Replace(
            "\"auditor.safetensors\"", "\"auditor.safetensors\", " + use, StringComparison.Ordinal);
        var policy = PolicyReader.Read(text, "policy.json", Records.Vocabulary, []).Policy!;
        var baseline = AcceptedRun.Read(Write(Of(text, policy)), Records.Vocabulary).Baseline;
        var sha256 = CanonicalJson.DigestAsUsed(policy.Classifiers["auditor"], "e");

        Assert.NotEqual("e", sha256);
        Assert.NotEqual(sha256, CanonicalJson.DigestAsUsed(policy.Classifiers["auditor"] with { Classes = ["8"] }, "e"));
        Assert.Equal(
            (sha256, sha256, sha256),
            (baseline.Auditors[0].Sha256, baseline.ShareCounterSha256, baseline.ExtractorSha256));
        Assert.Equal(
            "another auditor", Comparability.WhyNot(Records.Run(), Of(text, policy), RuleName.Parse("digit-8/maxRate")));
        Assert.Equal(
            "another extractor",
            Comparability.WhyNot(Records.Run(), Of(text, policy), RuleName.Parse("quality/maxFrechetDistance")));
        Assert.Equal(
            "another classifier",
            Comparability.WhyNot(Records.Run(), Of(text, policy), RuleName.Parse("quality/minShareKept/9")));

        // What only finds the file does not count.
        var moved = policy.Classifiers["auditor"] with { Checkpoint = "x", Sha256 = "e", Format = "safetensors" };
        Assert.Equal(sha256, CanonicalJson.DigestAsUsed(moved, "e"));
    }

    [Fact]
    public void Read_RecordThatDoesNotStand_IsRefused()
    {
        var better = Records.Run() with { After = Records.Measured("b", 0, 36, 900) };

        Assert.Contains("its record does not stand", Refusal(Write(better)), StringComparison.Ordinal);
        File.WriteAllText(At("none.json"), "{");
        Assert.Contains("is not a run record", Refusal(At("none.json")), StringComparison.Ordinal);
        Assert.Contains("cannot be read", Refusal(At("missing.json")), StringComparison.Ordinal);
    }

    [Fact]
    public void VerifyRun_ComparedRecord_JudgesWithTheStoredBaseline()
    {
        var record = Compared();

        Assert.Contains(record.Verdict.Findings, finding => finding.Rule.ToString() == Rule);
        var verification = Verify(record);
        Assert.All(verification.Problems, problem => Assert.EndsWith("is missing", problem, StringComparison.Ordinal));
        Assert.Equal(record.Verdict.Findings, verification.Verdict.Findings);
        Assert.False(verification.IsReworded);
        Assert.Equal(RunRecordFile.ToJson(record), RunRecordFile.ToJson(RunRecordFile.Parse(RunRecordFile.ToJson(record), "r")));
    }

    [Theory]
    [InlineData("worse baseline", "the baseline has other readings than its file")]
    [InlineData("worse baseline", "the recorded verdict is not what the recorded readings give")]
    [InlineData("no baseline", "the record names a baseline among its inputs, and does not say that it was compared with it")]
    [InlineData("no baseline", "the recorded verdict is not what the recorded readings give")]
    [InlineData("no input", "the baseline is not one recorded input")]
    [InlineData("another digest", "the baseline is not one recorded input")]
    [InlineData("younger", "the baseline is younger than the run")]
    [InlineData("changed file", "baseline accepted.json has changed")]
    [InlineData("deleted file", "baseline accepted.json is missing")]
    public void VerifyRun_BaselineThatDoesNotFit_IsAProblem(string what, string problem)
    {
        var record = Compared();
        var baseline = record.Baseline!;
        record = what switch
        {
            "worse baseline" => record with
            {
                Baseline = baseline with { Measured = Records.Measured("b", 5000, 36, 900) },
            },
            "no baseline" => record with { Baseline = null },
            "no input" => record with { Inputs = [.. record.Inputs.Where(input => input.Role != InputRoles.Baseline)] },
            "another digest" => record with { Baseline = baseline with { Sha256 = new string('0', 64) } },
            "younger" => record with { Baseline = baseline with { Finished = record.Times.Finished.AddSeconds(1) } },
            _ => record,
        };
        if (what == "changed file")
            File.AppendAllText(At("accepted.json"), " ");
        if (what == "deleted file")
            File.Delete(At("accepted.json"));

        Assert.Contains(Verify(record).Problems, found => found.Contains(problem, StringComparison.Ordinal));
    }

    [Fact]
    public void VerifyRun_BaselineThatWasNotAccepted_IsAProblem()
    {
        var after = Records.Measured("b", 400, 36, 900);
        var failed = Records.Run(Gate.Judge(Records.Policy, Records.Before, after, Records.Today)) with
        {
            After = after,
            Outputs = [new OutputFile(OutputRoles.Rejected, "no-eights.rejected.safetensors", after.GeneratorSha256)],
        };

        Assert.Contains(
            "the baseline cannot be one, because its generator may not be released", Problems(failed), StringComparison.Ordinal);
    }

    // What `atu govern --ratchet` refuses does not verify either, and no file makes the check fail in another way.
    [Theory]
    [InlineData("better readings", "the baseline cannot be one, because its record does not stand")]
    [InlineData("no samples", "the baseline cannot be one, because its record does not stand")]
    [InlineData("no features", "the baseline cannot be one, because its record does not stand")]
    [InlineData("another name", "the baseline is a run of another policy ('other')")]
    public void VerifyRun_BaselineThatGovernRefuses_IsAProblem(string what, string problem)
    {
        var run = Records.Run();
        var other = Records.PolicyText.Replace("no-eights", "other", StringComparison.Ordinal);
        run = what switch
        {
            "better readings" => run with { After = Records.Measured("b", 0, 36, 900) },
            "no samples" => run with
            {
                Policy = run.Policy with { Evaluation = run.Policy.Evaluation with { Samples = 0 } },
            },
            "no features" => run with { Policy = run.Policy with { UndesiredFeatures = [] } },
            _ => Of(other, PolicyReader.Read(other, "policy.json", Records.Vocabulary, []).Policy!),
        };

        Assert.Contains(problem, Problems(run), StringComparison.Ordinal);
    }

    // Of a run whose record names this file as its baseline.
    private string Problems(RunRecord baseline)
    {
        var record = Compared();
        var sha256 = Sha256Digest.FindAt(Write(baseline))!;
        return string.Join("; ", Verify(record with
        {
            Baseline = record.Baseline! with { Sha256 = sha256 },
            Inputs =
            [
                .. record.Inputs.Where(input => input.Role != InputRoles.Baseline),
                new InputFile(InputRoles.Baseline, "accepted.json", sha256),
            ],
        }).Problems);
    }

    private static RunRecord Ruled(string rules)
    {
        var text = Records.PolicyText.Replace("\"classifiers\"", $"{rules}, \"classifiers\"", StringComparison.Ordinal);
        return Of(text, PolicyReader.Read(text, "policy.json", Records.Vocabulary, []).Policy!);
    }

    private static RunRecord Of(string text, UnlearningPolicy policy) =>
        Records.Run(Gate.Judge(policy, Records.Before, Records.After, Records.Today), policy) with
        {
            PolicySource = new PolicySource(
                "../policy.json", text, Sha256Digest.Compute(text), CanonicalJson.Digest(policy), []),
        };

    [Theory]
    [InlineData("\"looks\": 4,", "\"looks\": 0,", "the looks of its baseline are impossible")]
    [InlineData("\"hits\": 21\n", "\"hits\": 10001\n", "the counts of the feature 'digit-8' are impossible")]
    public void Parse_ImpossibleBaseline_IsNoRecord(string from, string to, string flaw)
    {
        var record = Compared();
        var text = RunRecordFile.ToJson(record with
        {
            Baseline = record.Baseline! with { Measured = Records.Measured("b", 21, 36, 900) },
        });
        Assert.Contains(from, text, StringComparison.Ordinal);

        Assert.EndsWith(
            flaw,
            Assert.Throws<RunRecordException>(
                () => RunRecordFile.Parse(text.Replace(from, to, StringComparison.Ordinal), "run.json")).Message,
            StringComparison.Ordinal);
    }

    private string At(string name) => Path.Combine(_folder, name);

    private string Write(RunRecord record)
    {
        RunRecordFile.Write(At("accepted.json"), record);
        return At("accepted.json");
    }

    private static string Refusal(string path) =>
        Assert.Throws<RunRecordException>(() => AcceptedRun.Read(path, Records.Vocabulary)).Message;

    private Verification Verify(RunRecord record) =>
        Verification.VerifyRun(_folder, record, Records.Vocabulary, Records.Today);

    // A run that was compared with another of the same policy.
    private RunRecord Compared()
    {
        var accepted = File.Exists(At("accepted.json"))
            ? AcceptedRun.Read(WriteOther(), Records.Vocabulary)
            : AcceptedRun.Read(Write(Records.Run()), Records.Vocabulary);
        var run = Records.Run();
        run = run with
        {
            Baseline = accepted.Baseline,
            Inputs = [.. run.Inputs, new InputFile(InputRoles.Baseline, "accepted.json", accepted.Baseline.Sha256)],
        };
        return run with
        {
            Verdict = Gate.Judge(run.Policy, run.Before, run.After, Records.Today, run.Ratchet()),
        };
    }

    private string WriteOther()
    {
        RunRecordFile.Write(At("other.json"), Records.Run());
        return At("other.json");
    }
}
