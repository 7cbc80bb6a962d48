using System.Globalization;
using System.Text;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Publishing.Pages;
using AdaptThenUnlearn.Publishing.Targets;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Tests;

namespace AdaptThenUnlearn.Publishing.Tests;

/// <summary>
/// The texts that are published, against golden files (ATU_UPDATE_GOLDEN=1 rewrites them), their limits, and what hostile text in
/// them cannot do.
/// </summary>
public sealed class PageTests
{
    private const string Sha = "0123456789abcdef0123456789abcdef01234567";

    private static readonly PublishContext _context = new()
    {
        HeadSha = Sha,
        RunUrl = "https://github.com/octo/digits/actions/runs/4711",
        ArtifactUrl = "https://github.com/octo/digits/actions/runs/4711/artifacts/1",
    };

    private static readonly PublishContext _linked = _context with
    {
        Source = new SourceLinks(CodeHost.GitHub, "https://github.com/octo/digits", Sha)
    };

    // Tests that look for links in other texts need pages without links.
    private static readonly PublishContext _unlinked = new() { HeadSha = Sha };

    [Fact]
    public void Comment_PassedFirstTime_IsTheGoldenOne() =>
        Check("comment-passed.md", RunPages.Comment(Run(), _context, previous: null));

    [Fact]
    public void Comment_FailedAfterAPassedRun_IsTheGoldenOne()
    {
        var run = Run(Desk.MakeRecord(hits: 400, distance: 60, nines: 100));

        Check("comment-failed.md", RunPages.Comment(run, _context, ReportMarker.Create(Run(), new string('f', 40))));
    }

    [Fact]
    public void Comment_WaivedUntrustedByTheRepositorysPolicy_IsTheGoldenOne()
    {
        var run = Waived() with { Untrusted = true, JudgedByTrustedPolicy = true, PolicyDiffers = true };

        Check("comment-waived-untrusted.md", RunPages.Comment(run, _context, previous: null));
    }

    [Fact]
    public void Comment_NothingTrained_IsTheGoldenOne()
    {
        var before = Records.Measured("a", 110, 30, 1000);
        var record = Desk.MakeRecord() with
        {
            Before = before,
            After = null,
            Training = null,
            Verdict = Gate.Judge(Records.Policy, before, null, Records.Today)
        };

        var advisory = _context with { Advisory = true, ArtifactUrl = null };

        Check("comment-untrained.md", RunPages.Comment(Run(record), advisory, previous: null));
    }

    [Fact]
    public void Comment_ManyClassesThatKeepTheirShare_IsTheGoldenOne() =>
        Check("comment-many-classes.md", RunPages.Comment(Run(WithClasses(Desk.MakeRecord())), _linked, previous: null));

    [Fact]
    public void Comment_OneClassOfManyFails_ShowsItInItsOwnRow()
    {
        var record = WithClasses(Desk.MakeRecord(nines: 100));

        var comment = RunPages.Comment(Run(record), _unlinked, previous: null);

        Assert.Contains(
            "| `quality/minShareKept/9` (share kept) | ❌\u00a0failed | 10\u00a0% |", comment, StringComparison.Ordinal);
        Assert.Contains(
            "| `quality/minShareKept` of 5 classes (share kept) | ✅\u00a0passed |", comment, StringComparison.Ordinal);
    }

    // Nine lines that say the same would hide the one that does not.
    [Fact]
    public void Comment_ManyClassesChangedALittle_SaysSoInOneLine()
    {
        var before = ReportMarker.Create(Run(WithClasses(Desk.MakeRecord())), Sha);
        var record = WithClasses(Desk.MakeRecord());
        record = record with
        {
            After = record.After! with { Shares = [.. record.After.Shares.Select(share => share with { Hits = share.Hits - 5 })] }
        };

        var comment = RunPages.Comment(Run(record), _context, before);

        Assert.Contains(
            "- `quality/minShareKept` of 6 classes: the smallest 90\u00a0% → 89.5\u00a0%\n", comment, StringComparison.Ordinal);
        Assert.DoesNotContain("- `quality/minShareKept/", comment, StringComparison.Ordinal);
    }

