using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Tests.Labelling;

namespace AdaptThenUnlearn.Tests.Runs;

/// <summary>A record is held to the calibration that its policy names: its file, its threshold and its counts.</summary>
public sealed class CalibratedRecordTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-calibrated-").FullName;

    private string File => Path.Combine(_folder, "c.json");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Verify_CalibratedRecord_HasNoProblem()
    {
        var record = Calibrated(ClassifierCalibrationTests.Sample);

        Assert.Empty(Problems(record));
        Assert.Contains(record.Verdict.Findings, finding => finding.Rule.ToString() == "digit-8/maxRate"
            && finding.Explanation.Contains("from the threshold 0.213 on", StringComparison.Ordinal));
        Assert.DoesNotContain(
            record.Verdict.Warnings, warning => warning.Contains("another generator", StringComparison.Ordinal));
    }

    [Fact]
    public void Judge_ClicksOnAnotherGenerator_AreSaid()
    {
        var record = Calibrated(ClassifierCalibrationTests.Sample with { Generator = new string('f', 64) });

        Assert.Contains(
            $"Digit-8: the threshold of the auditor 'auditor' and its errors were measured on images of another generator "
                + $"({new string('f', 64)}) than the policy's ({Records.Before.GeneratorSha256}).",
            record.Verdict.Warnings);
        Assert.Empty(Problems(record));
    }

    public static TheoryData<string, string> Tampering => new()
    {
        { "no reading", "'digit-8' was measured without the calibration auditor that the policy names" },
        { "no input", "the policy's calibration auditor is not one recorded input" },
        { "another file", "is not one recorded input" },
        { "a lower threshold", "'digit-8' has another threshold or other counts than the calibration auditor" },
        { "fewer misses", "'digit-8' has another threshold or other counts than the calibration auditor" },
        { "no counts", "'digit-8' has another threshold or other counts than the calibration auditor" },
        { "another class", "the calibration auditor is of the class '9', not '8'" },
        { "another classifier", "the calibration auditor is of another classifier" },
        { "a damaged file", "calibration auditor c.json has changed" },
        { "no calibration in the policy", "'digit-8' was measured with a calibration, and the policy names none for 'auditor'" },
    };

    [Theory]
    [MemberData(nameof(Tampering))]
    public void Verify_RecordThatDoesNotFit_IsAProblem(string what, string expected)
    {
        var sample = ClassifierCalibrationTests.Sample;
        var record = Calibrated(what == "another class" ? sample with { Class = "9" } : sample);
        var after = record.After!;
        var reading = after.Features[0];
        if (what == "a damaged file")
            System.IO.File.AppendAllText(File, " ");

        Assert.Contains(
            Problems(what switch
            {
                "no reading" => With(reading with { Calibration = null }),
                "another file" => With(reading with { Calibration = reading.Calibration! with { Sha256 = new string('0', 64) } }),
                "a lower threshold" => With(reading with { Calibration = reading.Calibration! with { Threshold = 0.1 } }),
                "fewer misses" => With(reading with { Detection = reading.Detection! with { Missed = 0 } }),
                "no counts" => With(reading with { Detection = null }),
                "no input" => record with { Inputs = [.. record.Inputs.Where(input => input.Path != "c.json")] },
                "another classifier" => record with
                {
                    Inputs =
                    [
                        .. record.Inputs.Select(input => input.Role == InputRoles.Classifier("auditor")
                            ? input with { Sha256 = new string('0', 64) }
                            : input),
                    ],
                },
                "no calibration in the policy" => record with { Policy = Records.Policy },
                _ => record,
            }),
            problem => problem.Contains(expected, StringComparison.Ordinal));

        RunRecord With(FeatureReading changed) => record with { After = after with { Features = [changed] } };
    }

    // Also where the policy ignores the errors, so that no finding repeats them.
    [Theory]
    [InlineData('a', "A person's labels chose the probability 0.213 from which on the auditor")]
    [InlineData('f', "A person's labels on images of another generator chose the probability 0.213 from which on the auditor")]
    public void Features_CalibratedRecord_TellsThresholdCountsAndWhereTheyCameFrom(char generator, string expected)
    {
        var record = Calibrated(ClassifierCalibrationTests.Sample with { Generator = new string(generator, 64) });

        var note = string.Concat(ReadingSections.Features(record).Note.Select(phrase => phrase.Text));

        Assert.Contains(
            $"{expected} auditor sees 8: it missed 1 of 20 images that show the class", note, StringComparison.Ordinal);
        Assert.DoesNotContain(
            "labels", string.Concat(ReadingSections.Features(Records.Run()).Note.Select(phrase => phrase.Text)),
            StringComparison.Ordinal);
    }

    // Another calibration is another auditor, so nothing is compared with what it counted.
    [Fact]
    public void DigestOf_CalibratedClassifier_ChangesWithItsCalibration()
    {
        var record = Calibrated(ClassifierCalibrationTests.Sample);
        var digest = AcceptedRun.DigestOf("auditor", record.Policy, record.Inputs);
        var other = Calibrated(ClassifierCalibrationTests.Sample with { Threshold = 0.4 });

        Assert.NotEqual(AcceptedRun.DigestOf("auditor", Records.Policy, record.Inputs), digest);
        Assert.NotEqual(digest, AcceptedRun.DigestOf("auditor", other.Policy, other.Inputs));
        Assert.Equal("n", AcceptedRun.DigestOf("annotator", record.Policy, record.Inputs));
        Assert.Null(AcceptedRun.DigestOf("auditor", record.Policy, Records.Run().Inputs));
    }

    private IEnumerable<string> Problems(RunRecord record) =>
        Verification.VerifyRun(_folder, record, Records.Vocabulary, Records.Today).Problems
            .Where(problem => problem.Contains("calibrat", StringComparison.Ordinal)
                || problem.Contains("threshold", StringComparison.Ordinal));

    private RunRecord Calibrated(ClassifierCalibration calibration)
    {
        var sha256 = ClassifierCalibrationFile.Write(File, calibration);
        var text = Records.PolicyText.Replace(
            "\"auditor.safetensors\"", "\"auditor.safetensors\", \"calibration\": \"c.json\"", StringComparison.Ordinal);
        var policy = PolicyReader.Read(text, "policy.json", Records.Vocabulary, []).Policy!;
        var (before, after) = (Of(Records.Before), Of(Records.After));
        var run = Records.Run();
        return run with
        {
            Policy = policy,
            PolicySource = new PolicySource("../policy.json", text, Sha256Digest.Compute(text), CanonicalJson.Digest(policy), []),
            Inputs =
            [
                .. run.Inputs.Select(input => input.Role == InputRoles.Classifier("auditor")
                    ? input with { Sha256 = calibration.Classifier }
                    : input),
                new InputFile(InputRoles.Calibration("auditor"), "c.json", sha256),
            ],
            Before = before,
            After = after,
            Verdict = Gate.Judge(policy, before, after, Records.Today),
        };

        Measurement Of(Measurement measured) => measured with
        {
            Features =
            [
                measured.Features[0] with { Detection = calibration.Counts(), Calibration = calibration.Used(sha256) },
            ],
        };
    }
}
