using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Gating;

/// <summary>What the gate makes of an auditor that errs, by what is known of it and by what the policy asks for.</summary>
public sealed class AuditorErrorsTests
{
    private static readonly DetectionCounts _known = new("held out when it was trained", 200, 30, 2000, 4);
    private static readonly DetectionCounts _neverTried = new("held out when it was trained", 0, 0, 2000, 4);

    [Theory]
    [InlineData(null)]
    [InlineData(EvaluationOptions.CorrectErrors)]
    public void Judge_KnownErrors_AreCountedIn(string? treatment)
    {
        var (rate, share) = Judge(treatment, _known);

        Assert.Equal(ErrorCorrection.Corrected, rate.AuditorErrors);
        Assert.Equal(TrueRate.UpperBound(new Look(10_000, 20), 4, 0.95, _known), rate.Judged!.Value, tolerance: 1e-12);
        Assert.Contains("corrected for the auditor's errors on known images: it missed 30 of 200", rate.Explanation,
            StringComparison.Ordinal);
        Assert.Equal(ErrorCorrection.Corrected, share.AuditorErrors);
        Assert.Equal(
            UnlearnedShare.LowerBound(new Look(10_000, 1000), new Look(10_000, 20), 0.95, _known)!.Value,
            share.Judged!.Value, tolerance: 1e-12);
        Assert.Contains("corrected for the auditor's errors", share.Explanation, StringComparison.Ordinal);
    }

    // 0.7 % were seen, with a bound of 0.90 %: within the limit of 1 %, until the misses are counted.
    [Fact]
    public void Judge_LimitThatOnlyTheCorrectedBoundPasses_Fails()
    {
        Assert.Equal(FindingState.Failed, Judge(null, _known, hits: 70).Rate.State);
        Assert.Equal(FindingState.Passed, Judge(EvaluationOptions.ReportErrors, _known, hits: 70).Rate.State);
    }

