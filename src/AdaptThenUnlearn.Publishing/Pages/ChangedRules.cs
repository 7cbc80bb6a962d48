using System.Globalization;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Reports;
using static AdaptThenUnlearn.Reports.ReportText;

namespace AdaptThenUnlearn.Publishing.Pages;

/// <summary>What changed since the run that the comment showed before.</summary>
public static class ChangedRules
{
    /// <summary>Whether policy, generator and images changed, and with them perhaps the numbers.</summary>
    /// <param name="previous">Marker of the comment before; what it does not hold is left out.</param>
    /// <param name="current">Marker of the run that is shown now.</param>
    /// <returns>A few words for each.</returns>
    public static IReadOnlyList<string> Circumstances(ReportMarker previous, ReportMarker current)
    {
        List<string> words = [];
        if (previous.PolicySha256 is { } policy)
            words.Add(policy == current.PolicySha256 ? "same policy" : "**the policy changed**");
        if (previous.Generator is { } generator)
            words.Add(generator == current.Generator ? "same generator" : "**another generator**");
        if (previous.Seed is { } seed)
            words.Add(seed == current.Seed ? "same seed" : $"**another seed**, {Whole(seed)} → {Whole(current.Seed!.Value)}");
        if (previous.Samples is { } samples && samples != current.Samples)
            words.Add($"**another number of images**, {Whole(samples)} → {Whole(current.Samples!.Value)}");
        return words;

        static string Whole(long number) => number.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>One line of Markdown for each rule that changed, in the order of the findings.</summary>
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

            if (Change(before, finding) is { Length: > 0 } change)
                lines.Add($"{RuleRow.NameOf(finding)}: {change}");
        }

        return [.. lines, .. was.Keys.Select(gone => $"{MarkdownText.Code(gone)} is not judged any more")];
    }

    private static string Change(MarkedRule before, Finding finding)
    {
        var unit = Unit(finding.Rule);
        var (old, now) = (Number(before.Observed, unit), Number(finding.Observed, unit));
        List<string> parts = [];
        if (before.State != finding.State)
            parts.Add($"{Mark(before.State)} → {Mark(finding.State)} ({old} → {now})");
        else if (old != now)
            parts.Add($"{old} → {now}");
        if (before.Limit is { } limit && !limit.Equals(finding.Limit))
            parts.Add(
                $"limit {MarkdownText.Escape(finding.Comparator)} {unit(limit)} → {MarkdownText.Escape(finding.Comparator)} "
                    + $"{unit(finding.Limit)}");
        if (before.WaivedUntil is { } day && finding.Waiver is { } waiver && day != waiver.Expires)
            parts.Add($"waived until {day} → {MarkdownText.Escape(MarkdownText.Clip(waiver.Expires, 10))}");
        return string.Join(", ", parts);
    }
}
