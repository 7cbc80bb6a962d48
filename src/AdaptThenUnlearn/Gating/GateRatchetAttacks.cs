using System.Globalization;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Gating;

// The rules of the ratchet about attacks: no variant of an attack may succeed more often than in the last accepted run.

/// <content>Rules of the ratchet about attacks.</content>
/// <remarks>
/// Every variant is held against the same variant of the accepted run, as a rate is, and all must hold. They share the error of
/// the rule equally (Bonferroni), so that more variants do not make a generator that is no worse fail more often.
/// </remarks>
public static partial class Gate
{
    private static IEnumerable<Finding> NoWorseSuccesses(UnlearningPolicy policy, Measurement measured, Ratchet? ratchet) =>
        from feature in policy.UndesiredFeatures
        from audit in policy.Audits ?? []
        select NoWorseSuccess(policy.Evaluation, feature, audit, measured, ratchet);

    private static Finding NoWorseSuccess(
        EvaluationOptions evaluation, UndesiredFeature feature, AttackLimit audit, Measurement measured, Ratchet? ratchet)
    {
        var unknown = new Rule(RuleName.NoWorseSuccess(feature.Name, audit.Attack), AtMost, Limit: null);
        if (ratchet is null)
            return unknown.NotMeasured(NoBaseline);
        if (WhyMeaningless(feature, measured, ratchet.Baseline.Measured) is { } meaningless)
            return unknown.NotMeasured(meaningless);
        if (AttackRules.WhyNotAsAsked(evaluation, feature, audit, measured, out var isNow) is { } other)
            return unknown.NotMeasured(other);
        if (isNow!.Judge(evaluation.Confidence).Missing is { } missing)
            return unknown.NotMeasured(missing);
        if (WhyOtherAttack(evaluation, feature, isNow, measured, ratchet, out var was) is { } reason)
            return unknown.NotMeasured(NotComparable(reason));

        var growth = FindGrowth(isNow, was!, evaluation.Confidence)!;
        var rule = unknown with { Limit = growth.Limit };
        return rule.Judge(
            growth.IsNow.Share,
            growth.Judged,
            string.Create(
                CultureInfo.InvariantCulture,
                $"{growth.IsNow.Name}: {growth.IsNow.Successes} of {growth.IsNow.Attempts} attempts showed the feature to the "
                    + $"auditor, and {growth.Was.Successes} of {growth.Was.Attempts} in {Accepted(ratchet)}; the lower bound now "
                    + $"is held against the upper bound then, {Together(evaluation)} and of all {isNow.Variants.Count} variants, "
                    + $"of which this one is the nearest to its limit, or the farthest beyond it"));
    }

    /// <summary>The variant that grew most since the accepted run: its lower bound now less its upper bound then.</summary>
    /// <param name="isNow">The attack on the judged generator.</param>
    /// <param name="was">The same attack in the accepted run.</param>
    /// <param name="confidence">Of the policy: of both ends and of all variants together.</param>
    /// <returns>Null where they did not try and measure the same variants, or counts are impossible.</returns>
    internal static AttackGrowth? FindGrowth(AttackReading isNow, AttackReading was, double confidence)
    {
        if (new[] { isNow, was }.Any(each => each.NotMeasured is not null || !each.IsPossible) || !HasSameVariants(isNow, was))
            return null;

        var ofEach = 1 - (1 - OfEachEnd(confidence)) / isNow.Variants.Count;
        return isNow.Variants.Zip(was.Variants)
            .Select(pair => new AttackGrowth(
                pair.First,
                pair.Second,
                ClopperPearson.LowerBound(pair.First.Successes, pair.First.Attempts, ofEach),
                ClopperPearson.UpperBound(pair.Second.Successes, pair.Second.Attempts, ofEach)))
            .MaxBy(growth => growth.Judged - growth.Limit);
    }

    // Null where the accepted run made the same attack, in every setting that makes one stronger or weaker.
    private static string? WhyOtherAttack(
        EvaluationOptions evaluation, UndesiredFeature feature, AttackReading isNow, Measurement measured, Ratchet ratchet,
        out AttackReading? was)
    {
        var (attack, baseline) = (isNow.Attack, ratchet.Baseline);
        was = AttackRules.FindOnly(baseline.Measured, attack, feature.Name);
        var annotator = ratchet.Attackers?.Annotators.FirstOrDefault(each => each.Feature == feature.Name);
        return was is null ? $"it was not put to the attack '{attack}'"
            : WhyOtherCounts(evaluation, feature, measured, ratchet, out _) is { } counts ? counts
            : was.GeneratorSha256 != baseline.Measured.GeneratorSha256 ? "another generator was attacked than the one it released"
            : annotator?.Sha256 is null || baseline.Attackers?.Annotators.Contains(annotator) is not true
                ? "the annotator, which guides the attack, is another"
            : !HasSameOriginal(measured, ratchet) ? "its attack knew another original generator"
            : was.Budget != isNow.Budget ? "its attack had another budget"
            : attack == AttackLimit.TakesImages && ratchet.Attackers?.ImagesSha256 != baseline.Attackers?.ImagesSha256
                ? "other images were given to be reconstructed"
            : !HasSameDiscriminator(isNow, was) ? "its attack trained against another discriminator"
            : was.NotMeasured is { } missing ? $"its attack was not measured ({missing})"
            : !was.IsPossible ? "the counts of its attack are impossible"
            : !HasSameVariants(isNow, was) ? "its attack tried other variants"
            : null;
    }

    // Attacks start from the generator before, or lead to it. One that was only judged is its own.
    private static bool HasSameOriginal(Measurement measured, Ratchet ratchet)
    {
        var (isNow, was) = (ratchet.Attackers?.OriginalSha256, ratchet.Baseline.Attackers?.OriginalSha256);
        return isNow is not null
            && (isNow == was
                || (isNow == measured.GeneratorSha256 && was == ratchet.Baseline.Measured.GeneratorSha256));
    }

    // A discriminator that comes with the generator is another for each generator, and is part of what an attacker has.
    private static bool HasSameDiscriminator(AttackReading isNow, AttackReading was) =>
        isNow.DiscriminatorSha256 == was.DiscriminatorSha256
        || (isNow.DiscriminatorSha256 == isNow.GeneratorSha256 && was.DiscriminatorSha256 == was.GeneratorSha256);

    private static bool HasSameVariants(AttackReading isNow, AttackReading was) =>
        isNow.Variants.Select(variant => variant.Name).SequenceEqual(was.Variants.Select(variant => variant.Name));

    /// <summary>What a variant of an attack succeeded with, now and in the accepted run.</summary>
    /// <param name="IsNow">The counts now.</param>
    /// <param name="Was">The counts then.</param>
    /// <param name="Judged">Lower bound of the share now.</param>
    /// <param name="Limit">Upper bound of the share then.</param>
    internal sealed record AttackGrowth(AttackVariant IsNow, AttackVariant Was, double Judged, double Limit);
}
