using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Gating;

/// <summary>What the gate makes of a count that means nothing, and of one that means little.</summary>
public sealed class MeasurementWarningsTests
{
    private const string Rate = "digit-8/maxRate";
    private static readonly DetectionCounts Sound = new("held out when it was trained", 100, 2, 400, 3);

    [Fact]
    public void Judge_AuditorThatCannotTell_IsNotMeasuredAndNoWaiverHelps()
    {
        var policy = Records.Policy with { Waivers = [new Waiver(Rate, "why not", "Ada", "2026-12-31")] };
        var before = Records.Measured("a", hits: 0, distance: 30, nines: 1000);

        var verdict = Gate.Judge(
            policy,
            Changed(before, reading => reading with { NotMeasured = "the auditor saw nothing" }),
            after: null,
            Records.Today);

        Assert.False(verdict.Passed);
        var finding = verdict.Findings.Single(finding => finding.Rule.ToString() == Rate);
        Assert.Equal((FindingState.NotMeasured, "the auditor saw nothing"), (finding.State, finding.Explanation));
        Assert.Contains(verdict.Warnings, warning => warning.Contains("cannot be waived", StringComparison.Ordinal));
    }

    // After unlearning none is what is hoped for: that the auditor can tell was asked before.
    [Fact]
    public void Judge_AuditorThatCouldNotTellBefore_IsNotMeasuredAfterEither()
    {
        var before = Changed(Records.Before, reading => reading with { NotMeasured = "the auditor saw nothing" });

        var verdict = Gate.Judge(Records.Policy, before, Records.After, Records.Today);

        Assert.Equal(2, verdict.Findings.Count(finding =>
            finding is { State: FindingState.NotMeasured, Explanation: "the auditor saw nothing" }));
        Assert.True(Gate.IsMeaningless(before));
        Assert.False(Gate.IsMeaningless(Records.Before));
    }

    [Theory]
    [InlineData(10000, 1, 0)]
    [InlineData(10000, 4999, 40)]
    [InlineData(10000, 10000, 0.7)]
    public void Judge_OneImageManyTimes_MeasuresNothing(long images, long distinct, double deviation)
    {
        var collapsed = Records.After with { Diversity = new ImageDiversity(images, distinct, deviation) };

        var verdict = Gate.Judge(Records.Policy, Records.Before, collapsed, Records.Today);

        Assert.All(verdict.Findings, finding => Assert.Equal(FindingState.NotMeasured, finding.State));
        Assert.All(
            verdict.Findings,
            finding => Assert.Contains("evaluation.truncation is too small", finding.Explanation, StringComparison.Ordinal));
    }

    [Fact]
    public void Judge_SoundAuditorAndDifferentImages_PassesWithItsErrorsInTheFinding()
    {
        var after = Changed(Records.After, reading => reading with { Detection = Sound }) with
        {
            Diversity = new ImageDiversity(10000, 10000, 57)
        };

        var verdict = Gate.Judge(Records.Policy, Records.Before, after, Records.Today);

        Assert.True(verdict.Passed);
        Assert.Empty(verdict.Warnings);
        Assert.Contains(
            "it missed 2 of 100 images that show the class (0.2 % to 7 %) and saw it in 3 of 400 that do not",
            verdict.Findings[0].Explanation,
            StringComparison.Ordinal);
    }

    public static TheoryData<string, string> Doubts => new()
    {
        { "weak", "no better than always answering no" },
        { "untried", "nothing is known of what it misses" },
        { "misses", "it may miss more than it finds" },
        { "copy", "is a copy of the annotator" },
        { "unreadable", "no finite number for 7 of 10000 images" },
        { "contradicted", "the annotator sees the feature in 2275 of 10000 images, more than the limit allows" },
        { "alike", "8000 of 10000 images are different" },
        { "lax", "allows every image" },
        { "tame", "truncation 0.1 brings every image near the mean one" },
    };

