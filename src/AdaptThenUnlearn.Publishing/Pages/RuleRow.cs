using System.Globalization;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Reports.ReportText;

namespace AdaptThenUnlearn.Publishing.Pages;

/// <summary>A rule's numbers side by side: limit, before, after, bound, number of images.</summary>
/// <param name="Limit">The limit with its comparator.</param>
/// <param name="Before">Value for the original generator.</param>
/// <param name="After">Value for the generator to release.</param>
/// <param name="Bound">Value that was compared with the limit, where it is not the measured value itself.</param>
/// <param name="Samples">Number of images behind the judged value (n).</param>
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

        // Without training there is one generator, and the observed value is its own.
        return record.After is null
            ? new RuleRow(limit, observed, None, bound, samples)
            : new RuleRow(
                limit, before, finding.Observed is null ? None : DescribeAfter(record, finding, observed), bound, samples);
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
                var classifier = record.Policy.Quality?.CountingClassifier(record.Policy);
                var share = record.Before.Shares.FirstOrDefault(
                    share => share.Class == rule.Subject && share.Classifier == classifier);
                return (share is { Samples: > 0 } ? Percent((double)share.Hits / share.Samples) : None, Count(share?.Samples));

            default:
                var before = record.Before.Features.FirstOrDefault(reading => reading.Feature == rule.Subject);
                var after = released.Features.FirstOrDefault(reading => reading.Feature == rule.Subject);
                var was = before?.Looks is [var first, ..] ? first : null;
                var looks = after?.Looks is [_, ..] some ? some : null;
                var judged = rule.Limit is RuleLimit.MinUnlearned ? looks?[0] : looks?[^1];
                return (was is { Samples: > 0 } ? Percent((double)was.Hits / was.Samples) : None, Count(judged?.Samples));
        }
    }

    // Relative rules observe a ratio or a difference; its subject comes first.
    private static string DescribeAfter(RunRecord record, Finding finding, string observed) => finding.Rule.Limit switch
    {
        RuleLimit.MaxFrechetIncrease =>
            $"{Number(record.After?.Quality?.FrechetDistance, Plain)} ({(finding.Observed >= 0 ? "+" : "")}{observed})",
        RuleLimit.MinShareKept => $"{observed} of it kept",
        RuleLimit.MinUnlearned => $"{observed} unlearned",
        _ => observed,
    };

    private static string Count(long? samples) => samples?.ToString(CultureInfo.InvariantCulture) ?? None;

    /// <summary>The rule's name as clipped Markdown code, safe in a table.</summary>
    public static string NameOf(Finding finding) => MarkdownText.Code(MarkdownText.Clip(finding.Rule.ToString(), 120));
}
