using System.Xml.Linq;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;

namespace AdaptThenUnlearn.Tests.Reports;

/// <summary>A badge says the verdict in a word or a number, and never a better one than the record has.</summary>
public sealed class BadgeReportTests
{
    private static readonly XNamespace _svg = "http://www.w3.org/2000/svg";

    [Theory]
    [InlineData("passed", "digit-8|≤ 0.33 %", "#177245")]
    [InlineData("untrained", "digit-8|≤ 0.13 %", "#177245")]
    [InlineData("failed", "digit-8|failed", "#b3261e")]
    [InlineData("unmeasured", "digit-8|not measured", "#5b656d")]
    [InlineData("waived-untrained", "digit-8|waived", "#8a5a00")]
    [InlineData("warned", "digit-8|warnings", "#8a5a00")]
    [InlineData("not-enforced", "digit-8|not enforced", "#5b656d")]
    public void Render_ARun_SaysItsOutcome(string run, string words, string color)
    {
        var badge = XElement.Parse(new BadgeReport().Render(Records.Named(run)));

        Assert.Equal(words.Split('|'), badge.Descendants(_svg + "text").Select(text => text.Value));
        Assert.Equal(color, badge.Descendants(_svg + "rect").Last().Attribute("fill")?.Value);
        Assert.Equal(words.Replace("|", ": ", StringComparison.Ordinal), badge.Attribute("aria-label")?.Value);
    }

    // Whatever single rule goes wrong in whatever way, the badge is neither green nor a number.
    [Theory]
    [InlineData(FindingState.Failed)]
    [InlineData(FindingState.Waived)]
    [InlineData(FindingState.NotMeasured)]
    public void Render_OneRuleNotMet_IsNeverGreen(FindingState state)
    {
        var run = Records.Named("passed");
        for (var rule = 0; rule < run.Verdict.Findings.Count; rule++)
        {
            var findings = run.Verdict.Findings.Select((finding, at) => at == rule ? finding with { State = state } : finding);
            var badge = new BadgeReport().Render(run with { Verdict = run.Verdict with { Findings = [.. findings] } });

            Assert.DoesNotContain("#177245", badge, StringComparison.Ordinal);
            Assert.DoesNotContain(">≤", badge, StringComparison.Ordinal);
            Assert.DoesNotContain(">passed<", badge, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Render_NoRuleJudged_IsNotMeasured() =>
        Assert.Contains(
            ">not measured<",
            new BadgeReport().Render(Records.Run(new Verdict(true, [], []))),
            StringComparison.Ordinal);

    [Theory]
    [InlineData(0.00326, 0.01, "≤ 0.33 %")]
    [InlineData(0.004, 0.01, "≤ 0.4 %")]
    [InlineData(0.00401, 0.01, "≤ 0.41 %")]
    [InlineData(0.099501, 0.09955, "≤ 9.951 %")]   // 10 % would be beyond the limit
    [InlineData(0.01, 0.01, "≤ 1 %")]
    public void Render_Bound_IsRoundedUpWithinTheLimit(double bound, double limit, string expected)
    {
        var rate = new Finding(RuleName.MaxRate("digit-8"), FindingState.Passed, 0.001, bound, "≤", limit, "counted", null);

        Assert.Contains(
            $">{expected}<", new BadgeReport().Render(Records.Run(new Verdict(true, [rate], []))), StringComparison.Ordinal);
    }

    [Fact]
    public void Render_SeveralFeatures_ShowsTheLargestBoundOfAll()
    {
        var (low, high) = (Rate("digit-4", 0.002), Rate("digit-8", 0.007));
        var names = Named("digit-4", "digit-8");

        Assert.Contains(">≤ 0.7 %<", Render(names, high, low), StringComparison.Ordinal);
        Assert.Contains(">digit-4, digit-8<", Render(names, low, high), StringComparison.Ordinal);
        Assert.Contains(
            ">3 features<",
            Render(Named("a feature of a long name", "another of a long name", "a third"), low, high),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Render_NoRuleAboutARate_SaysPassed() =>
        Assert.Contains(
            ">passed<",
            Render(Records.Policy, Rate("digit-8", 0.99) with { Rule = RuleName.MinUnlearned("digit-8"), Comparator = "≥" }),
            StringComparison.Ordinal);

    private static string Render(UnlearningPolicy policy, params Finding[] findings) =>
        new BadgeReport().Render(Records.Run(new Verdict(true, findings, []), policy));

    private static UnlearningPolicy Named(params string[] names) => Records.Policy with
    {
        UndesiredFeatures = [.. names.Select(name => Records.Policy.UndesiredFeatures[0] with { Name = name })]
    };

    private static Finding Rate(string feature, double bound) =>
        new(RuleName.MaxRate(feature), FindingState.Passed, bound / 2, bound, "≤", 0.01, "counted", null);
}
