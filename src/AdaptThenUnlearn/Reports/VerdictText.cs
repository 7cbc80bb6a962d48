using System.Globalization;
using AdaptThenUnlearn.Gating;

namespace AdaptThenUnlearn.Reports;

/// <summary>A finding as one line of plain text: what a terminal, a build log and a test report show.</summary>
public static class VerdictText
{
    /// <summary>E.g. <c>passed digit-8/maxRate: 0.0012, judged 0.0019, must be ≤ 0.01 (12 of 10000 images …)</c>.</summary>
    public static string Of(Finding finding)
    {
        var numbers = finding is { Observed: { } observed, Judged: { } judged }
            ? string.Create(CultureInfo.InvariantCulture, $"{observed:G4}, judged {judged:G4}, must be {finding.Comparator} {finding.Limit}")
            : string.Create(CultureInfo.InvariantCulture, $"must be {finding.Comparator} {finding.Limit}");
        return $"{ReportText.Words(finding.State)} {finding.Rule}: {numbers} ({finding.Explanation})";
    }

    /// <summary>E.g. <c>waived by Ada until 2026-12-31: until the next release</c>; null when the finding has no live waiver.</summary>
    public static string? Waived(Finding finding) =>
        finding.Waiver is { } waiver ? $"waived by {waiver.ApprovedBy} until {waiver.Expires}: {waiver.Reason}" : null;
}
