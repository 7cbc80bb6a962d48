using AdaptThenUnlearn.Reports;
using static AdaptThenUnlearn.Reports.ReportText;

namespace AdaptThenUnlearn.Publishing.Pages;

/// <summary>What became of the rules since the run that the comment told before.</summary>
public static class ChangedRules
{
    /// <summary>Lines of Markdown, in the order in which the rules are told; none when every rule reads as it did.</summary>
    public static IReadOnlyList<string> Between(ReportMarker previous, PublishedRun run)
    {
        var was = previous.Rules.ToDictionary(rule => rule.Name);
        List<string> lines = [];
        foreach (var finding in run.Findings)
        {
            if (!was.Remove(ReportMarker.NameOf(finding), out var before))
            {
                if (!previous.Shortened)
                    lines.Add($"{RuleRow.NameOf(finding)} is new: {Mark(finding.State)}");
                continue;
            }

            var unit = Unit(finding.Rule);
            var (old, now) = (Number(before.Observed, unit), Number(finding.Observed, unit));
            if (before.State != finding.State)
                lines.Add($"{RuleRow.NameOf(finding)}: {Mark(before.State)} → {Mark(finding.State)} ({old} → {now})");
            else if (old != now)
                lines.Add($"{RuleRow.NameOf(finding)}: {old} → {now}");
        }

        return [.. lines, .. was.Keys.Select(gone => $"{MarkdownText.Code(gone)} is not judged any more")];
    }
}
