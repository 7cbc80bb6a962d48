using System.Xml.Linq;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Reports;

/// <summary>A trend shows what the records say, oldest first, and never joins numbers that measure different things.</summary>
public sealed class TrendTests
{
    private const string Folder = "AdaptThenUnlearn.Tests/Reports/golden";

    [Fact]
    public void Create_NoEarlierRun_IsNone() => Assert.Null(Trend.Create([], Records.Run()));

    [Fact]
    public void Create_SeveralRuns_HasTheNumbersOfEach()
    {
        var trend = Trend.Create([Measured(1, hits: 400), Measured(2, hits: 100)], Measured(3, hits: 20))!;
        var rate = trend.Rules[0];

        Assert.Equal("digit-8/maxRate", rate.Name);
        Assert.Equal([0.04, 0.01, 0.002], rate.Points.Select(point => point!.Observed));
        Assert.Equal([FindingState.Failed, FindingState.Failed, FindingState.Passed], rate.Points.Select(point => point!.State));
        Assert.Equal("█▂▁", rate.Blocks());
        Assert.Equal("3 runs, 2026-02-01 12:00 to 2026-02-03 12:00", trend.Describe());
    }

    [Fact]
    public void Create_OtherInstrument_IsMarkedAsNotComparable()
    {
        var other = Measured(1, hits: 400);
        other = other with { Inputs = [.. other.Inputs.Select(input => input with { Sha256 = "other" })] };

        var trend = Trend.Create([other, Measured(2, hits: 100)], Measured(3, hits: 20))!;

        Assert.Equal(["another auditor", null, null], trend.Rules[0].Points.Select(point => point!.WhyNotComparable));
        Assert.Equal("·█▂", trend.Rules[0].Blocks());
        Assert.Matches("class=\"line\" d=\"M[^ML]*M[^ML]*L[^ML]*\"", TrendPlot.File(trend));
    }

    [Fact]
    public void Create_RuleThatARunDidNotMeasure_LeavesAGap()
    {
        var unmeasured = Measured(2, hits: 20, distance: null);

        var trend = Trend.Create([Measured(1, hits: 20), unmeasured], Measured(3, hits: 20))!;
        var distance = trend.Rules.Single(rule => rule.Name == "quality/maxFrechetDistance");

        Assert.Null(distance.Points[1]);
        Assert.Equal("▇·▇", distance.Blocks());
    }

    [Fact]
    public void Render_FormatsForPeople_ShowTheTrendAndTheOthersDoNot()
    {
        var trend = Make();
        foreach (var format in ReportFormats.FromRecord)
        {
            var shows = format.Render(Records.Run(), trend: trend) != format.Render(Records.Run());

            Assert.Equal(format is HtmlReport or MarkdownReport, shows);
        }
    }

    [Fact]
    public void Render_ATrend_IsTheGoldenReport()
    {
        Golden.Check("trend.report.md", new MarkdownReport().Render(Records.Run(), trend: Make()), Folder);
        Golden.Check("trend.report.html", new HtmlReport().Render(Records.Run(), trend: Make()), Folder);
        Golden.Check("trend.svg", TrendPlot.File(Make()), Folder);
    }

    [Fact]
    public void Render_ManyRuns_TableSaysHowManyItShows()
    {
        var trend = Trend.Create([.. Enumerable.Range(1, 20).Select(day => Measured(day, hits: 20))], Measured(21, hits: 20))!;

        var report = new MarkdownReport().Render(Records.Run(), trend: trend);

        Assert.Contains("the newest 10 of 21 runs", report, StringComparison.Ordinal);
        Assert.Equal(10, report.Split("| `digit-8/maxRate` | 2026-02-").Length - 1);
    }

