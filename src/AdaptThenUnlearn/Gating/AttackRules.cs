using System.Globalization;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Gating;

/// <summary>Judges what attacks got out of the generator that is to be released. Pure, and fail-closed.</summary>
internal static class AttackRules
{
    /// <summary>One finding for each feature and attack, in the policy's order.</summary>
    /// <param name="policy">Has the limits.</param>
    /// <param name="before">Readings of the original generator.</param>
    /// <param name="after">Readings of the unlearned generator; null when nothing was trained.</param>
    public static IEnumerable<Finding> Judge(UnlearningPolicy policy, Measurement before, Measurement? after) =>
        from feature in policy.UndesiredFeatures
        from audit in policy.Audits ?? []
        select Judge(policy.Evaluation, feature, audit, before, after);

    private static Finding Judge(
        EvaluationOptions evaluation, UndesiredFeature feature, AttackLimit audit, Measurement before, Measurement? after)
    {
        var rule = new Gate.Rule(RuleName.MaxSuccess(feature.Name, audit.Attack), Gate.AtMost, audit.MaxSuccess);
        var judged = after ?? before;
        if (Gate.WhyMeaningless(feature, before, after) is { } meaningless)
            return rule.NotMeasured(meaningless);
        if (WhyNotAsAsked(evaluation, feature, audit, judged, out var reading) is { } other)
            return rule.NotMeasured(other);

        var (worst, bound, missing) = reading!.Judge(evaluation.Confidence);
        var ofAll = reading.Variants.Count == 1
            ? ""
            : string.Create(CultureInfo.InvariantCulture, $", the largest of {reading.Variants.Count} variants");
        return worst is null
            ? rule.NotMeasured(missing!)
            : rule.Judge(
                worst.Share,
                bound,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{worst.Name}: {worst.Successes} of {worst.Attempts} attempts showed the feature to the auditor; upper "
                        + $"bound {ReadingText.Percent(bound)} at {ReadingText.Percent(evaluation.Confidence)} confidence"
                        + $"{ofAll}"),
                evaluation.AuditorErrors is EvaluationOptions.IgnoreErrors ? null : ErrorCorrection.Uncorrected);
    }

    /// <summary>Why an attack on a generator is not the one that a policy asks for; null where it is.</summary>
    /// <param name="evaluation">Of the policy.</param>
    /// <param name="feature">Of the policy.</param>
    /// <param name="audit">Of the policy.</param>
    /// <param name="judged">The readings of the generator.</param>
    /// <param name="reading">What the attack found; null where it was not made, or twice.</param>
    public static string? WhyNotAsAsked(
        EvaluationOptions evaluation, UndesiredFeature feature, AttackLimit audit, Measurement judged, out AttackReading? reading)
    {
        reading = FindOnly(judged, audit.Attack, feature.Name);
        return Gate.WhyOtherRange(evaluation, judged) is { } range ? range
            : reading is null ? "the attack was not made"
            : !Gate.UsesPolicyLatents(evaluation, judged)
                || reading.GeneratorSha256 != judged.GeneratorSha256
                || reading.Budget != audit.BudgetInEffect
                ? "the attack was not made as this policy asks: on the judged generator, with its seed and its budget"
            : null;
    }

    /// <summary>The one reading of an attack; null where there is none, or more than one.</summary>
    /// <param name="measured">The readings of the generator.</param>
    /// <param name="attack">Name of the attack.</param>
    /// <param name="feature">Name of the feature.</param>
    public static AttackReading? FindOnly(Measurement measured, string attack, string feature) =>
        (measured.Attacks ?? []).Where(each => each.Attack == attack && each.Feature == feature).ToList() is [var only]
            ? only
            : null;
}