    [Fact]
    public void Advice_LimitThatOnlyTheCorrectedBoundPasses_IsToTryTheAuditor()
    {
        var after = Known(Records.Measured("b", hits: 70, distance: 36, nines: 900), _known);
        var finding = Gate.Judge(Records.Policy, Known(Records.Before, _known), after, Records.Today).Findings[0];

        var advice = Advice.For(Records.Policy, Records.Before, after, finding);

        Assert.Contains("try the auditor on more labelled images", advice!.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Judge_KnownErrorsThatAreOnlyReported_AreSaid()
    {
        const string words = "not corrected for the auditor's errors on known images: it missed 30 of 200";
        var (rate, share) = Judge(EvaluationOptions.ReportErrors, _known);

        Assert.Equal((ErrorCorrection.Uncorrected, ErrorCorrection.Uncorrected), (rate.AuditorErrors, share.AuditorErrors));
        Assert.Equal(SequentialSampling.UpperBound(new Look(10_000, 20), 4, 0.95), rate.Judged!.Value, tolerance: 1e-12);
        Assert.Contains(words, rate.Explanation, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(EvaluationOptions.ReportErrors)]
    public void Judge_UnknownErrors_AreSaid(string? treatment)
    {
        foreach (var nothing in new[] { null, _neverTried })
        {
            var (rate, _) = Judge(treatment, nothing);

            Assert.Equal((FindingState.Passed, ErrorCorrection.Uncorrected), (rate.State, rate.AuditorErrors));
            Assert.Contains(
                "uncorrected: nothing says how often the auditor 'auditor' misses the feature", rate.Explanation,
                StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Judge_UnknownErrorsThatMustBeCounted_AreNotMeasured()
    {
        foreach (var nothing in new[] { null, _neverTried })
        {
            var (rate, share) = Judge(EvaluationOptions.CorrectErrors, nothing);

            Assert.Equal((FindingState.NotMeasured, FindingState.NotMeasured), (rate.State, share.State));
            Assert.All(
                [rate, share],
                finding => Assert.Contains(
                    "nothing says how often the auditor 'auditor' errs", finding.Explanation, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Judge_IgnoredErrors_AreNeitherCountedNorSaid()
    {
        var (rate, share) = Judge(EvaluationOptions.IgnoreErrors, _known);

        Assert.Null(rate.AuditorErrors);
        Assert.Null(share.AuditorErrors);
        Assert.Equal(SequentialSampling.UpperBound(new Look(10_000, 20), 4, 0.95), rate.Judged!.Value, tolerance: 1e-12);
        Assert.EndsWith("1 of 4 looks taken", rate.Explanation, StringComparison.Ordinal);
    }

    // Its verdict stays readable as what it was; today's verdict counts the errors.
    [Fact]
    public void Verify_RecordFromBeforeErrorsWereCounted_FitsAndIsJudgedAnew()
    {
        var before = Known(Records.Before, _known);
        var after = Known(Records.Measured("b", hits: 70, distance: 36, nines: 900), _known);
        var run = Records.Named("passed");
        var ignoring = run.Policy with
        {
            Evaluation = run.Policy.Evaluation with { AuditorErrors = EvaluationOptions.IgnoreErrors },
        };
        var old = run with
        {
            SchemaVersion = RunRecord.SchemaVersionWithoutErrors,
            Before = before,
            After = after,
            Verdict = Gate.Judge(ignoring, before, after, Records.Today),
        };

        var verified = Verification.VerifyReadings(old, Records.Vocabulary, Records.Today);

        Assert.DoesNotContain(
            verified.Problems, problem => problem.Contains("not what the recorded readings give", StringComparison.Ordinal));
        Assert.Equal(FindingState.Passed, old.Verdict.Findings[0].State);
        Assert.Equal(FindingState.Failed, verified.Verdict.Findings[0].State);
    }

    // Whoever takes the word out of a record of today has changed the verdict.
    [Fact]
    public void Verify_RecordOfTodayWithoutTheWord_DoesNotFit()
    {
        var run = Records.Named("passed");
        var silent = run with
        {
            Verdict = run.Verdict with
            {
                Findings = [.. run.Verdict.Findings.Select(finding => finding with { AuditorErrors = null })],
            },
        };

        Assert.DoesNotContain(Problems(run), IsMisfit);
        Assert.Contains(Problems(silent), IsMisfit);
    }

    [Fact]
    public void Verify_RecordWhoseAuditorWasNeverTried_FitsAsNotMeasured()
    {
        var run = Records.Named("passed");
        var asked = run.Policy with
        {
            Evaluation = run.Policy.Evaluation with { AuditorErrors = EvaluationOptions.CorrectErrors },
        };
        var judged = run with { Policy = asked, Verdict = Gate.Judge(asked, run.Before, run.After, Records.Today) };

        Assert.Equal(FindingState.NotMeasured, judged.Verdict.Findings[0].State);
        Assert.DoesNotContain(Problems(judged), IsMisfit);
    }

    private static bool IsMisfit(string problem) =>
        problem.Contains("not what the recorded readings give", StringComparison.Ordinal);

    private static IReadOnlyList<string> Problems(RunRecord record) =>
        Verification.VerifyReadings(record, Records.Vocabulary, Records.Today).Problems;

    private static (Finding Rate, Finding Share) Judge(string? treatment, DetectionCounts? known, long hits = 20)
    {
        var policy = Records.Policy with { Evaluation = Records.Policy.Evaluation with { AuditorErrors = treatment } };
        var verdict = Gate.Judge(
            policy, Known(Records.Before, known), Known(Records.Measured("b", hits, distance: 36, nines: 900), known),
            Records.Today);
        return (verdict.Findings[0], verdict.Findings[1]);
    }

    private static Measurement Known(Measurement measured, DetectionCounts? known) =>
        measured with { Features = [measured.Features[0] with { Detection = known }] };
}
