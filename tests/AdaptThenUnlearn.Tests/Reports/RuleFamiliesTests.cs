using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;

namespace AdaptThenUnlearn.Tests.Reports;

/// <summary>Equal rules become one row; whatever needs attention keeps its own.</summary>
public sealed class RuleFamiliesTests
{
    [Fact]
    public void Fold_PassedClasses_BecomeOneRowWhereTheFirstStood()
    {
        var rate = Finding(RuleName.MaxRate("digit-8"), FindingState.Passed, 0.001, limit: 0.01);
        var distance = Finding(RuleName.MaxFrechetDistance, FindingState.Passed, 0.4, limit: 1);

        var rows = RuleFamilies.Fold([rate, Kept("7", 1.32), Kept("1", 1.009), Kept("2", 1.1), distance]);

        Assert.Equal(
            ["digit-8/maxRate", "quality/minShareKept", "quality/maxFrechetDistance"], rows.Select(row => $"{row.Rule}"));
        Assert.Equal([false, true, false], rows.Select(row => row.IsFolded));
        Assert.Equal(("1", "7"), (rows[1].Nearest.Rule.Subject, rows[1].Farthest.Rule.Subject));
        Assert.Equal(["7", "1", "2"], rows[1].Findings.Select(finding => finding.Rule.Subject));
    }

    [Theory]
    [InlineData(FindingState.Failed)]
    [InlineData(FindingState.NotMeasured)]
    [InlineData(FindingState.Waived)]
    public void Fold_WhatNeedsAttention_KeepsItsRow(FindingState state)
    {
        Finding[] findings =
            [.. "12345".Select(kept => Kept($"{kept}", kept == '3' ? 0.1 : 1, kept == '3' ? state : FindingState.Passed))];

        var rows = RuleFamilies.Fold(findings);

        Assert.Equal([4, 1], rows.Select(row => row.Findings.Count));
        Assert.Equal(findings[2], Assert.Single(rows[1].Findings));
        Assert.Equal(5, RuleFamilies.Fold([.. findings.Select(finding => finding with { State = state })]).Count);
    }

    [Fact]
    public void Fold_TwoClassesOrOtherLimits_StayAsTheyAre()
    {
        Assert.Equal(2, RuleFamilies.Fold([Kept("1", 1), Kept("2", 1)]).Count);
        Assert.Equal(3, RuleFamilies.Fold([Kept("1", 1), Kept("2", 1), Kept("3", 1) with { Limit = 0.6 }]).Count);
    }

    [Fact]
    public void Fold_WhatDoesNotApply_IsAlikeOnlyForTheSameReason()
    {
        Finding[] untrained = [.. "123".Select(kept => Kept($"{kept}", null, FindingState.NotApplicable))];

        Assert.Equal(3, Assert.Single(RuleFamilies.Fold(untrained)).Findings.Count);
        Assert.Equal(3, RuleFamilies.Fold([untrained[0], untrained[1], untrained[2] with { Explanation = "another" }]).Count);
    }

    [Theory]
    [InlineData(0.97723, 0.95, "97.7 %")]
    [InlineData(1.32009, 0.5, "132 %")]
    [InlineData(0.000222, 0.01, "0.0222 %")]
    [InlineData(0.49996, 0.5, "49.996 %")]   // three digits would say 50 %, which passes
    [InlineData(0.01004, 0.01, "1.004 %")]
    [InlineData(0.010004, 0.01, "1.0004 %")]   // even three decimals would
    [InlineData(0.01, 0.01, "1 %")]
    public void Rounded_Number_StaysOnItsSideOfTheLimit(double value, double limit, string expected) =>
        Assert.Equal(expected, ReportText.Rounded(Kept("1", value) with { Limit = limit }, value));

    [Fact]
    public void Rounded_NoNumber_IsADash() => Assert.Equal("–", ReportText.Rounded(Kept("1", null), null));

    private static Finding Kept(string kept, double? share, FindingState state = FindingState.Passed) =>
        Finding(RuleName.MinShareKept(kept), state, share, limit: 0.5) with { Comparator = "≥" };

    private static Finding Finding(RuleName rule, FindingState state, double? value, double limit) =>
        new(rule, state, value, value, "≤", limit, "counted", null);
}
