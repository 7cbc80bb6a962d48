using AdaptThenUnlearn.Gating;

namespace AdaptThenUnlearn.Reports;

/// <summary>A finding as one line of plain text: what a terminal, a build log and a test report show.</summary>
public static class VerdictText
{
    /// <summary>E.g. <c>passed digit-8/maxRate: 0.12 %, judged 0.19 %, must be ≤ 1 % (12 of 10000 images …)</c>.</summary>
    public static string Describe(Finding finding) =>
        $"{ReportText.Describe(finding.State)} {finding.Rule}: {Numbers(finding)} ({finding.Explanation})"
            + (finding.OnlyWarns is { } softer ? $"; {softer.Why}" : "");

    /// <summary>
    /// E.g. <c>waived digit-8/maxRate: 12.2 %, judged 15.39 %, must be ≤ 1 %; waived by Ada until 2026-12-31: until the next
    /// release</c>; null when the finding has no live waiver.
    /// </summary>
    public static string? DescribeWaived(Finding finding) =>
        DescribeWaiver(finding) is { } waived
            ? $"{ReportText.Describe(finding.State)} {finding.Rule}: {Numbers(finding)}; {waived}"
            : null;

    /// <summary>
    /// E.g. <c>waived by Ada until 2026-12-31: until the next release</c>; null when the finding has no live waiver.
    /// </summary>
    public static string? DescribeWaiver(Finding finding) =>
        finding.Waiver is { } waiver ? $"waived by {waiver.ApprovedBy} until {waiver.Expires}: {waiver.Reason}" : null;

    /// <summary>
    /// E.g. <c>warned digit-8/maxRate: 12.2 %, judged 15.39 %, must be ≤ 1 % (1220 of 10000 images …); it only warns until it
    /// takes effect on 2027-01-01</c>; null when the finding is no warning.
    /// </summary>
    public static string? DescribeWarned(Finding finding) => finding.IsWarning ? Describe(finding) : null;

    private static string Numbers(Finding finding)
    {
        var unit = ReportText.Unit(finding.Rule);
        var demand = finding.Limit is { } limit
            ? $"must be {finding.Comparator} {unit(limit)}"
            : $"must be {FindingNumbers.NoWorse}";
        return finding is { Observed: { } observed, Judged: { } judged }
            ? $"{unit(observed)}, judged {unit(judged)}, {demand}"
            : demand;
    }
}
