using System.Globalization;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Reports.ReportText;

namespace AdaptThenUnlearn.Publishing.Pages;

/// <summary>A rule's numbers side by side: limit, before, after, bound, number of images.</summary>
/// <param name="Limit">With its comparator.</param>
/// <param name="Before">Of the original generator.</param>
/// <param name="After">Of the one to release.</param>
/// <param name="Bound">What was held against the limit, where that is not the measured value itself.</param>
/// <param name="Samples">n, images behind the judged number.</param>
public sealed record RuleRow(string Limit, string Before, string After, string Bound, string Samples)
{
    /// <summary>The numbers behind a finding.</summary>
    public static RuleRow Create(RunRecord record, Finding finding)
    {
        var unit = Unit(finding.Rule);
        var limit = $"{finding.Comparator} {unit(finding.Limit)}";
        if (finding.State is FindingState.NotApplicable)
            return new RuleRow(limit, None, None, None, None);

        var observed = Number(finding.Observed, unit);
        var bound = finding.Judged is { } judged && finding.Judged != finding.Observed ? unit(judged) : None;
        var (before, samples) = Readings(record, finding);

        // Where nothing was trained there is one generator, and what was observed is its.
        return record.After is null
            ? new RuleRow(limit, observed, None, bound, samples)
            : new RuleRow(limit, before, finding.Observed is null ? None : DescribeAfter(record, finding, observed), bound, samples);
    }

    private static (string Before, string Samples) Readings(RunRecord record, Finding finding)
    {
        var released = record.After ?? record.Before;
        var rule = finding.Rule;
        switch (rule.Limit)
        {
            case RuleLimit.MaxFrechetDistance or RuleLimit.MaxFrechetIncrease:
                return (Number(record.Before.Quality?.FrechetDistance, Plain), Count(released.Quality?.Samples));

            case RuleLimit.MinShareKept:
                var share = record.Before.Shares.FirstOrDefault(share => share.Class == rule.Subject && share.Classifier == record.Policy.Quality?.CountingClassifier(record.Policy));
                return (share is { Samples: > 0 } ? Percent((double)share.Hits / share.Samples) : None, Count(share?.Samples));

            default:
                var was = record.Before.Features.FirstOrDefault(reading => reading.Feature == rule.Subject)?.Looks is [var first, ..] ? first : null;
                var looks = released.Features.FirstOrDefault(reading => reading.Feature == rule.Subject)?.Looks is [_, ..] some ? some : null;
                var judged = rule.Limit is RuleLimit.MinUnlearned ? looks?[0] : looks?[^1];
                return (was is { Samples: > 0 } ? Percent((double)was.Hits / was.Samples) : None, Count(judged?.Samples));
        }
    }

    // Relative rules observe a relation; what it relates stands before it.
    private static string DescribeAfter(RunRecord record, Finding finding, string observed) => finding.Rule.Limit switch
    {
        RuleLimit.MaxFrechetIncrease => $"{Number(record.After?.Quality?.FrechetDistance, Plain)} ({(finding.Observed >= 0 ? "+" : "")}{observed})",
        RuleLimit.MinShareKept => $"{observed} of it kept",
        RuleLimit.MinUnlearned => $"{observed} unlearned",
        _ => observed,
    };

    private static string Count(long? samples) => samples?.ToString(CultureInfo.InvariantCulture) ?? None;

    /// <summary>The rule's name, clipped and fit for a table.</summary>
    public static string NameOf(Finding finding) => MarkdownText.Code(MarkdownText.Clip(finding.Rule.ToString(), 120));
}