    // 1.0004 % that reads as 1 % beside a limit of 1 % would look like a pass.
    [Fact]
    public void Comment_NumberJustBeyondItsLimit_ShowsAllDigitsThatTellThemApart()
    {
        var run = Run();
        var finding = run.Verification.Verdict.Findings[0] with { State = FindingState.Failed, Judged = 0.010004 };
        run = run with { Verification = run.Verification with { Verdict = new Verdict(false, [finding], []) } };

        Assert.Contains(
            "| 0.2\u00a0% | 1.0004\u00a0% uncorrected | ≤\u00a01\u00a0% |",
            RunPages.Comment(run, _context, previous: null),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Comment_PolicyOfAnotherPlace_IsNotLinkedToTheMeasuredCommit()
    {
        var byTrusted = RunPages.Comment(Run() with { JudgedByTrustedPolicy = true }, _linked, previous: null);
        var untrusted = RunPages.Comment(Run() with { Untrusted = true }, _linked, previous: null);

        Assert.Contains("/blob/", RunPages.Comment(Run(), _linked, previous: null), StringComparison.Ordinal);
        Assert.DoesNotContain("/blob/", byTrusted + untrusted, StringComparison.Ordinal);
        Assert.Contains("/commit/" + Sha, byTrusted, StringComparison.Ordinal);
    }

    [Fact]
    public void Comment_EqualTimesAndSizes_AreWrittenOnce()
    {
        var record = Desk.MakeRecord();
        record = record with { Times = record.Times with { Finished = record.Times.Started } };
        var policy = record.Policy with { Evaluation = record.Policy.Evaluation with { MaxSamples = 10000 } };

        var comment = RunPages.Comment(Run(record, policy), _context, previous: null);

        Assert.Contains("| Measured | 2026-03-01 10:00 UTC with", comment, StringComparison.Ordinal);
        Assert.Contains("| Evaluation | 10000 images, confidence", comment, StringComparison.Ordinal);
    }

    [Fact]
    public void Comment_OtherInstrumentsOrTool_SaysSo()
    {
        var record = Desk.MakeRecord();
        var other = record with
        {
            Tool = "atu 0.2.0",
            Inputs = [.. record.Inputs.Select(input => input.Role == "classifier auditor" ? input with { Sha256 = "x" } : input)]
        };

        var comment = RunPages.Comment(Run(other), _context, ReportMarker.Create(Run(record), Sha));

        Assert.Contains(
            "(same policy, same generator, same seed, **another classifier, extractor or reference**, "
                + "**another version of the tool**, atu 0.1.0 → atu 0.2.0): no rule.",
            comment,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Comment_WithABaseline_IsTheGoldenOne() =>
        Check("comment-baseline.md", RunPages.Comment(WithEarlier(Run()), _linked, previous: null));

    [Fact]
    public void Comment_BaselineOfAnotherAuditorAndLimit_ShowsNoDifferenceWhereNoneCanBeTold()
    {
        var baseline = Desk.MakeRecord(hits: 40);
        baseline = baseline with { Inputs = [.. baseline.Inputs.Select(input => input with { Sha256 = "other" })] };
        var strict = Records.Policy with { Quality = Records.Policy.Quality! with { MaxFrechetDistance = 30 } };
        baseline = baseline with { Verdict = Gate.Judge(strict, baseline.Before, baseline.After, Records.Today) };

        var comment = RunPages.Comment(Run() with { Baseline = baseline }, _context, previous: null);

        Assert.Contains("| not comparable: another auditor |", comment, StringComparison.Ordinal);
        Assert.Contains("| 36 (±0), limit ≤\u00a030 |", comment, StringComparison.Ordinal);
        Assert.Contains("**another classifier, extractor or reference**", comment, StringComparison.Ordinal);
    }

    // A record of another branch decides nothing, whatever it says.
    [Fact]
    public void Comment_FailedBaselineAndHistory_ChangeNoVerdict()
    {
        var failed = Desk.MakeRecord(hits: 400, distance: 60, nines: 100);

        var comment = RunPages.Comment(Run() with { Baseline = failed, Earlier = [failed] }, _context, previous: null);

        Assert.Contains("### ✅\u00a0Passed: no-eights", comment, StringComparison.Ordinal);
        Assert.DoesNotContain("❌", comment, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("main", null, "main", true)]
    [InlineData("main", null, "develop", false)]
    [InlineData("main", 7, "main", false)]
    [InlineData("octocat:main", null, "main", false)]
    [InlineData("main", null, null, false)]
    public void EarlierRuns_History_GivesTheNewestRunOfTheBaseBranch(
        string branch, int? pullRequest, string? baseBranch, bool found)
    {
        var record = Desk.MakeRecord() with
        {
            Tool = "atu 0.0.9",
            Origin = new BuildOrigin { Ref = branch, PullRequest = pullRequest },
        };
        List<string> notes = [];

        var run = new EarlierRuns(new RunHistory([record], []), [], baseBranch, Records.Vocabulary).AddTo(Run(), notes.Add);

        Assert.Equal(found, run.Baseline is not null);
        Assert.Equal(record, Assert.Single(run.Earlier));
    }

    [Fact]
    public void EarlierRuns_BaselineThatDoesNotStandOrIsOfAnotherPolicy_IsNotShown()
    {
        var record = Desk.MakeRecord() with { Tool = "atu 0.0.9" };
        var edited = record with { Verdict = record.Verdict with { Findings = [] } };
        var other = record with { Policy = record.Policy with { Name = "other" } };
        List<string> notes = [];

        Assert.Null(new EarlierRuns(RunHistory.Empty, [edited], null, Records.Vocabulary).AddTo(Run(), notes.Add).Baseline);
        Assert.Null(new EarlierRuns(RunHistory.Empty, [other], null, Records.Vocabulary).AddTo(Run(), notes.Add).Baseline);
        Assert.Contains("the baseline does not stand", notes[0], StringComparison.Ordinal);
        Assert.Contains("no baseline is of this policy and generator", notes[1], StringComparison.Ordinal);
        Assert.NotNull(new EarlierRuns(RunHistory.Empty, [record], null, Records.Vocabulary).AddTo(Run(), notes.Add).Baseline);
    }

    private static PublishedRun WithEarlier(PublishedRun run)
    {
        var earlier = new[] { 400, 120, 40 }.Index().Select(each => Desk.MakeRecord(hits: each.Item) with
        {
            Times = run.Record.Times with { Finished = run.Record.Times.Finished.AddDays(each.Index - 5) },
            Origin = new BuildOrigin { Ref = "main", Commit = new string('c', 40) },
        }).ToList();
        return run with { Baseline = earlier[^1], Earlier = earlier };
    }

    // Unlearning makes no better images of what needs none.
    [Fact]
    public void Comment_NothingToUnlearnAndImagesNotGoodEnough_DoesNotAdviseToTrain()
    {
        var before = Records.Measured("a", 20, distance: 90, nines: 1000);
        var record = Desk.MakeRecord() with
        {
            Before = before,
            After = null,
            Training = null,
            Verdict = Gate.Judge(Records.Policy, before, null, Records.Today)
        };

        var comment = RunPages.Comment(Run(record), _context, previous: null);

        Assert.Contains("this is the generator as it is", comment, StringComparison.Ordinal);
        Assert.DoesNotContain("--no-train", comment, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_Failed_IsTheGoldenOne() =>
        Check("check-failed.txt", Text(CheckPage.Create(Run(Desk.MakeRecord(hits: 400, distance: 60, nines: 100)), _context)));

    [Fact]
    public void Check_Waived_IsNeutralWithWarnings() => Check("check-waived.txt", Text(CheckPage.Create(Waived(), _context)));

    [Fact]
    public void Check_Advisory_IsNeutralWithWarnings()
    {
        var page = CheckPage.Create(Run(Desk.MakeRecord(hits: 400)), _context with { Advisory = true });

        Assert.Equal(Conclusion.Neutral, page.Conclusion);
        Assert.All(page.Annotations, annotation => Assert.Equal(AnnotationLevel.Warning, annotation.Level));
    }

    [Fact]
    public void Annotations_StandAtTheLineOfTheLimitTheyComeFrom()
    {
        var annotations = CheckPage.Create(Run(Desk.MakeRecord(hits: 400, distance: 60, nines: 100)), _context).Annotations;
        var lines = Records.PolicyText.Split('\n');

        Assert.Equal(5, annotations.Count);
        Assert.All(annotations, annotation =>
        {
            Assert.Equal("policies/policy.json", annotation.Path);
            Assert.Contains(
                $"\"{annotation.Title.Split(':')[0].Split('/')[1]}\"", lines[annotation.Line - 1], StringComparison.Ordinal);
        });
    }

    // Inception-v3 has no classes: the shares are counted by the first feature's auditor.
    [Fact]
    public void Row_OfAClassKeptUnderAnExtractorWithoutClasses_HasItsShareBefore()
    {
        var policy = Records.Policy with
        {
            Quality = Records.Policy.Quality! with { Extractor = "inception-v3", ExtractorWeights = "inception.pth" }
        };
        var record = Desk.MakeRecord() with { Policy = policy };
        var kept = Assert.Single(
            Gate.Judge(policy, record.Before, record.After, Records.Today).Findings,
            finding => finding.Rule.ToString() == "quality/minShareKept/9");

        var row = RuleRow.Create(record, new RuleFamily([kept]));

        Assert.Equal(("90 %", "10 %\u00a0→\u00a09 %"), (row.Measured, row.Reading));
    }

    [Fact]
    public void Texts_OtherCulture_AreTheSame()
    {
        var usual = RunPages.Comment(Run(), _context, previous: null);
        CultureInfo.CurrentCulture = new CultureInfo("de-DE");

        Assert.Equal(usual, RunPages.Comment(Run(), _context, previous: null));
    }

    [Fact]
    public void Texts_AnyRun_SpeakOfEvidenceAndNeverOfCompliance()
    {
        foreach (var text in Directory.EnumerateFiles(Path.Combine(Repository.Root, "tests", Folder)).Select(File.ReadAllText))
        {
            Assert.DoesNotContain("complian", text, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("![", text, StringComparison.Ordinal);
        }

        Assert.Contains("vidence for", RunPages.Comment(Run(), _context, previous: null), StringComparison.Ordinal);
    }

    [Fact]
    public void Texts_OfTheWorstRun_StayWithinTheLimitsByWholeRows()
    {
        var run = Worst();
        var page = CheckPage.Create(run, _unlinked);
        var comment = RunPages.Comment(run, _unlinked, ReportMarker.Create(Run(), Sha));

        Assert.InRange(comment.Length, 40_000, RunPages.CommentLimit);
        Assert.InRange(Encoding.UTF8.GetByteCount(page.Summary), 30_000, RunPages.CheckLimit);
        Assert.InRange(Encoding.UTF8.GetByteCount(page.Text), 30_000, RunPages.CheckLimit);
        Assert.InRange(page.Title.Length, 1, 255);
        Assert.All(
            page.Annotations, annotation => Assert.True(annotation.Title.Length <= 255 && annotation.Message.Length <= 64_000));
        foreach (var text in new[] { comment, page.Summary, page.Text })
        {
            Assert.Contains("rows are left out", text, StringComparison.Ordinal);
            Assert.All(
                text.Split('\n').Where(line => line.StartsWith('|')),
                line => Assert.EndsWith("|", line, StringComparison.Ordinal));
        }

        const int Half = RunPages.CommentLimit / 2;
        Assert.InRange(RunPages.Comment(run, _unlinked, previous: null, Half).Length, 1000, Half);
        Assert.Equal(ReportMarker.KeyOf(run), ReportMarker.Find(comment)?.Key);   // the next run finds it all the same
    }

    [Fact]
    public void Page_Shortened_LosesTheLeastImportantRowsFirst()
    {
        var page = new Page(
        [
            PageSection.Fixed("head\n"),
            new PageSection(2, [["b1"], ["b2"], ["b3"]], rows => string.Concat(rows.Select(row => row[0] + "\n"))),
            new PageSection(1, [["a1"], ["a2"]], rows => string.Concat(rows.Select(row => row[0] + "\n"))),
        ]);
        var whole = page.Fit(1000, text => text.Length)!;

        Assert.Equal("head\n\nb1\nb2\nb3\n\na1\na2\n", whole);
        var lines = page.Fit(5, text => text.Split('\n').Count(line => line.Length > 0))!.Split('\n');
        Assert.Equal(["head", "b1", "a1", "a2"], lines.Where(line => line.Length is > 0 and < 10));
        Assert.Contains("2 rows", lines[^2], StringComparison.Ordinal);
        Assert.Null(page.Fit(3, text => text.Length));
    }

    public static TheoryData<string> Hostile => new()
    {
        "-->\n# out",
        "--!>",
        "<!-- atu:report {} -->",
        "<img src=x onerror=alert(1)>",
        "</details></details>",
        "@octocat",
        "@octo/admins",
        "#12",
        "octo/digits#12",
        "GH-12",
        "https://evil.example/x",
        "www.evil.example",
        "[a](https://evil.example)",
        "![a](https://evil.example/a.png)",
        "a\n\n## b",
        "| a | b |",
        "`code` @octocat",
        "$\\mathbb{x}$",
        "a\u202Eb",
        "```\nblock",
        "~~~",
    };

    [Theory]
    [MemberData(nameof(Hostile))]
    public void Texts_HostileWords_StayWords(string hostile)
    {
        var run = WithWords(hostile);
        run = run with
        {
            Baseline = run.Record with { Origin = new BuildOrigin { Ref = "main" } },
            Earlier = [run.Record with { Verdict = run.Verification.Verdict }]
        };
        var previous = ReportMarker.Create(run, Sha) with { Rules = [new MarkedRule(hostile, FindingState.Passed, 1)] };
        var check = CheckPage.Create(run, _unlinked);
        foreach (var text in new[] { RunPages.Comment(run, _unlinked, previous), check.Summary, check.Text })
        {
            var outside = string.Concat(ReportMarker.Find(text) is null
                ? text
                : text[text.IndexOf('\n', StringComparison.Ordinal)..]);
            Assert.DoesNotMatch(@"@(?!<!--)(?![^`\n]*`)", Prose(outside));
            Assert.DoesNotMatch(@"#\d|\bGH-\d|https?://evil|www\.evil|\]\(https?:|<img|\u202E", Prose(outside));
            Assert.DoesNotMatch(@"(?m)^(# out|## b|block|~~~|```)", outside);
            Assert.True(
                Prose(outside).Split("</details>").Length == outside.Split("<details>\n").Length,
                "a <details> was closed by a word");
            Assert.DoesNotContain("-->\n# out", text, StringComparison.Ordinal);
            Assert.DoesNotContain("<!-- atu:report", Prose(outside), StringComparison.Ordinal);
        }

        Assert.Equal(ReportMarker.KeyOf(run), ReportMarker.Find(RunPages.Comment(run, _unlinked, previous: null))?.Key);
    }

    [Theory]
    [InlineData("")]
    [InlineData("words")]
    [InlineData("<!-- atu:report null -->")]
    [InlineData("<!-- atu:report {} -->")]
    [InlineData("<!-- atu:report {\"v\":2,\"key\":\"k\",\"policy\":\"p\",\"sha\":\"\",\"more\":false,\"rules\":[]} -->")]
    [InlineData("<!-- atu:report {\"v\":1,\"key\":\"k\",\"policy\":\"p\",\"sha\":\"x\",\"more\":false,\"rules\":[]} -->")]
    [InlineData("<!-- atu:report {\"v\":1,\"key\":\"k\",\"policy\":\"p\",\"sha\":\"\",\"more\":false,\"rules\":[null]} -->")]
    [InlineData(
        "<!-- atu:report {\"v\":1,\"key\":\"k\",\"policy\":\"p\",\"sha\":\"\",\"more\":false,\"rules\":[{\"n\":\"a\","
            + "\"s\":\"passed\",\"o\":1},{\"n\":\"a\",\"s\":\"passed\",\"o\":1}]} -->")]
    [InlineData("> <!-- atu:report {\"v\":1,\"key\":\"k\",\"policy\":\"p\",\"sha\":\"\",\"more\":false,\"rules\":[]} -->")]
    public void Marker_DamagedOrElsewhere_IsNone(string body) => Assert.Null(ReportMarker.Find(body));

    // Anybody may write into a comment that we posted, and a mangled first line must not end publishing.
    [Theory]
    [InlineData("<!-- atu:report -->")]
    [InlineData("<!-- atu:report  -->")]
    [InlineData("<!-- atu:report-->")]
    [InlineData("<!-- atu:report {\"v\":1,\"key\":\"\\ud800\",\"policy\":\"p\",\"sha\":\"\",\"more\":false,\"rules\":[]} -->")]
    [InlineData(
        "<!-- atu:report {\"v\":1,\"key\":\"k\",\"policy\":\"p\",\"sha\":\"\",\"more\":false,\"rules\":[{\"n\":\"a\","
            + "\"s\":\"passed\",\"o\":1e999}]} -->")]
    [InlineData(
        "<!-- atu:report {\"v\":1,\"key\":\"k\",\"policy\":\"p\",\"sha\":\"\",\"more\":false,\"rules\":[{\"n\":\"a\","
            + "\"s\":\"passed\",\"o\":1,\"w\":\"@all\"}]} -->")]
    public void Marker_Mangled_IsNone(string body) => Assert.Null(ReportMarker.Find(body));

    [Fact]
    public void Marker_OneHalfOfASurrogatePair_IsNone()
    {
        var whole = ReportMarker.Create(Run(), Sha).ToComment();

        Assert.Null(ReportMarker.Find(whole.Replace("no-eights", "no\ud800", StringComparison.Ordinal)));
    }

    [Fact]
    public void Marker_AnyMutation_NeverThrows()
    {
        var random = new Random(18);
        var whole = ReportMarker.Create(Waived(), Sha).ToComment();
        var alphabet = "{}[]\",:-<>!0123456789eE.\\u\ud800\0 \r\ntrue null" + whole;
        for (var round = 0; round < 20_000; round++)
        {
            var text = whole.ToCharArray().ToList();
            for (var edits = random.Next(1, 6); edits > 0; edits--)
            {
                var at = random.Next(text.Count);
                switch (random.Next(4))
                {
                    case 0: text[at] = alphabet[random.Next(alphabet.Length)]; break;
                    case 1: text.Insert(at, alphabet[random.Next(alphabet.Length)]); break;
                    case 2: text.RemoveRange(at, Math.Min(text.Count - at - 1, random.Next(1, 40))); break;
                    default: text = [.. text.Take(at), .. text.Skip(random.Next(text.Count - 1))]; break;
                }

                if (text.Count < 2)
                    text = [.. whole];
            }

            if (ReportMarker.Find(new string([.. text])) is { } found)
                RunPages.Comment(Run(), _context, found);
        }
    }

    // What is escaped takes more room; a line that is too long would not be found again, and a second comment would be written.
    [Fact]
    public void Marker_NamesFullOfHyphens_IsFoundAgain()
    {
        var run = Run();
        var finding = run.Verification.Verdict.Findings[^1];
        List<Finding> findings = [.. Enumerable.Range(0, 100)
            .Select(number => finding with { Rule = RuleName.MinShareKept($"{number}{new string('-', 90)}") })];
        run =
            run with { Verification = run.Verification with { Verdict = run.Verification.Verdict with { Findings = findings } } };

        Assert.True(ReportMarker.Find(RunPages.Comment(run, _context, previous: null)) is { Shortened: true, Rules.Count: > 5 });
    }

    // As a version wrote it that kept neither limits nor digests.
    [Fact]
    public void Marker_OfAnOlderVersion_IsReadAndComparedAsFarAsItGoes()
    {
        const string Older =
            "<!-- atu:report "
                + "{\"v\":1,\"key\":\"e7aaca8b28358a2bda8520f07e57e0a4\",\"policy\":\"no-eights\",\"sha\":\"\","
                + "\"more\":false,\"rules\":[{\"n\":\"digit-8/maxRate\",\"s\":\"passed\",\"o\":0.003}]} -->\n### words";
        var found = ReportMarker.Find(Older)!;
        var comment = RunPages.Comment(Run(), _context, found);

        Assert.Contains("**Changed:**", comment, StringComparison.Ordinal);
        Assert.Contains("- `digit-8/maxRate`: 0.3\u00a0% → 0.2\u00a0%\n", comment, StringComparison.Ordinal);
        Assert.DoesNotContain("same policy", comment, StringComparison.Ordinal);
    }

    // A number that passes because its limit moved is distinguished from one that passes because the generator changed.
    [Fact]
    public void Comment_LimitLoosenedAndAnotherSeed_SaysSo()
    {
        var strict = Records.Policy with
        {
            UndesiredFeatures = [Records.Policy.UndesiredFeatures[0] with { MaxRate = 0.001 }],
            Waivers = [new Waiver("digit-8/maxRate", "r", "Ada", "2026-06-30")],
        };
        var loose = strict with
        {
            UndesiredFeatures = [strict.UndesiredFeatures[0] with { MaxRate = 0.0015 }],
            Waivers = [strict.Waivers[0] with { Expires = "2026-12-31" }],
            Evaluation = strict.Evaluation with { Seed = 21 },
        };
        var record = Desk.MakeRecord();
        record = record with { Before = record.Before with { Seed = 21 }, After = record.After! with { Seed = 21 } };

        var previous = ReportMarker.Create(Run(policy: strict), new string('f', 40));

        var comment = RunPages.Comment(Run(record, loose), _context, previous);

        Assert.Contains(
            "**Changed since `fffffff`** (**the policy changed**, same generator, **another seed**, 20 → 21):",
            comment,
            StringComparison.Ordinal);
        Assert.Contains(
            "- `digit-8/maxRate`: limit ≤\u00a00.1\u00a0% → ≤\u00a00.15\u00a0%, waived until 2026-06-30 → 2026-12-31\n",
            comment,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Comment_AnotherGenerator_SaysSo()
    {
        var other = Run() with
        {
            Record = Desk.MakeRecord() with { Before = Records.Before with { GeneratorSha256 = new string('9', 64) } }
        };

        var comment = RunPages.Comment(other, _context, ReportMarker.Create(Run(), Sha));

        Assert.Contains("(same policy, **another generator**, same seed): no rule.", comment, StringComparison.Ordinal);
    }

    [Fact]
    public void Marker_OfARun_IsReadBack()
    {
        var marker = ReportMarker.Create(Run(), Sha);
        var found = ReportMarker.Find(marker.ToComment() + "\r\nmore")!;

        Assert.Equal(marker.Rules, found.Rules);
        Assert.Equal(marker with { Rules = [] }, found with { Rules = [] });
        Assert.Equal(Sha, found.HeadSha);
    }

    private const string Folder = "AdaptThenUnlearn.Publishing.Tests/golden";

    private static void Check(string name, string text) => Golden.Check(name, text, Folder);

    private static PublishedRun Run(RunRecord? record = null, UnlearningPolicy? policy = null)
    {
        record ??= Desk.MakeRecord();
        policy ??= record.Policy;
        var verification = new Verification([], Gate.Judge(policy, record.Before, record.After, Records.Today));
        return new PublishedRun(record, verification, policy, Records.PolicyText, "policies/policy.json");
    }

    private static PublishedRun Waived() => Run(Desk.MakeRecord(distance: 60), Records.Policy with
    {
        Waivers =
        [
            new Waiver("quality/maxFrechetIncrease", "until the next release", "Ada", "2026-12-31"),
            new Waiver("quality/maxFrechetDistance", "was bad once", "Ada", "2026-12-31")
        ],
    });

    private static RunRecord WithClasses(RunRecord record)
    {
        var more = Enumerable.Range(1, 5)
            .Select(name => new ClassShare("auditor", $"{name}", Undesired: false, 1000, 10000))
            .ToList();
        return record with
        {
            Before = record.Before with { Shares = [.. record.Before.Shares, .. more] },
            After = record.After! with
            {
                Shares = [.. record.After.Shares, .. more.Select((share, place) => share with { Hits = 1000 + 80 * place })]
            },
        };
    }

    private static PublishedRun WithWords(string words)
    {
        var record = Desk.MakeRecord(hits: 400, nines: 10);
        record = record with
        {
            Tool = words,
            Policy = record.Policy with { Description = words, Owner = words },
            PolicySource = record.PolicySource with { File = words, Overrides = [words] },
            Before =
                record.Before with { Shares = [.. record.Before.Shares, new ClassShare("auditor", words, false, 100, 10000)] },
            After = record.After! with
            {
                Quality = record.After.Quality!.With(
                new(RecordedMetrics.FrechetDistance, null, NotMeasured: words)) with
                { DistanceName = words }
            },
            Environment = record.Environment with { Device = words },
        };
        var run = Run(record) with { PolicyFile = words };
        return run with
        {
            Verification =
                run.Verification with { Problems = [words], Verdict = run.Verification.Verdict with { Warnings = [words] } }
        };
    }

    private static PublishedRun Worst()
    {
        var long1 = string.Concat(Enumerable.Repeat("@", 5000));
        var run = WithWords(long1);
        var finding = run.Verification.Verdict.Findings[^1];
        List<Finding> findings = [.. Enumerable.Range(0, 3000).Select(number => finding with
        {
            Rule = RuleName.MinShareKept($"{number}{long1}"),
            Explanation = long1,
            State = FindingState.NotMeasured
        })];
        return run with
        {
            Verification = run.Verification with
            {
                Problems = [.. Enumerable.Repeat(long1, 50)],
                Verdict = run.Verification.Verdict with { Findings = findings }
            }
        };
    }

    // What is not in a code span, where nothing is linked.
    private static string Prose(string markdown) => System.Text.RegularExpressions.Regex.Replace(markdown, "`[^`\n]*`", "");

    private static string Text(CheckPage page) => string.Join('\n', [
        $"name: {page.Name}", $"conclusion: {page.Conclusion}", $"title: {page.Title}", "", "summary:", page.Summary,
        "text:", page.Text, "annotations:",
        .. page.Annotations.Select(annotation =>
            $"{annotation.Path}:{annotation.Line} {annotation.Level}: {annotation.Title} | {annotation.Message}"), ""]);
}