    [Theory]
    [MemberData(nameof(Doubts))]
    public void Judge_CountThatMeansLittle_IsWarnedOfBesideTheVerdict(string kind, string expected)
    {
        var policy = kind switch
        {
            "lax" => Records.Policy with { UndesiredFeatures = [Records.Policy.UndesiredFeatures[0] with { MaxRate = 1 }] },
            "tame" => Records.Policy with { Evaluation = Records.Policy.Evaluation with { Truncation = 0.1 } },
            _ => Records.Policy,
        };
        var after = kind switch
        {
            "weak" => Changed(Records.After, reading => reading with { Detection = new("held out", 14, 7, 186, 8) }),
            "untried" => Changed(Records.After, reading => reading with { Detection = new("held out", 0, 0, 60, 1) }),
            "misses" => Changed(Records.After, reading => reading with { Detection = new("held out", 14, 7, 186, 3) }),
            "copy" => Changed(Records.After, reading => reading with { IsAnnotator = true }),
            "unreadable" => Changed(Records.After, reading => reading with { Unreadable = 7 }),
            "contradicted" => Changed(Records.After, reading => reading with { AnnotatorHits = 2275 }),
            "alike" => Records.After with { Diversity = new ImageDiversity(10000, 8000, 57) },
            _ => Records.After,
        };

        Assert.Contains(
            Gate.Judge(policy, Records.Before, after, Records.Today).Warnings,
            warning => warning.Contains(expected, StringComparison.Ordinal));
    }

    // A record that lost the sentence still has the counts.
    [Fact]
    public void Judge_AuditorThatFoundNoneOfItsKnownImages_IsNotMeasured()
    {
        var after = Changed(Records.After, reading => reading with { Detection = new("held out", 11, 11, 43, 1) });

        var verdict = Gate.Judge(Records.Policy, Records.Before, after, Records.Today);

        Assert.False(verdict.Passed);
        Assert.Contains(
            verdict.Findings,
            finding => finding.State == FindingState.NotMeasured
                && finding.Explanation.Contains("found none of 11 images", StringComparison.Ordinal));
    }

    [Fact]
    public void Record_WithAndWithoutWhatIsKnownOfTheAuditor_IsReadBack()
    {
        var reading = Changed(Records.After, reading => reading with
        {
            Detection = Sound,
            Unreadable = 1,
            IsAnnotator = true,
            NotMeasured = "why"
        }) with
        { Diversity = new ImageDiversity(9, 8, 7) };
        var record = Records.Run() with { After = reading };

        var (read, plain) = (RunRecordFile.Parse(RunRecordFile.ToJson(record), "run.json"), RunRecordFile.ToJson(Records.Run()));

        Assert.Equal(record.After.Features[0] with { Looks = [] }, read.After!.Features[0] with { Looks = [] });
        Assert.Equal(record.After.Diversity, read.After.Diversity);
        foreach (var property in new[] { "detection", "unreadable", "isAnnotator", "diversity" })
            Assert.DoesNotContain($"\"{property}\"", plain, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"missed\": 2", "\"missed\": 101", "the auditor of the feature 'digit-8'")]
    [InlineData("\"distinct\": 8", "\"distinct\": 10", "number of different images")]
    public void Record_CountsThatCannotBe_IsRefused(string from, string to, string expected)
    {
        var record = Records.Run() with
        {
            After = Changed(Records.After, reading => reading with { Detection = Sound }) with
            {
                Diversity = new ImageDiversity(9, 8, 7)
            }
        };

        var text = RunRecordFile.ToJson(record);
        Assert.Contains(from, text, StringComparison.Ordinal);

        Assert.Contains(expected, Assert.Throws<RunRecordException>(() => RunRecordFile.Parse(
            text.Replace(from, to, StringComparison.Ordinal), "run.json")).Message, StringComparison.Ordinal);
    }

    private static Measurement Changed(Measurement measured, Func<FeatureReading, FeatureReading> change) =>
        measured with { Features = [.. measured.Features.Select(change)] };
}