    [Theory]
    [InlineData("<script>alert(1)</script>")]
    [InlineData("\"/><image href=\"https://evil.example\"/>")]
    [InlineData("a | b `c` \ufffe\u0001")]
    public void Render_HostileNames_StayText(string name)
    {
        var feature = Records.Policy.UndesiredFeatures[0] with { Name = name };
        var current = Records.Run() with { Policy = Records.Policy with { UndesiredFeatures = [feature] } };
        current = current with
        {
            Verdict = new Verdict(
                true, [new Finding(RuleName.MaxRate(name), FindingState.Passed, 0.1, 0.2, "≤", 0.3, name, null)], [])
        };
        var trend = Trend.Create([current with { Tool = "atu 0" }], current)!;

        var svg = XElement.Parse(TrendPlot.File(trend));
        Assert.DoesNotContain(svg.Descendants(), element => element.Name.LocalName is "script" or "image");
        Assert.DoesNotContain("<script", new HtmlReport().Render(current, trend: trend), StringComparison.OrdinalIgnoreCase);
        Assert.All(
            new MarkdownReport().Render(current, trend: trend)
                .Split('\n')
                .Where(line => line.Contains(" 2026-03-01 10:03 |", StringComparison.Ordinal)),
            row => Assert.DoesNotMatch("^[^`]*<|`[^`]*`[^`]*<", row));
    }

    [Theory]
    [InlineData("range", "digit-8/maxRate", "another range of values")]
    [InlineData("truncation", "digit-8/maxRate", "another truncation")]
    [InlineData("class", "digit-8/minUnlearned", "another class")]
    [InlineData("auditor", "digit-8/maxRate", "another auditor")]
    [InlineData("auditor", "quality/minShareKept/9", "another classifier")]
    [InlineData("samples", "quality/maxFrechetDistance", "6000 images, not 5000")]
    [InlineData("samples", "digit-8/maxRate", null)]
    [InlineData("reference", "quality/maxFrechetIncrease", "another reference")]
    [InlineData("extractor", "quality/maxFrechetDistance", "another extractor")]
    [InlineData("excluded", "quality/maxFrechetDistance", "other classes excluded")]
    [InlineData("generator", "digit-8/maxRate", null)]
    [InlineData("limit", "digit-8/maxRate", null)]
    public void WhyNot_OneDifference_IsNamedWhereItMatters(string difference, string rule, string? expected)
    {
        var current = Records.Run();
        var after = current.After!;
        var quality = after.Quality!;
        var earlier = difference switch
        {
            "range" => current with { After = after with { Range = "raw" } },
            "truncation" => current with { After = after with { Truncation = 0.7 } },
            "class" => current with { After = after with { Features = [after.Features[0] with { Class = "9" }] } },
            "auditor" => current with { Inputs = [.. current.Inputs.Select(input => input with { Sha256 = "other" })] },
            "samples" => current with { After = after with { Quality = quality with { Samples = 6000 } } },
            "reference" => current with { After = after with { Quality = quality with { ReferenceSha256 = "other" } } },
            "extractor" => current with { After = after with { Quality = quality with { ExtractorSha256 = "other" } } },
            "excluded" => current with { After = after with { Quality = quality with { Excluded = [] } } },
            "generator" => current with { Before = current.Before with { GeneratorSha256 = "other" } },
            _ => current with { Policy = current.Policy with { Waivers = [] } },
        };

        Assert.Equal(expected, Comparability.WhyNot(earlier, current, RuleName.Parse(rule)));
    }

    [Theory]
    [InlineData(0.0035, 0.003, "−0.05\u00a0points")]
    [InlineData(0.003, 0.0035, "+0.05\u00a0points")]
    [InlineData(0.2, 0.2, "±0\u00a0points")]
    public void WriteDifference_OfShares_IsInPercentagePoints(double was, double isNow, string expected) =>
        Assert.Equal(expected, FindingNumbers.WriteDifference(RuleName.MaxRate("f"), was, isNow));

    private static Trend Make()
    {
        var moved = Measured(3, hits: 60) with
        {
            Origin = new BuildOrigin { Commit = new string('c', 40), Ref = "main" },
            Inputs = [.. Records.Run().Inputs.Select(input => input with { Sha256 = "other" })],
        };
        return Trend.Create([Measured(1, hits: 400), Measured(2, hits: 90), moved, Measured(4, hits: 25)], Records.Run())!;
    }

    private static RunRecord Measured(int day, long hits, double? distance = 36)
    {
        var after = Records.Measured("b", hits, distance, 900);
        var run = Records.Run(Gate.Judge(Records.Policy, Records.Before, after, Records.Today));
        return run with
        {
            After = after,
            Times = run.Times with { Finished = new DateTimeOffset(2026, 2, day, 12, 0, 0, TimeSpan.Zero) },
        };
    }
}
