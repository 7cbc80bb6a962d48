using System.Globalization;
using AdaptThenUnlearn.Gating;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary>A finding as one line of plain text.</summary>
public static class VerdictText
{
    /// <summary>E.g. <c>passed digit-8/maxRate: 0.0012, judged 0.0019, must be ≤ 0.01 (12 of 10000 images …)</c>.</summary>
    public static string Of(Finding finding)
    {
        var state = finding.State is FindingState.NotMeasured ? "not measured" : finding.State.ToString().ToLowerInvariant();
        var numbers = finding is { Observed: { } observed, Judged: { } judged }
            ? string.Create(CultureInfo.InvariantCulture, $"{observed:G4}, judged {judged:G4}, must be {finding.Comparator} {finding.Limit}")
            : string.Create(CultureInfo.InvariantCulture, $"must be {finding.Comparator} {finding.Limit}");
        return $"{state} {finding.Rule}: {numbers} ({finding.Explanation})";
    }
}
