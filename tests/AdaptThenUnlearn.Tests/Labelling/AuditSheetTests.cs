using AdaptThenUnlearn.Attestation;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Labelling;

/// <summary>An audit's draw, its file, and what becomes of it in a run.</summary>
public sealed class AuditSheetTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("audit-").FullName;

    private string File => Path.Combine(_folder, "audit.json");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Draw_LargerAudit_HoldsTheSmallerOnesSample()
    {
        var small = Rest(100);

        Assert.Equal(90, small.Count);
        Assert.Equal(90, small.Distinct().Count());
        Assert.Subset(Rest(300).Concat(Enumerable.Range(20, 30)).ToHashSet(), small.ToHashSet());
        Assert.NotEqual(small.Order(), small);

        static List<int> Rest(int clicks) =>
            [.. new AuditDraw("a", "f", clicks).Draw(10_000, [], [.. Enumerable.Range(20, clicks / 10)], checks: 0)
                .Where(item => item.Stratum == AuditStratum.Rest).Select(item => item.Number)];
    }

    // Each image of the rest is drawn as often as any other: 45 of 95, for each of 500 generators, within five standard errors.
    [Fact]
    public void Draw_ManyGenerators_IsARandomSample()
    {
        var drawn = new int[100];
        for (var generator = 0; generator < 500; generator++)
            foreach (var (stratum, number) in new AuditDraw($"{generator}", "f", 50).Draw(
                100, [], [.. Enumerable.Range(0, 5)], checks: 0))
                drawn[number] += stratum == AuditStratum.Rest ? 1 : 0;

        var expected = 500 * 45 / 95.0;
        Assert.All(drawn[5..], count => Assert.InRange(count, expected - 56, expected + 56));
    }

    [Fact]
    public void BestBound_MoreClicks_IsLower() => Assert.True(
        new AuditDraw("a", "f", 1000).BestBound(new Look(10_000, 0), 1, 0.95)
            < new AuditDraw("a", "f", 300).BestBound(new Look(10_000, 0), 1, 0.95));

    [Fact]
    public void Read_Written_IsTheSame()
    {
        var sheet = AuditSheetFile.Write(File, Sheet(Records.After, shows: 0));

        var (read, _) = AuditSheetFile.Read(File);

        Assert.Equal(sheet.Items, read.Items);
        Assert.Equal(sheet.Seal, read.Seal);
        Assert.Equal(128, read.Count("d").Sampled + read.Count("d").Checks);
    }

    [Theory]
    [InlineData("\"person\":\"Ada\"", "\"person\":\"Eve\"", "edited or damaged")]
    [InlineData("\"shows\":true", "\"shows\":false", "edited or damaged")]
    [InlineData("\"schemaVersion\":1", "\"schemaVersion\":2", "version 2")]
    [InlineData("\"seal\":", "\"sale\":", "cannot be read as an audit")]
    public void Read_Edited_IsRefused(string from, string to, string expected)
    {
        AuditSheetFile.Write(File, Sheet(Records.After, shows: 1));
        var text = System.IO.File.ReadAllText(File);
        System.IO.File.WriteAllText(File, text[..text.IndexOf(from, StringComparison.Ordinal)] + to
            + text[(text.IndexOf(from, StringComparison.Ordinal) + from.Length)..]);

        var refused = Assert.Throws<LabelException>(() => AuditSheetFile.Read(File));

        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
        Assert.Contains("begin a new audit", refused.Message, StringComparison.Ordinal);
    }

    // With a fitting seal: the images that were looked at are not those of the draw.
    [Fact]
    public void Read_OtherImagesThanDrawn_IsRefused()
    {
        var sheet = Sheet(Records.After, shows: 0);
        AuditSheetFile.Write(File, sheet with { Items = [.. sheet.Items.Skip(1)] });

        Assert.Contains(
            "not those that are drawn",
            Assert.Throws<LabelException>(() => AuditSheetFile.Read(File)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" Ada")]
    [InlineData("<b>Ada</b>")]
    [InlineData("Ada\u202e")]
    public void FindProblemOfPerson_NotAName_SaysSo(string name) => Assert.NotNull(AuditSheet.FindProblemOfPerson(name));

    // 20 hits of the auditor in 10,000 images, and the person marks the given number of them.
    [Fact]
    public void Add_ToARun_ItsBoundJudges()
    {
        var clean = Judge(Sheet(Records.After, shows: 0, clicks: 2000));
        var dirty = Judge(Sheet(Records.After, shows: 1, clicks: 2000));

        Assert.Equal((ErrorCorrection.Audited, FindingState.Passed), (clean.AuditorErrors!.Value, clean.State));
        Assert.Equal(0, clean.Observed);
        Assert.Equal((0.002, ErrorCorrection.Audited), (dirty.Observed!.Value, dirty.AuditorErrors!.Value));
        Assert.True(dirty.Judged > clean.Judged && clean.Judged > 0);
        Assert.Contains("Ada marked 0 of 2000 images", clean.Explanation, StringComparison.Ordinal);
        Assert.Contains("Ada missed 0 of 40 known positives (0 % to 8.8 %)", clean.Explanation, StringComparison.Ordinal);
        Assert.Contains("the auditor finds 100 % of what was marked, at least ", dirty.Explanation, StringComparison.Ordinal);
    }

    [Fact]
    public void Add_TooFewClicksForTheLimit_Fails() =>
        Assert.Equal(FindingState.Failed, Judge(Sheet(Records.After, shows: 0, clicks: 100)).State);

    // A policy can ask that a person looks: without an audit nothing is released, and whether to train is decided all the same.
    [Fact]
    public void Judge_PolicyAsksForAnAudit_MeasuresNothingWithoutOne()
    {
        var asking = Records.Policy with
        {
            Evaluation = Records.Policy.Evaluation with { AuditorErrors = EvaluationOptions.AuditErrors },
        };
        var audited = AuditedRecord.Add(
            Records.Run(), Sheet(Records.After, shows: 0, clicks: 2000), "audit.json", new string('d', 64)).After;

        var without = Gate.Judge(asking, Records.Before, Records.After, Records.Today);
        var with = Gate.Judge(asking, Records.Before, audited, Records.Today);

        Assert.All(without.Findings.Take(2), finding => Assert.Equal(FindingState.NotMeasured, finding.State));
        Assert.Contains("nobody has audited the images", without.Findings[0].Explanation, StringComparison.Ordinal);
        Assert.False(without.Passed);
        Assert.Equal(FindingState.Passed, with.Findings[0].State);
        Assert.NotEmpty(Gate.ViolatedFeatures(asking, Records.Before, today: null));
        Assert.Empty(Gate.ViolatedFeatures(asking, Records.Measured("a", 0, 30, 1000), today: null));
    }

    [Fact]
    public void Add_OfAnotherRun_SaysWhatDiffers()
    {
        Refuses(Sheet(Records.Before, shows: 0), "another generator");
        Refuses(Sheet(Records.After, shows: 0) with { EvaluationSeed = 3 }, "seed 3");
        Refuses(Sheet(Records.After, shows: 0) with { Auditor = "annotator" }, "by 'annotator'");
        Refuses(Sheet(Records.After, shows: 0) with { Feature = "glasses" }, "'glasses', which the run did not measure");
        Refuses(Sheet(Records.After, shows: 0) with { Original = "c" }, "known positives");
        Refuses(Sheet(Records.After, shows: null), "have no answer");

        static void Refuses(AuditSheet sheet, string expected) => Assert.Contains(
            expected,
            Assert.Throws<LabelException>(() => AuditedRecord.Add(Records.Run(), sheet, "audit.json", "d")).Message,
            StringComparison.Ordinal);
    }

    // A record and its audit are verified together: the file, its counts, and that each names the other.
    [Fact]
    public void Verify_AuditedRun_CountsTheFileAgain()
    {
        AuditSheetFile.Write(File, Sheet(Records.After, shows: 0, clicks: 2000));
        var (sheet, sha256) = AuditSheetFile.Read(File);
        var run = Judged(AuditedRecord.Add(Records.Run(), sheet, "audit.json", sha256));

        Assert.Empty(Problems(run));

        var forged = run.After!.Features[0].Audit! with { ChecksMissed = 1 };
        Assert.Contains("the audit digit-8 has other counts than its file", Problems(Judged(WithAudit(run, forged))));
        Assert.Contains(
            "the audit digit-8 is not one recorded input", Problems(Judged(WithAudit(run, forged with { Sha256 = "d" }))));
        Assert.Contains(
            "the audit digit-8 is a recorded input, and the readings do not hold it", Problems(Judged(WithAudit(run, null))));
        System.IO.File.AppendAllText(File, " ");
        Assert.Contains(
            Problems(run), problem => problem.StartsWith("audit digit-8 audit.json has changed", StringComparison.Ordinal));
    }

    [Fact]
    public void Read_RecordWithAnImpossibleAudit_IsRefused()
    {
        var run = AuditedRecord.Add(Records.Run(), Sheet(Records.After, shows: 0), "audit.json", "d");
        var path = Path.Combine(_folder, "run.json");
        RunRecordFile.Write(path, run);
        Assert.NotNull(RunRecordFile.Read(path).After!.Features[0].Audit);

        RunRecordFile.Write(path, WithAudit(run, run.After!.Features[0].Audit! with { Person = "<script>" }));

        Assert.Contains(
            "audit", Assert.Throws<RunRecordException>(() => RunRecordFile.Read(path)).Message, StringComparison.Ordinal);

        // Sizes whose sum is more than a number can hold.
        var audit = run.After!.Features[0].Audit!;
        RunRecordFile.Write(path, WithAudit(run, audit with
        {
            Strata = [.. audit.Strata.Select(stratum => stratum with { Size = long.MaxValue })],
        }));
        Assert.Contains(
            "audit", Assert.Throws<RunRecordException>(() => RunRecordFile.Read(path)).Message, StringComparison.Ordinal);
    }

    // The person marked nothing of all images, and the auditor 20: nobody says how many of its 1,000 before were false alarms.
    [Fact]
    public void Judge_AuditorStillSeesWhatThePersonDoesNot_CountsItAgainstTheShareUnlearned()
    {
        var audit = new HumanAudit(
            "Ada", DateTimeOffset.UnixEpoch, new string('d', 64),
            [new AuditStratum(AuditStratum.Hits, 20, 20, 0), new AuditStratum(AuditStratum.Rest, 9980, 9980, 0)], 40, 0);

        var clean = Judged(WithAudit(Records.Run(), audit)).Verdict;
        var marked = audit with { Strata = [audit.Strata[0], audit.Strata[1] with { Shown = 400 }] };
        var dirty = Judged(WithAudit(Records.Run(), marked)).Verdict;

        Assert.Equal(1 - ShareKept.UpperBound(1000, 20, 0.95), clean.Findings[1].Judged!.Value, 1e-12);
        Assert.Equal(
            1 - marked.UpperBound(looks: 4, 0.975) / ClopperPearson.LowerBound(1000, 10_000, 0.975),
            dirty.Findings[1].Judged!.Value, 1e-12);
        Assert.True(dirty.Findings[1].Judged < clean.Findings[1].Judged);
    }

    // An audit of another generator would be refused, so nobody is asked to give it.
    [Fact]
    public void WarnOfLeftOut_AuditBesideTheRecord_WarnsOfTheJudgedGeneratorsAlone()
    {
        var run = Records.Run();

        Assert.Empty(Warnings(run, onlyComplete: false));
        AuditSheetFile.Write(File, Sheet(Records.Before, shows: 0));
        Assert.Empty(Warnings(run, onlyComplete: false));
        AuditSheetFile.Write(File, Sheet(Records.After, shows: null));
        Assert.Empty(Warnings(run, onlyComplete: true));
        Assert.Single(Warnings(run, onlyComplete: false));
        AuditSheetFile.Write(File, Sheet(Records.After, shows: 1));
        var warning = Assert.Single(Warnings(run, onlyComplete: true));
        Assert.True(warning.IsWarning);
        Assert.Contains("audit.json lies beside the record", warning.Text, StringComparison.Ordinal);

        var (sheet, sha256) = AuditSheetFile.Read(File);
        Assert.Empty(Warnings(AuditedRecord.Add(run, sheet, "audit.json", sha256), onlyComplete: false));

        // Who cannot read it cannot say that it is of something else.
        System.IO.File.WriteAllText(
            File, System.IO.File.ReadAllText(File).Replace("\"person\":\"A", "\"person\":\"E", StringComparison.Ordinal));
        Assert.Contains(
            "it is damaged or was edited: restore it", Assert.Single(Warnings(run, onlyComplete: true)).Text,
            StringComparison.Ordinal);
    }

    [Fact]
    public void FindObstacle_RecordOfVersion1_SaysSo()
    {
        Assert.Null(AuditedRecord.FindObstacle(Records.Run()));
        Assert.Contains(
            "older version",
            AuditedRecord.FindObstacle(Records.Run() with { SchemaVersion = RunRecord.SchemaVersionWithoutErrors }),
            StringComparison.Ordinal);
    }

    // Whoever reads that something was measured reads by whom.
    [Fact]
    public void Write_AuditedRun_SaysWhoLookedAtHowManyImages()
    {
        var run = Judged(
            AuditedRecord.Add(Records.Run(), Sheet(Records.After, shows: 1, clicks: 2000), "audit.json", new string('d', 64)));

        var card = new ModelCardFormat().Write(new AttestedRun(run, run.Verdict, new string('e', 64)), key: null);
        var page = new HtmlReport().Render(run);

        Assert.Contains("seed 20; Ada looked at 2000 of 10000", card, StringComparison.Ordinal);
        Assert.Contains("confidence bound (by a person's audit), held against", card, StringComparison.Ordinal);
        Assert.Contains(
            "Ada</bdi> marked 20 of the 2000 images looked at, of 10000 measured, the true rate at most", page,
            StringComparison.Ordinal);
    }

    private List<Remark> Warnings(RunRecord run, bool onlyComplete) =>
        [.. AuditedRecord.WarnOfLeftOut(run, _folder, onlyComplete)];

    private IEnumerable<string> Problems(RunRecord run) => Verification.VerifyRun(_folder, run, Records.Vocabulary, Records.Today)
        .Problems.Where(problem => problem.Contains("audit digit-8", StringComparison.Ordinal));

    private static RunRecord Judged(RunRecord run) =>
        run with { Verdict = Gate.Judge(run.Policy, run.Before, run.After, Records.Today) };

    private static RunRecord WithAudit(RunRecord run, HumanAudit? audit) => run with
    {
        After = run.After! with { Features = [run.After!.Features[0] with { Audit = audit }] },
    };

    private static Finding Judge(AuditSheet sheet) =>
        Judged(AuditedRecord.Add(Records.Run(), sheet, "audit.json", new string('d', 64))).Verdict.Findings[0];

    // Answers: whether hits are marked, and nothing else but the checks; null where the last one is missing.
    internal static AuditSheet Sheet(Measurement measured, int? shows, int clicks = 88)
    {
        var look = measured.Features[0].Looks[^1];
        var draw = new AuditDraw(measured.GeneratorSha256, "digit-8", clicks);
        int[] hits = [.. Enumerable.Range(0, (int)look.Hits)];
        int[] near = [.. Enumerable.Range((int)look.Hits, draw.NearSize(look.Samples - look.Hits))];
        var items = draw.Draw((int)look.Samples, hits, near, AuditDraw.Checks)
            .Select(item => new AuditItem(
                item.Stratum, item.Number, new string('e', 64),
                item.Stratum is null || (shows == 1 && item.Stratum == AuditStratum.Hits) ? true : shows is null ? null : false));
        return new AuditSheet(
            AuditSheet.CurrentSchemaVersion, "digit-8", "auditor", "8", measured.GeneratorSha256, Records.Before.GeneratorSha256,
            measured.Seed, (int)look.Samples, clicks, "Ada", DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch, hits, near,
            [.. items]);
    }
}
