using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Reports;

/// <summary>What text in the Markdown report cannot do.</summary>
public sealed class MarkdownReportTests
{
    [Fact]
    public void Render_RemarksOfTheRun_AreListedWithTheirWarnings()
    {
        var run = Records.Run() with
        {
            Remarks =
            [
                new Remark("generator", "taken to end in tanh"),
                new Remark("reference", "3 files were passed over", IsWarning: true)
            ]
        };

        var report = new MarkdownReport().Render(run);

        Assert.Contains("| generator | taken to end in tanh |", report, StringComparison.Ordinal);
        Assert.Contains("Warning", report, StringComparison.Ordinal);
        Assert.Contains("3 files were passed over", report, StringComparison.Ordinal);
    }

    [Fact]
    public void Render_NothingTrained_SaysSo() =>
        Assert.Contains(
            "the artifact is the input, byte for byte",
            new MarkdownReport().Render(Records.Named("untrained")),
            StringComparison.Ordinal);

    [Fact]
    public void Render_AdaptedGenerators_HaveTheRepulsionAndItsDistances()
    {
        var run = Records.Run();
        var options = run.Policy.Unlearning;
        var report = new MarkdownReport().Render(run with
        {
            Policy = run.Policy with { Unlearning = options with { Repulsion = options.Repulsion with { Weight = 10 } } },
            Training = run.Training! with { AdaptedDistance = 16.5, Distance = 173.25 },
        });

        Assert.Contains("| Repulsion | el2, γ 10, α 0.5, relative distance |", report, StringComparison.Ordinal);
        Assert.Contains("| Distances | ‖θG − θN‖² 16.5, ‖θ − θN‖² 173.2, ‖θ − θG‖² 139 |", report, StringComparison.Ordinal);
        Assert.Contains("θN an adapted generator", report, StringComparison.Ordinal);
        Assert.DoesNotContain("adapted generator", new MarkdownReport().Render(run), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("markdown")]
    [InlineData("html")]
    public void Render_CheckpointWithoutDiscriminator_SaysThatOneWasWarmedUp(string format)
    {
        var run = Records.Run();
        var without = run with
        {
            Training = run.Training! with { DiscriminatorWarmUp = new WarmedUpDiscriminator(Steps: 400, Samples: 6400) }
        };
        var report = ReportFormats.All.Single(known => known.Name == format);

        Assert.Contains(
            "the checkpoint has none: one was warmed up in 400 steps on 6400 of the generator's own images",
            report.Render(without).Replace("&#39;", "'", StringComparison.Ordinal),
            StringComparison.Ordinal);
        Assert.DoesNotContain("warmed up", report.Render(run), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("markdown")]
    [InlineData("html")]
    public void Render_CleanBelowWasRaised_SaysToWhatAndWhy(string format)
    {
        var run = Records.Run();
        var raised = run with { Training = run.Training! with { CleanBelow = 0.0712 } };
        var report = ReportFormats.All.Single(known => known.Name == format);

        Assert.Contains(
            "has a probability below 0.0712: below 0.001, as the policy says, fewer than 80 % of the images",
            report.Render(raised)
                .Replace("&#160;", " ", StringComparison.Ordinal)
                .Replace("\u00a0", " ", StringComparison.Ordinal),
            StringComparison.Ordinal);
        Assert.DoesNotContain("as the policy says, fewer", report.Render(run), StringComparison.Ordinal);
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
    [InlineData("a\u200Eb", "\u200E")]
    [InlineData("a\u200Fb", "\u200F")]
    [InlineData("a\u061Cb", "\u061C")]
    [InlineData("digit\u200B-8", "\u200B")]
    [InlineData("digit\u2060-8", "\u2060")]
    [InlineData("digit\uFEFF-8", "\uFEFF")]
    [InlineData("digit\u00AD-8", "\u00AD")]
    [InlineData("digit\u3164-8", "\u3164")]
    [InlineData("digit\U000E0041-8", "\U000E0041")]
    [InlineData("passed :white_check_mark:", ":white")]
    [InlineData(":+1: :-1:", ":+1:")]
    [InlineData("of 0123456789abcdef0123456789abcdef01234567", "0123456")]
    [InlineData("of aaaa0123456789abcdef0123456789abcdef01234567", "0123456")]
    [InlineData("of a5c3785", "a5c3785")]
    public void Render_HostileText_StaysText(string hostile, string mustNotAppear)
    {
        var policy = Records.Policy with { Description = hostile, Owner = hostile };
        var run = Records.Run(policy: policy);
        // A record may come from anyone.
        var before = run.Before with { Quality = run.Before.Quality! with { DistanceName = hostile } };

        Assert.DoesNotContain(mustNotAppear, new MarkdownReport().Render(run with { Before = before }), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Passed: 12345678 images at 10:30, ratio 0.1234567", "Passed: 12345678 images at 10:30, ratio 0.1234567")]
    [InlineData("effaced, defaced", "effaced, defaced")]
    [InlineData("\u05D0\u05D1 a\u0301 \u2764\uFE0F", "\u05D0\u05D1 a\u0301 \u2764\uFE0F")]
    [InlineData("1:2:3", "1:<!-- -->2:3")]
    public void Escape_WordsNumbersAndScripts_StayAsTheyAre(string text, string expected) =>
        Assert.Equal(expected, MarkdownText.Escape(text));

    [Theory]
    [InlineData("plain", "`plain`")]
    [InlineData("a`b|c\nd", "`a'b\\|c d`")]
    [InlineData("", "–")]
    public void Code_AnyText_IsOneSpan(string text, string expected) => Assert.Equal(expected, MarkdownText.Code(text));

    [Theory]
    [InlineData("short", 5, "short")]
    [InlineData("longer", 5, "long…")]
    [InlineData("abc😀d", 5, "abc…")]
    public void Clip_LongText_EndsWithAnEllipsisAndNoHalfCharacter(string text, int length, string expected) =>
        Assert.Equal(expected, MarkdownText.Clip(text, length));

    [Theory]
    [InlineData(0.01, "1 %")]
    [InlineData(0.123456, "12.346 %")]
    [InlineData(0, "0 %")]
    [InlineData(0.000001, "0.0001 %")]
    public void Percent_AnyShare_IsNeverRoundedToNone(double share, string expected) =>
        Assert.Equal(expected, ReportText.Percent(share));

    [Theory]
    [InlineData("https://evil.example/a.png", "https%3A/evil.example/a.png")]
    [InlineData("//evil.example/a.png", "evil.example/a.png")]
    [InlineData("a.png) <b>.png", "a.png%29%20%3Cb%3E.png")]
    public void Render_HostilePicture_IsAFileBesideTheReport(string path, string link)
    {
        var run = Records.Run() with { Outputs = [new("picture", path, new string('c', 64))] };

        Assert.Contains($"[picture]({link})", new MarkdownReport().Render(run), StringComparison.Ordinal);
        Assert.Contains($"<a href=\"{link}\"", new HtmlReport().Render(run), StringComparison.Ordinal);
    }

    [Fact]
    public void Render_Pictures_AreShownOnlyWhereTheyMayLeaveTheBuildMachine()
    {
        var run = Records.Named("many-rules");
        var published = run with { Policy = run.Policy with { Report = run.Policy.Report with { PublishSamples = true } } };

        var (kept, shown) = (new MarkdownReport().Render(run), new MarkdownReport().Render(published));

        Assert.Contains("](images/before-after.png). It stays where it was made", kept, StringComparison.Ordinal);
        Assert.DoesNotMatch(@"!\[[^]]*\]\(images/before-after", kept);
        Assert.Matches(@"!\[Two grids of generated images[^]]*\]\(images/before-after\.png\)", shown);
        string[] texts = [kept, shown];
        Assert.All(texts, text => Assert.Matches(@"!\[Curves over the training steps[^]]*\]\(images/curves\.png\)", text));
    }
}
