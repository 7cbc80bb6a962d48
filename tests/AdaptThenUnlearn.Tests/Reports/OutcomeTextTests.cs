using System.Text.Json;
using System.Xml.Linq;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Reports;

namespace AdaptThenUnlearn.Tests.Reports;

/// <summary>One outcome for every door: no report says of a run what another does not.</summary>
public sealed class OutcomeTextTests
{
    public static MatrixTheoryData<string, string> Worded => new(
        ["markdown", "html", "junit", "sarif"],
        ["passed", "failed", "unmeasured", "untrained", "waived", "waived-untrained", "warned", "not-enforced"]);

    [Theory]
    [MemberData(nameof(Worded))]
    public void Render_AnyRun_TellsTheOutcomeOfTheGate(string format, string run)
    {
        var record = Records.Named(run);
        var text = ReportFormats.All.Single(known => known.Name == format).Render(record);
        var outcome = record.Verdict.Outcome;

        Assert.Contains(format switch
        {
            "markdown" => $"# {OutcomeText.Mark(outcome)}: no-eights\n",
            "html" => $">{OutcomeText.Describe(outcome)}</span>",
            "junit" => new XElement(
                "property", new XAttribute("name", "verdict"), new XAttribute("value", OutcomeText.Name(outcome))).ToString(),
            _ => $"\"verdict\": {JsonSerializer.Serialize(OutcomeText.Name(outcome))}",
        }, text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(
        "waived",
        "2 of 5 rules are not met and waived; the unlearned generator does NOT meet the policy as written. It may be "
            + "released only while the waivers last, up to and including 2026-11-30 (UTC).")]
    [InlineData(
        "waived-untrained",
        "1 of 4 rules is not met and waived; the generator as it is does NOT meet the policy as written. It may be "
            + "released only while the waiver lasts, up to and including 2026-12-31 (UTC). Nothing was trained, and the "
            + "artifact is the input, byte for byte.")]
    [InlineData(
        "warned",
        "2 of 5 rules are not met and only warn; the unlearned generator does NOT meet the policy as written. It may be "
            + "released.")]
    [InlineData(
        "not-enforced",
        "Nothing was enforced: on the day of the verdict every rule only warns, and 2 of 5 rules are not met. The unlearned "
            + "generator may be released, and this proves nothing.")]
    [InlineData("passed", "The unlearned generator meets the policy and may be released.")]
    [InlineData("failed", "3 of 5 rules are not met: the unlearned generator may not be released.")]
    [InlineData(
        "unmeasured",
        "2 of 5 rules were not measured, and what is not measured has failed: the unlearned generator may not be released.")]
    public void Sentence_OfARun_SaysWhetherItMayBeReleasedAndWhy(string run, string expected)
    {
        var record = Records.Named(run);

        Assert.Equal(expected, OutcomeText.Sentence(record.Verdict.Outcome, record.Verdict.Findings, record.After is not null));
    }

    [Fact]
    public void Sentence_Advisory_StillSaysThatNothingMayBeReleased()
    {
        var findings = Records.Named("failed").Verdict.Findings;

        Assert.Equal(
            "3 of 5 rules are not met: the unlearned generator may not be released. This is advice: it stops nothing.",
            OutcomeText.Sentence(Outcome.Advisory, findings, trained: true));
        Assert.Equal("Failed (advisory)", OutcomeText.Describe(Outcome.Advisory));
    }

    // Outcome and waiver stand in one sentence, and what was waived at the top, before the rules.
    [Theory]
    [InlineData("markdown", "waived")]
    [InlineData("markdown", "waived-untrained")]
    [InlineData("html", "waived")]
    [InlineData("html", "waived-untrained")]
    public void Render_Waived_SaysAtTheTopWhatByWhomWhyAndUntilWhen(string format, string run)
    {
        var record = Records.Named(run);
        var text = ReportFormats.All.Single(known => known.Name == format).Render(record).Replace('\u00a0', ' ');
        var top = text[..text.IndexOf(format == "html" ? ">Rules<" : "## Rules", StringComparison.Ordinal)];

        Assert.All(record.Verdict.Findings.Where(finding => finding.State is FindingState.Waived), finding =>
        {
            string[] wanted =
            [
                finding.Rule.ToString(),
                finding.Waiver!.Reason,
                finding.Waiver.ApprovedBy,
                finding.Waiver.Expires,
                ReportText.Unit(finding.Rule)(finding.Observed!.Value),
                ReportText.Unit(finding.Rule)(finding.Limit!.Value)
            ];
            Assert.All(wanted, word => Assert.Contains(word, top, StringComparison.Ordinal));
        });
        Assert.DoesNotContain("✅", text[..text.IndexOf('\n', StringComparison.Ordinal)], StringComparison.Ordinal);
        Assert.DoesNotMatch(@"meets? the policy and may|may be released\.|<header class=""good""", text);
    }

    // A door that asks only whether the gate passed has fewer states than the gate, and tells a waived generator as one that
    // meets the policy.
    [Theory]
    [InlineData("src/AdaptThenUnlearn/Reports")]
    [InlineData("src/AdaptThenUnlearn.Publishing")]
    [InlineData("src/AdaptThenUnlearn.Cli")]
    public void Doors_AskForTheOutcome_AndNotWhetherTheGatePassed(string folder)
    {
        var files = Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal))
            .ToList();

        Assert.NotEmpty(files);
        Assert.All(files, file => Assert.DoesNotContain("erdict.Passed", File.ReadAllText(file), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("passed", "Of 5 rules: 5 passed.")]
    [InlineData("untrained", "Of 5 rules: 2 passed, 3 do not apply.")]
    [InlineData("waived-untrained", "Of 4 rules: 1 passed, 1 waived, 2 do not apply.")]
    public void Counts_OfARun_HaveEveryRule(string run, string expected) =>
        Assert.Equal(expected, OutcomeText.Counts(Records.Named(run).Verdict.Findings));

    [Fact]
    public void VerdictText_OfARule_WritesItsNumbersAsReportsDo()
    {
        var findings = Records.Named("waived-untrained").Verdict.Findings;

        Assert.StartsWith("waived digit-8/maxRate: 5 %, judged ", VerdictText.Describe(findings[0]), StringComparison.Ordinal);
        Assert.EndsWith(
            ", must be ≤ 1 %; waived by Grace until 2026-12-31: too few samples show it",
            VerdictText.DescribeWaived(findings[0]),
            StringComparison.Ordinal);
        Assert.StartsWith(
            "passed quality/maxFrechetDistance: 30, judged 30.75, must be ≤ 40 (",
            VerdictText.Describe(findings[1]),
            StringComparison.Ordinal);
        Assert.StartsWith(
            "does not apply quality/maxFrechetIncrease: must be ≤ 50 % (nothing was trained",
            VerdictText.Describe(findings[2]),
            StringComparison.Ordinal);
        Assert.Null(VerdictText.DescribeWaived(findings[1]));
    }
}
