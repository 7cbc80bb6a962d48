using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Reports;

/// <summary>The page for a browser: alone, inert, and its pictures drawn to scale.</summary>
public sealed partial class HtmlReportTests
{
    [Fact]
    public void Render_Page_RunsNothingAndFetchesNothing()
    {
        var page = new HtmlReport().Render(Records.Named("failed"));

        Assert.DoesNotMatch(@"(?i)<(script|link|iframe|object|embed|base|form)\b|\son\w+=|url\(|@import|https?:", page);
        Assert.Contains("default-src 'none'", page, StringComparison.Ordinal);
        Assert.Contains("img-src data:\"", page, StringComparison.Ordinal);
        Assert.DoesNotContain("src=", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("passed", "✓", "Passed")]
    [InlineData("failed", "✗", "Failed")]
    [InlineData("unmeasured", "✗", "Failed \\(not measured\\)")]
    [InlineData("waived", "!", "Passed with waivers")]
    public void Render_Verdict_StandsFirst(string run, string mark, string word)
    {
        var page = new HtmlReport().Render(Records.Named(run));

        Assert.Matches($"<body>\\s*<main>\\s*<header[^>]*>\\s*<h1><span[^>]*>{word}</span>", page);
        Assert.Contains($"content: \"{mark}\"", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Render_EveryRule_SaysWhatItDemandsAndHow_ApartFromItsWaiver()
    {
        var run = Records.Named("waived");

        var page = WebUtility.HtmlDecode(new HtmlReport().Render(run)).Replace('\u00a0', ' ');

        Assert.All(run.Verdict.Findings, finding =>
        {
            Assert.Contains(RuleDemand.Describe(finding.Rule), page, StringComparison.Ordinal);
            Assert.Contains(finding.Explanation, page, StringComparison.Ordinal);
        });
        var (waived, rules) = (page.IndexOf("<h2>Not met, and waived", StringComparison.Ordinal),
            page.IndexOf("<h2>Rules", StringComparison.Ordinal));
        Assert.InRange(waived, 0, rules);
        Assert.DoesNotContain(
            "Ada", page[rules..page.IndexOf("<h2>Undesired", StringComparison.Ordinal)], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("failed")]
    [InlineData("unmeasured")]
    public void Certificate_OfWhatMayNotBeReleased_NamesNoRelease(string run)
    {
        var page = new HtmlReport().Render(Records.Named(run));

        var certificate = page[page.IndexOf("class=\"certificate\"", StringComparison.Ordinal)..];
        Assert.DoesNotContain(
            "release", certificate[..certificate.IndexOf("</section>", StringComparison.Ordinal)], StringComparison.Ordinal);
    }

    [Fact]
    public void Render_PassedClasses_ShareARowAndHaveTheirsBelow()
    {
        var page = new HtmlReport().Render(Records.Named("many-rules"));

        Assert.Contains("<bdi>quality/minShareKept</bdi></code>, 9 classes", page, StringComparison.Ordinal);
        Assert.Contains("101\u00a0% to 136\u00a0%", page, StringComparison.Ordinal);
        Assert.All("012345679", kept => Assert.Contains($"quality/minShareKept/{kept}<", page, StringComparison.Ordinal));
    }

    [Fact]
    public void Render_PolicyText_StaysTextLineByLine()
    {
        var run = Records.Run();
        var source = run.PolicySource with { Text = "{ // <script>\n\t\"a\": 1\r\n}", Overrides = ["evaluation.seed=7"] };

        var page = new HtmlReport().Render(run with { PolicySource = source });

        Assert.Contains(
            "<bdi>{ // &lt;script&gt;</bdi>\n<bdi> &quot;a&quot;: 1</bdi>\n<bdi>}</bdi>", page, StringComparison.Ordinal);
        Assert.Contains("Set over it: <code><bdi>evaluation.seed=7</bdi></code>", page, StringComparison.Ordinal);
    }

    [Fact]
    public void PageFoot_HostileTitle_CannotLeaveItsQuotes() =>
        Assert.Contains(
            "content: \"Failed: astyle b-1\"", HtmlStyle.PageFoot("Failed: a\"</style>{}; b-1"), StringComparison.Ordinal);

    [Theory]
    [InlineData("markdown")]
    [InlineData("html")]
    public void Render_KeptCandidate_SaysWhyItWasKeptAndByWhichYardstick(string format)
    {
        var report = ReportFormats.All.Single(known => known.Name == format);
        var run = Records.Run();
        string Render(SelectedCandidate? selected) => WebUtility.HtmlDecode(
            report.Render(run with { Training = run.Training! with { Selected = selected } }));

        var (met, missed, unknown) = (Render(new(0, 8.8123)), Render(new(0.25, null)), Render(null));

        Assert.Contains("the annotators saw it meet the policy's limits", met, StringComparison.Ordinal);
        Assert.Contains(
            "Of the kept one it is 8.81, in features of the annotator annotator", Words(met), StringComparison.Ordinal);
        Assert.Contains("no other misses the policy's limits by clearly less (summed, 0.25)", missed, StringComparison.Ordinal);
        Assert.All(
            (string[])[missed, unknown], text => Assert.DoesNotContain("another yardstick", text, StringComparison.Ordinal));

        static string Words(string text) => text.Replace("<bdi>", "", StringComparison.Ordinal)
            .Replace("</bdi>", "", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2026-03-01 10:00:10", "2026-03-01 10:00:50", "2026-03-01 10:00 UTC")]
    [InlineData("2026-03-01 10:00:00", "2026-03-01 10:03:20", "2026-03-01 10:00 to 10:03 UTC")]
    [InlineData("2026-03-01 23:59:00", "2026-03-02 00:01:00", "2026-03-01 23:59 to 2026-03-02 00:01 UTC")]
    public void Period_EqualParts_StandOnce(string started, string finished, string expected) =>
        Assert.Equal(expected, ReportText.Period(new RunTimes(Utc(started), Utc(finished), [])));

    private static DateTimeOffset Utc(string time) =>
        DateTimeOffset.Parse(time, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);

    [Fact]
    public void Render_Rates_StandWhereTheAxisSays()
    {
        // On a logarithmic axis 10 % before, the limit of 1 % and 0.1 % after are equally far from each other.
        var run = Records.Run();
        var page = new HtmlReport().Render(
            run with { After = run.After! with { Features = [run.After.Features[0] with { Looks = [new Look(10000, 10)] }] } });
        var (before, limit, after) =
            (At(CirclePattern("before").Match(page)), At(LimitPattern().Match(page)), At(CirclePattern("after").Match(page)));

        Assert.Equal(before - limit, limit - after, tolerance: 0.03);
        Assert.True(before > limit);
    }

    [Fact]
    public void Render_NothingSeenAfter_StandsAtTheLeftEdge()
    {
        var run = Records.Run();
        var page = new HtmlReport().Render(
            run with { After = run.After! with { Features = [run.After.Features[0] with { Looks = [new Look(10000, 0)] }] } });

        Assert.Equal("2%", CirclePattern("after").Match(page).Groups[1].Value);
    }

    private static double At(Match match) => double.Parse(match.Groups[1].Value.TrimEnd('%'), CultureInfo.InvariantCulture);

    [GeneratedRegex("<line class=\"limit\" x1=\"([^\"]*)\"")]
    private static partial Regex LimitPattern();

    private static Regex CirclePattern(string when) => new($"<circle class=\"{when}\" cx=\"([^\"]*)\"");
}
