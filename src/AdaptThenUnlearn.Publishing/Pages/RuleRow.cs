using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Reports.ReportText;

namespace AdaptThenUnlearn.Publishing.Pages;

/// <summary>The numbers of a rule, or of several that are folded into one row: what was measured, its bound, the limit.</summary>
/// <param name="Measured">What was measured, in the unit of the limit; the least and the most of several rules.</param>
/// <param name="Bound">What was compared with the limit, where it is not the measured value itself.</param>
/// <param name="Limit">The limit with its comparator.</param>
/// <param name="Reading">
/// The reading behind the rule, before and after: how often the feature or the class was shown, or the distance.
/// </param>
public sealed record RuleRow(string Measured, string Bound, string Limit, string Reading)
{
    /// <summary>Between two numbers that stay on one line.</summary>
    internal const string Arrow = "\u00a0→\u00a0";

    /// <summary>The numbers behind a row.</summary>
    public static RuleRow Create(RunRecord record, RuleFamily family)
    {
        var (nearest, farthest) = (FindingNumbers.Create(family.Nearest), FindingNumbers.Create(family.Farthest));
        var bound = family.Nearest.Judged == family.Nearest.Observed ? None : nearest.Judged;
        return family.IsFolded
            ? new RuleRow(Range(family, nearest.Observed, farthest.Observed), bound, nearest.Limit, None)
            : new RuleRow(nearest.Observed, bound, nearest.Limit, ReadingOf(record, family.Nearest));
    }

    /// <summary>The rule's name as clipped Markdown code, safe in a table.</summary>
    public static string NameOf(Finding finding) => NameOf(finding.Rule);

    /// <inheritdoc cref="NameOf(Finding)"/>
    public static string NameOf(RuleName rule) => MarkdownText.Code(MarkdownText.Clip(rule.ToString(), 120));

    private static string Range(RuleFamily family, string least, string most) =>
        family.Nearest.Observed is null ? None
        : least == most ? least
        : $"{least} ({Class(family.Nearest)}) to {most} ({Class(family.Farthest)})";

    private static string Class(Finding finding) => MarkdownText.Code(MarkdownText.Clip(finding.Rule.Subject ?? None, 40));

    // Without training there is one generator, and the measured value is its own.
    private static string ReadingOf(RunRecord record, Finding finding) =>
        record.After is { } after && finding.Rule.Form is null && finding.State is not FindingState.NotApplicable
            ? $"{ValueOf(record, record.Before, finding.Rule)}{Arrow}{ValueOf(record, after, finding.Rule)}"
            : None;

    private static string ValueOf(RunRecord record, Measurement measured, RuleName rule)
    {
        switch (rule.Limit)
        {
            case RuleLimit.MaxFrechetDistance or RuleLimit.MaxFrechetIncrease or RuleLimit.NoWorseDistance:
                return Number(measured.Quality?.FrechetDistance, distance => Rounded(distance, Plain));

            case RuleLimit.MinShareKept or RuleLimit.NoWorseShare:
                var classifier = record.Policy.Quality?.CountingClassifier(record.Policy);
                var share = measured.Shares.FirstOrDefault(each => each.Class == rule.Subject && each.Classifier == classifier);
                return share is null ? None : Rate(share.Hits, share.Samples);

            case RuleLimit.MaxSuccess or RuleLimit.NoWorseSuccess:
                return measured.FindAttack(rule.Attack!, rule.Subject!)?.Strongest is { } strongest
                    ? Rate(strongest.Successes, strongest.Attempts)
                    : None;

            // The first look is on the same latents before and after.
            default:
                var reading = measured.Features.FirstOrDefault(each => each.Feature == rule.Subject);
                return reading?.Looks is [var first, ..] ? Rate(first.Hits, first.Samples) : None;
        }
    }

    private static string Rate(long hits, long samples) => samples > 0 ? Rounded((double)hits / samples, Percent) : None;
}
