using System.Globalization;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Gating;

// The rules that hold a generator to the last accepted one: it may not be worse by more than the error of both readings.

/// <content>Rules of the ratchet.</content>
/// <remarks>
/// <para>
/// The favourable end of the new reading is compared with the unfavourable end of the baseline's: a rule fails only where the two
/// intervals do not meet. Each end is one-sided with half of the error probability, so a generator that is no worse fails with at
/// most 1 − confidence, by the inequality of Boole and Bonferroni, however the two samples depend on each other: they may come
/// from the same latents. The ends of rates and shares are exact (Clopper and Pearson 1934, Biometrika 26(4)). Not to overlap is
/// a stricter demand than a test of the difference makes (Schenker and Gentleman 2001, "On judging the significance of
/// differences by examining the overlap between confidence intervals", The American Statistician 55(3)), so small losses pass.
/// </para>
/// </remarks>
public static partial class Gate
{
    private const string NoBaseline =
        "no accepted run was given to compare with, and the policy asks for one (ratchet): give its record with "
            + "`atu govern --ratchet`";

    private const string OtherPolicy =
        "The accepted run was judged by another version of this policy: its limits, or how it measures, may have been others.";

    private static IEnumerable<Finding> RatchetRules(UnlearningPolicy policy, Measurement measured, Ratchet? ratchet)
    {
        foreach (var feature in policy.UndesiredFeatures)
            yield return NoWorseRate(policy.Evaluation, feature, measured, ratchet);
        if (policy.Quality is { MaxFrechetDistance: not null } or { MaxFrechetIncrease: not null })
            yield return NoWorseDistance(policy, measured, ratchet);
        if (policy.Quality?.MinShareKept is not null)
            foreach (var finding in NoWorseShares(policy, measured, ratchet))
                yield return finding;
        foreach (var finding in NoWorseSuccesses(policy, measured, ratchet))
            yield return finding;
    }

    private static Finding NoWorseRate(
        EvaluationOptions evaluation, UndesiredFeature feature, Measurement measured, Ratchet? ratchet)
    {
        var unknown = new Rule(RuleName.NoWorseRate(feature.Name), AtMost, Limit: null);
        if (ratchet is null)
            return unknown.NotMeasured(NoBaseline);
        if (WhyMeaningless(feature, measured, ratchet.Baseline.Measured) is { } meaningless)
            return unknown.NotMeasured(meaningless);
        if (FindReading(feature, measured, evaluation) is not { Looks: [.., var isNow] })
            return unknown.NotMeasured(WhyOtherRange(evaluation, measured) ?? NotCounted);
        if (WhyOtherCounts(evaluation, feature, measured, ratchet, out var was) is { } reason)
            return unknown.NotMeasured(NotComparable(reason));

        var confidence = OfEachEnd(evaluation.Confidence);
        var rule = unknown with { Limit = SequentialSampling.UpperBound(was!, ratchet.Baseline.Looks, confidence) };
        return rule.Judge(
            (double)isNow.Hits / isNow.Samples,
            ClopperPearson.LowerBound(
                isNow.Hits, isNow.Samples,
                SequentialSampling.ConfidencePerLook(confidence, evaluation.Looks().Count)),
            string.Create(
                CultureInfo.InvariantCulture,
                $"{isNow.Hits} of {isNow.Samples} images, and {was!.Hits} of {was.Samples} in {Accepted(ratchet)}, as the "
                    + $"auditor sees them; the lower bound now is held against the upper bound then, {Together(evaluation)}"));
    }

    // Null where the baseline counted the same thing; then its last look is what decided.
    private static string? WhyOtherCounts(
        EvaluationOptions evaluation, UndesiredFeature feature, Measurement measured, Ratchet ratchet, out Look? was)
    {
        var before = ratchet.Baseline.Measured.Features.Where(reading => reading.Feature == feature.Name).ToList();
        was = before is [{ Looks: [.., var last] }] ? last : null;
        var auditor = ratchet.Auditors.FirstOrDefault(each => each.Feature == feature.Name);
        return was is null ? $"it did not count '{feature.Name}'"
            : before[0].Class != feature.Class ? "it counted another class"
            : auditor?.Sha256 is null || !ratchet.Baseline.Auditors.Contains(auditor)
                ? "its auditor, or its threshold, is another"
            : WhyFewer(was.Samples, evaluation) ?? WhyOtherImages(measured, ratchet.Baseline.Measured);
    }

    // Of few images every bound is wide, so that nothing could be worse.
    private static string? WhyFewer(long samples, EvaluationOptions evaluation) => samples < evaluation.Samples
        ? Invariant($"it counted {samples} images, fewer than the {evaluation.Samples} of this policy's first look")
        : null;

    private static string? WhyOtherImages(Measurement measured, Measurement baseline) =>
        baseline.Range != measured.Range ? "its images had another range of values"
        : !baseline.Truncation.Equals(measured.Truncation) ? "its latents had another truncation"
        : baseline.WhyTooAlike;

