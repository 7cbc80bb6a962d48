using System.Globalization;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Publishing.Targets;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Reports.ReportText;

namespace AdaptThenUnlearn.Publishing.Pages;

/// <summary>What the base branch's run measured, beside this one's numbers, where the two can be compared.</summary>
internal static class BaselineColumn
{
    /// <summary>Heading of the column.</summary>
    public const string Heading = "Baseline";

    /// <summary>The baseline's number and the change since; the range where several rules are folded.</summary>
    public static string Cell(RuleFamily family, RunRecord current, RunRecord baseline)
    {
        var was = family.Findings
            .Select(finding => baseline.Verdict.Findings.FirstOrDefault(earlier => earlier.Rule == finding.Rule))
            .Where(earlier => earlier?.Observed is not null)
            .OfType<Finding>()
            .OrderBy(earlier => earlier.Observed)
            .ToList();
        if (was is not [var least, ..])
            return None;
        if (Comparability.WhyNot(baseline, current, least.Rule) is { } reason)
            return $"not comparable: {reason}";
        if (family.IsFolded)
            return $"{Write(least)} to {Write(was[^1])}";

        var difference = family.Nearest.Observed is { } isNow
            ? $" ({FindingNumbers.WriteDifference(least.Rule, least.Observed!.Value, isNow)})"
            : "";
        var limit = least.Limit is not { } its || its.Equals(family.Nearest.Limit)
            ? ""
            : $", limit {MarkdownText.Escape(least.Comparator)} {FindingNumbers.WriteLimit(least.Rule, its)}";
        return $"{Write(least)}{difference}{limit}";

        static string Write(Finding finding) => Rounded(finding, finding.Observed);
    }

    /// <summary>Which run the baseline is, and what else differs from it.</summary>
    public static string Note(PublishedRun run, PublishContext context, RunRecord baseline)
    {
        var origin = baseline.Origin?.Clean();
        var measured = baseline.Times.Finished.UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
        var commit = origin?.Commit is { } sha ? $" at {CommitName.Link(sha, context)}" : "";
        var branch = origin?.Ref is { } name ? $" on {MarkdownText.Code(MarkdownText.Clip(name, 80))}" : "";
        var circumstances = ChangedRules.Circumstances(
            ReportMarker.Create(baseline, baseline.Policy, baseline.Verdict.Findings, ""), ReportMarker.Create(run, ""));
        return $" *{Heading}* is the run of {measured} UTC{commit}{branch} ({string.Join(", ", circumstances)}), with the change "
            + "since in parentheses.";
    }
}
