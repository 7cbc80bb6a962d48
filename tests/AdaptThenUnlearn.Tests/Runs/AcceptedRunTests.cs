using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
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
        var failed = Records.Run(Gate.Judge(Records.Policy, Records.Before, after, Records.Today)) with { After = after };
        var path = Write(failed);
        var record = Compared();
        var sha256 = Sha256Digest.FindAt(path)!;
        record = record with
        {
            Baseline = record.Baseline! with { Sha256 = sha256 },
            Inputs =
            [
                .. record.Inputs.Where(input => input.Role != InputRoles.Baseline),
                new InputFile(InputRoles.Baseline, "accepted.json", sha256),
            ],
        };

        Assert.Contains("the baseline is a run that was not accepted", Verify(record).Problems);
    }

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