    private static Finding NoWorseDistance(UnlearningPolicy policy, Measurement measured, Ratchet? ratchet)
    {
        var unknown = new Rule(RuleName.NoWorseDistance, AtMost, Limit: null);
        if (ratchet is null)
            return unknown.NotMeasured(NoBaseline);
        if (WhyNotAsAsked(policy, measured) is { } other)
            return unknown.NotMeasured(other);
        if (measured.Quality is not { } isNow)
            return unknown.NotMeasured("no image quality was measured");
        if (isNow.FrechetDistance is not { } distance || !(double.IsFinite(distance) && distance >= 0))
            return unknown.NotMeasured(isNow.NotMeasured ?? "the Fréchet distance is not a number");
        if (isNow.UsableGroups is not { } groups)
            return unknown.NotMeasured(NoBound);
        if ((WhyOtherDistance(policy, isNow, ratchet.Baseline)
            ?? WhyOtherImages(measured, ratchet.Baseline.Measured)) is { } reason)
            return unknown.NotMeasured(NotComparable(reason));

        // Both ends lie one quantile of their error from the distance: the lower end is as far below it as the upper is above.
        var was = ratchet.Baseline.Measured.Quality!;
        var confidence = OfEachEnd(policy.Evaluation.Confidence);
        var rule = unknown with
        {
            Limit = FrechetBound.ForDistance(was.FrechetDistance!.Value, was.UsableGroups!, confidence),
        };
        return rule.Judge(
            distance,
            Math.Max(0, 2 * distance - FrechetBound.ForDistance(distance, groups, confidence)),
            string.Create(
                CultureInfo.InvariantCulture,
                $"{isNow.DistanceName} {distance:G4} of {isNow.Samples} images, and {was.FrechetDistance:G4} in "
                    + $"{Accepted(ratchet)}; the lower bound now is held against the upper bound then, "
                    + $"{Together(policy.Evaluation)}"));
    }

    private static string? WhyOtherDistance(UnlearningPolicy policy, QualityReading isNow, Baseline baseline) =>
        baseline.Measured.Quality is not { FrechetDistance: { } distance } was
            || !(double.IsFinite(distance) && distance >= 0) || was.UsableGroups is null
            ? "it has no Fréchet distance with an error"
        : (was.DistanceName, was.ExtractorSha256) != (isNow.DistanceName, isNow.ExtractorSha256)
            || (baseline.ExtractorSha256 ?? was.ExtractorSha256) != policy.ExtractorAsUsed(isNow) ? "its extractor is another"
        : (was.ReferenceSha256, was.ReferenceSamples) != (isNow.ReferenceSha256, isNow.ReferenceSamples)
            ? "its reference is another"
        : !was.Excluded.SequenceEqual(isNow.Excluded) ? "it left out other classes"
        : was.Samples != isNow.Samples ? Invariant($"it compared {was.Samples} images, and not {isNow.Samples}")
        : null;

    private static IEnumerable<Finding> NoWorseShares(UnlearningPolicy policy, Measurement measured, Ratchet? ratchet)
    {
        if (ratchet is null)
        {
            yield return new Rule(RuleName.NoWorseShare(), AtLeast, Limit: null).NotMeasured(NoBaseline);
            yield break;
        }

        var retained = Retained(policy, measured);
        var baseline = ratchet.Baseline;
        var before = baseline.Measured.Shares.ToLookup(share => share.Class);
        if (retained.Count == 0)
            yield return new Rule(RuleName.NoWorseShare(), AtLeast, Limit: null).NotMeasured("no retained class was counted");
        foreach (var share in retained)
        {
            var unknown = new Rule(RuleName.NoWorseShare(share.Class), AtLeast, Limit: null);
            var was = before[share.Class].FirstOrDefault(each => baseline.ShareCounter == each.Classifier);
            var reason = ratchet.ShareCounterSha256 is null || ratchet.ShareCounterSha256 != baseline.ShareCounterSha256
                    ? "its classes were counted by another classifier"
                : was is null || !was.IsPossible || was.Samples < 1 ? "it did not count this class"
                : WhyFewer(was.Samples, policy.Evaluation) ?? WhyOtherImages(measured, baseline.Measured);
            if (!UsesPolicyLatents(policy.Evaluation, measured)
                || share.Samples != policy.Evaluation.Samples
                || !share.IsPossible)
                yield return unknown.NotMeasured(NotCounted);
            else if ((WhyOtherRange(policy.Evaluation, measured) ?? measured.WhyTooAlike) is { } meaningless)
                yield return unknown.NotMeasured(meaningless);
            else if (reason is not null)
                yield return unknown.NotMeasured(NotComparable(reason));
            else
            {
                var confidence = OfEachEnd(policy.Evaluation.Confidence);
                var rule = unknown with { Limit = ClopperPearson.LowerBound(was!.Hits, was.Samples, confidence) };
                yield return rule.Judge(
                    (double)share.Hits / share.Samples,
                    ClopperPearson.UpperBound(share.Hits, share.Samples, confidence),
                    Invariant($"{share.Hits} of {share.Samples} images, and {was.Hits} of {was.Samples} in ")
                        + $"{Accepted(ratchet)}; the upper bound now is held against the lower bound then, "
                        + Together(policy.Evaluation));
            }
        }
    }

    private static string NotComparable(string reason) =>
        $"the accepted run cannot be compared with this one: {reason}; measure as it did, or accept a run as the new "
            + "baseline that is not compared (without --ratchet), or in which these rules only warn (`rules`); "
            + "a waiver does not help";

    private static string Accepted(Ratchet ratchet) =>
        $"the accepted run of {ratchet.Baseline.Finished.UtcDateTime.ToString("u", CultureInfo.InvariantCulture)}";

    private static string Together(EvaluationOptions evaluation) =>
        $"at {ReadingText.Percent(evaluation.Confidence)} confidence of both together";

    private static double OfEachEnd(double confidence) => 1 - (1 - confidence) / 2;
}
