using System.Globalization;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Reports;
using static AdaptThenUnlearn.Reports.ReportText;

namespace AdaptThenUnlearn.Publishing.Pages;

/// <summary>What became of the rules since the run that the comment told before.</summary>
public static class ChangedRules
{
    /// <summary>What else may have made the numbers change: policy, generator and images; none where the comment before did not keep them.</summary>
    /// <param name="previous">What the comment said before.</param>
    /// <param name="run">What is told now.</param>
    /// <returns>A few words each.</returns>
    public static IReadOnlyList<string> Circumstances(ReportMarker previous, PublishedRun run)
    {
        var now = ReportMarker.Create(run);
        List<string> words = [];
        if (previous.PolicySha256 is { } policy)
            words.Add(policy == now.PolicySha256 ? "same policy" : "**the policy changed**");
        if (previous.Generator is { } generator)
            words.Add(generator == now.Generator ? "same generator" : "**another generator**");
        if (previous.Seed is { } seed)
            words.Add(seed == now.Seed ? "same seed" : $"**another seed**, {Whole(seed)} → {Whole(now.Seed!.Value)}");
        if (previous.Samples is { } samples && samples != now.Samples)
            words.Add($"**another number of images**, {Whole(samples)} → {Whole(now.Samples!.Value)}");
        return words;

        static string Whole(long number) => number.ToString(CultureInfo.InvariantCulture);
    }

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
            parts.Add($"limit {MarkdownText.Escape(finding.Comparator)} {unit(limit)} → {MarkdownText.Escape(finding.Comparator)} {unit(finding.Limit)}");
        if (before.WaivedUntil is { } day && finding.Waiver is { } waiver && day != waiver.Expires)
            parts.Add($"waived until {day} → {MarkdownText.Escape(MarkdownText.Clip(waiver.Expires, 10))}");
        return string.Join(", ", parts);
    }
}
