using System.Globalization;
using System.Text.RegularExpressions;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Reports;

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
        Assert.Equal(["images/before-after.png"], SourcePattern().Matches(page).Select(match => match.Groups[1].Value));
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

    [GeneratedRegex("src=\"([^\"]*)\"")]
    private static partial Regex SourcePattern();

    private static double At(Match match) => double.Parse(match.Groups[1].Value.TrimEnd('%'), CultureInfo.InvariantCulture);

    [GeneratedRegex("<line class=\"limit\" x1=\"([^\"]*)\"")]
    private static partial Regex LimitPattern();

    private static Regex CirclePattern(string when) => new($"<circle class=\"{when}\" cx=\"([^\"]*)\"");
}
