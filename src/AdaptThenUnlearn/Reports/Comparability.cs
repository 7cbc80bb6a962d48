using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Reports;

/// <summary>Whether the numbers of two runs measure the same thing, so that their difference means something.</summary>
public static class Comparability
{
    /// <summary>Why a rule's numbers cannot be compared; null where they can.</summary>
    /// <remarks>
    /// A rate may be compared between samples of different sizes. A Fréchet distance may not: few images make it larger.
    /// </remarks>
    /// <param name="earlier">One run.</param>
    /// <param name="current">The other.</param>
    /// <param name="rule">The rule.</param>
    /// <returns>A few words, such as <c>another auditor</c>.</returns>
    public static string? WhyNot(RunRecord earlier, RunRecord current, RuleName rule)
    {
        var (was, isNow) = (earlier.After ?? earlier.Before, current.After ?? current.Before);
        if (was.Range != isNow.Range)
            return "another range of values";
        if (!was.Truncation.Equals(isNow.Truncation))
            return "another truncation";

        return rule.Limit switch
        {
            RuleLimit.MaxPixelDifference or RuleLimit.MaxFrechetDifference => "another pair of files",
            RuleLimit.MaxRate or RuleLimit.MinUnlearned or RuleLimit.NoWorseRate
                or RuleLimit.MaxShippedRate or RuleLimit.MaxParityDifference or RuleLimit.NoMoreHits =>
                OfFeature(earlier, current, Reading(was, rule), Reading(isNow, rule)),
            RuleLimit.MinShareKept or RuleLimit.NoWorseShare => OfShares(earlier, current),
            RuleLimit.MaxSuccess or RuleLimit.NoWorseSuccess => OfAttack(was, isNow, rule)
                ?? OfFeature(earlier, current, Reading(was, rule), Reading(isNow, rule)),
            _ => OfQuality(earlier, current, was.Quality, isNow.Quality),
        };
    }

    private static string? OfFeature(RunRecord earlier, RunRecord current, FeatureReading? was, FeatureReading? isNow) =>
        was is null || isNow is null ? "not counted"
        : was.Class != isNow.Class ? "another class"
        : ClassifierOf(earlier, was.Classifier) != ClassifierOf(current, isNow.Classifier) ? "another auditor"
        : null;

    private static string? OfAttack(Measurement was, Measurement isNow, RuleName rule) =>
        (was.FindAttack(rule.Attack!, rule.Subject!), isNow.FindAttack(rule.Attack!, rule.Subject!)) switch
        {
            (null, _) or (_, null) => "not attacked",
            var (one, other) when one.Budget != other.Budget => "another budget",
            _ => null,
        };

    private static string? OfShares(RunRecord earlier, RunRecord current) =>
        CountingClassifier(earlier) == CountingClassifier(current) ? null : "another classifier";

    private static string? OfQuality(RunRecord earlier, RunRecord current, QualityReading? was, QualityReading? isNow) =>
        was is null || isNow is null ? "not measured"
        : was.DistanceName != isNow.DistanceName
            || earlier.Policy.ExtractorAsUsed(was) != current.Policy.ExtractorAsUsed(isNow) ? "another extractor"
        : was.ReferenceSha256 != isNow.ReferenceSha256 || was.ReferenceSamples != isNow.ReferenceSamples ? "another reference"
        : !was.Excluded.SequenceEqual(isNow.Excluded) ? "other classes excluded"
        : was.Samples != isNow.Samples ? FormattableString.Invariant($"{was.Samples} images, not {isNow.Samples}")
        : null;

    private static FeatureReading? Reading(Measurement measured, RuleName rule) =>
        measured.Features.FirstOrDefault(reading => reading.Feature == rule.Subject);

    private static string? CountingClassifier(RunRecord record) =>
        record.Policy.Quality?.CountingClassifier(record.Policy) is { } name ? ClassifierOf(record, name) : null;

    // By what the file is and how it is used, not by what the policy calls it; by its name where the record does not say.
    private static string ClassifierOf(RunRecord record, string name) =>
        AcceptedRun.DigestOf(name, record.Policy, record.Inputs) ?? $"name {name}";
}
