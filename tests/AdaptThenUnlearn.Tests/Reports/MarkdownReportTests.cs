using System.Globalization;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;

namespace AdaptThenUnlearn.Tests.Reports;

/// <summary>The report that people read, against golden files (ATU_UPDATE_GOLDEN=1 rewrites them), and what text in it cannot do.</summary>
public sealed class MarkdownReportTests
{
    [Fact]
    public void Render_PassedRun_IsTheGoldenReport() => Golden.Check("passed.md", new MarkdownReport().Render(Records.Run()));

    [Fact]
    public void Render_FailedAndWaived_IsTheGoldenReport()
    {
        var policy = Records.Policy with { Waivers = [new Waiver("quality/maxFrechetIncrease", "until the next release", "Ada", "2026-12-31"), new Waiver("quality/maxFrechetDistance", "was bad once", "Ada", "2026-12-31")] };
        var after = Records.Measured("b", 400, 60, 100);
        var run = Records.Run(Gate.Judge(policy, Records.Before, after, Records.Today), policy) with { After = after };

        Golden.Check("failed.md", new MarkdownReport().Render(run));
    }

    [Fact]
    public void Render_NothingTrained_SaysSo()
    {
        var compliant = Records.Measured("a", 5, 30, 1000);
        var run = Records.Run(Gate.Judge(Records.Policy, compliant, null, Records.Today)) with { Before = compliant, After = null, Training = null };

        Assert.Contains("the artifact is the input, byte for byte", new MarkdownReport().Render(run), StringComparison.Ordinal);
    }

    [Fact]
    public void Render_OtherCulture_IsTheSameText()
    {
        var usual = new MarkdownReport().Render(Records.Run());
        CultureInfo.CurrentCulture = new CultureInfo("de-DE");

        Assert.Equal(usual, new MarkdownReport().Render(Records.Run()));
    }

    [Theory]
    [InlineData("<script>alert(1)</script>", "<script")]
    [InlineData("![x](http://evil.example/a.png)", "![x](")]
    [InlineData("[click](javascript:alert(1))", "[click](")]
    [InlineData("@everyone", "@everyone")]
    [InlineData("a | b", "a | b")]
    [InlineData("one\n## two", "\n## two")]
    [InlineData("see #12", "#12")]
    [InlineData("see GH-12", "GH-12")]
    [InlineData("https://evil.example", "https://")]
    [InlineData("www.evil.example", "www.")]
    [InlineData("a\u202Eb", "\u202E")]
    public void Render_HostileText_StaysText(string hostile, string mustNotAppear)
    {
        var policy = Records.Policy with { Description = hostile, Owner = hostile };

        Assert.DoesNotContain(mustNotAppear, new MarkdownReport().Render(Records.Run(policy: policy)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("plain", "`plain`")]
    [InlineData("a`b|c\nd", "`a'b\\|c d`")]
    [InlineData("", "–")]
    public void Code_AnyText_IsOneSpan(string text, string expected) => Assert.Equal(expected, MarkdownText.Code(text));

    [Theory]
    [InlineData("short", 5, "short")]
    [InlineData("longer", 5, "long…")]
    [InlineData("abc😀d", 5, "abc…")]
    public void Clip_LongText_EndsWithAnEllipsisAndNoHalfCharacter(string text, int length, string expected) => Assert.Equal(expected, MarkdownText.Clip(text, length));

    [Theory]
    [InlineData(0.01, "1 %")]
    [InlineData(0.123456, "12.346 %")]
    [InlineData(0, "0 %")]
    [InlineData(0.000001, "0.0001 %")]
    public void Percent_AnyShare_IsNeverRoundedToNone(double share, string expected) => Assert.Equal(expected, ReportText.Percent(share));

    public static TheoryData<string> Formats => [.. ReportFormats.All.Select(format => format.Name)];

    [Theory]
    [MemberData(nameof(Formats))]
    public void EveryFormat_SameRecord_SameTextWithTheVerdict(string name)
    {
        var format = ReportFormats.All.Single(each => each.Name == name);
        var text = format.Render(Records.Run());

        Assert.Equal(text, format.Render(Records.Run()));
        Assert.Contains("digit-8/maxRate", text, StringComparison.Ordinal);
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
    }
}
