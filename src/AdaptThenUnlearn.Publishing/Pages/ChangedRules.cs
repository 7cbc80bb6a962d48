using System.Globalization;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Reports;
using static AdaptThenUnlearn.Reports.ReportText;

namespace AdaptThenUnlearn.Publishing.Pages;

/// <summary>What changed since the run that the comment showed before.</summary>
public static class ChangedRules
{
    /// <summary>Whether policy, generator, images and instruments changed, and with them perhaps the numbers.</summary>
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
        if (previous.Instruments is { } instruments && instruments != current.Instruments)
            words.Add("**another classifier, extractor or reference**");
        if (previous.Tool is { } tool && tool != current.Tool)
            words.Add($"**another version of the tool**, {Short(tool)} → {Short(current.Tool!)}");
        return words;

        static string Short(string text) => MarkdownText.Escape(MarkdownText.Clip(text, 40));
    }

    /// <summary>One line of Markdown for each rule that changed, in the order of the findings.</summary>
    public static IReadOnlyList<string> Between(ReportMarker previous, PublishedRun run)
    {
        var was = previous.Rules.ToDictionary(rule => rule.Name);
        List<string> lines = [];
        foreach (var family in RuleFamilies.Fold(run.Findings))
        {
            if (FoldedChange(was, family) is { } folded)
            {
                lines.AddRange(folded);
                continue;
            }

            foreach (var finding in family.Findings)
            {
                if (was.Remove(ReportMarker.NameOf(finding), out var before))
                    lines.AddRange(Change(before, finding) is { Length: > 0 } change
                        ? [$"{RuleRow.NameOf(finding)}: {change}"]
                        : Array.Empty<string>());
                else if (!previous.Shortened)
                    lines.Add($"{RuleRow.NameOf(finding)} is new: {Mark(finding.State)}");
            }
        }

        return [.. lines, .. was.Keys.Select(gone => $"{MarkdownText.Code(gone)} is not judged any more")];
    }

    // One line for classes that all kept their share before, under the same limit, and still do; null for all others.
    private static IReadOnlyList<string>? FoldedChange(Dictionary<string, MarkedRule> was, RuleFamily family)
    {
        var before = family.Findings.Select(finding => was.GetValueOrDefault(ReportMarker.NameOf(finding))).ToList();
        var (state, limit) = (family.Nearest.State, family.Nearest.Limit);
        if (!family.IsFolded || before.Exists(rule => rule?.State != state || rule.Limit != limit))
            return null;

        foreach (var rule in before)
            was.Remove(rule!.Name);
        var (old, now) = (Write(before.Min(rule => rule!.Observed)), Write(family.Nearest.Observed));
        return old == now
            ? []
            : [$"{RuleRow.NameOf(family.Rule)} of {Whole(before.Count)} classes: the smallest {old} → {now}"];

        string Write(double? observed) => Number(observed, value => FindingNumbers.Write(family.Rule, value, limit));
    }

    private static string Change(MarkedRule before, Finding finding)
    {
        var (old, now) = (Write(before.Observed, before.Limit), Write(finding.Observed, finding.Limit));
        List<string> parts = [];
        if (before.State != finding.State)
            parts.Add($"{Mark(before.State)} → {Mark(finding.State)} ({old} → {now})");
        else if (old != now)
            parts.Add($"{old} → {now}");
        if (before.Limit is { } limit && finding.Limit is { } current && !limit.Equals(current))
            parts.Add(
                $"limit {MarkdownText.Escape(finding.Comparator)} {FindingNumbers.WriteLimit(finding.Rule, limit)} → "
                    + $"{MarkdownText.Escape(finding.Comparator)} {FindingNumbers.WriteLimit(finding.Rule, current)}");
        if (before.WaivedUntil is { } day && finding.Waiver is { } waiver && day != waiver.Expires)
            parts.Add($"waived until {day} → {MarkdownText.Escape(MarkdownText.Clip(waiver.Expires, 10))}");
        return string.Join(", ", parts);

        string Write(double? observed, double? limit) =>
            Number(observed, value => FindingNumbers.Write(finding.Rule, value, limit ?? finding.Limit));
    }

    private static string Whole(long number) => number.ToString(CultureInfo.InvariantCulture);
}
