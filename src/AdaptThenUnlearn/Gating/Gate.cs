using System.Globalization;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Gating;

/// <summary>
/// Compares the readings with the policy's limits. Pure, and fail-closed: what could not be measured has failed.
/// </summary>
/// <remarks>
/// Every rule of the policy has its finding. Absolute rules judge the generator that is to be released. Relative rules compare it
/// with the original; where nothing was trained there is only one generator, and they are
/// <see cref="FindingState.NotApplicable"/>, except that a feature which has to be unlearned and was not is
/// <see cref="FindingState.NotMeasured"/>. A feature that the original emits within its limit has nothing to unlearn: its share
/// unlearned does not apply either, only that it stays within the limit.
/// </remarks>
public static partial class Gate
{
    internal const string AtMost = "≤";
    internal const string AtLeast = "≥";
    private const string NotCounted =
        "the images were not counted as this policy asks: on its latents, at its sample sizes, by its auditor";
    private const string NoBound = "the error of the Fréchet distance was not recorded, so it has no upper bound: measure again";
    private const string RawOutput =
        "The network's raw output was measured, as the policy asks (evaluation.range), and not the clipped 8-bit pictures that "
            + "users get.";
    private const string NothingEnforced =
        "Nothing was enforced: on this day every rule only warns, so the generator could not fail, and this "
            + "verdict proves nothing.";
    private const string NothingTrained = "nothing was trained: the generator is the one that was measured";
    private const string NothingToUnlearn =
        "the original stays within maxRate, so there is nothing to unlearn; maxRate applies all the same";

    /// <summary>Judges.</summary>
    /// <param name="policy">The limits and waivers.</param>
    /// <param name="before">Readings of the original generator.</param>
    /// <param name="after">
    /// Readings of the unlearned generator; null when nothing was trained, and the original itself is judged.
    /// </param>
    /// <param name="today">UTC day, against which waivers expire and on which rules take effect.</param>
    /// <param name="ratchet">
    /// The last accepted run, than which the generator may not be worse; null without one, which is not measured where the policy
    /// asks for one.
    /// </param>
    public static Verdict Judge(
        UnlearningPolicy policy, Measurement before, Measurement? after, DateOnly today, Ratchet? ratchet = null)
    {
        (before, after) = (UnderLimit(policy, before), after is null ? null : UnderLimit(policy, after));
        List<Finding> findings =
        [
            .. policy.UndesiredFeatures.SelectMany(feature => FeatureRules(policy.Evaluation, feature, before, after)),
            .. policy.Quality is { } quality ? QualityRules(policy, quality, before, after) : [],
            .. ratchet is not null || policy.Ratchet is true ? RatchetRules(policy, after ?? before, ratchet) : [],
            .. AttackRules.Judge(policy, before, after),
            .. ParityRules.Judge(policy, before, after),
        ];
        List<string> warnings =
        [
            .. policy.Evaluation.IsRaw ? [RawOutput] : Array.Empty<string>(),
            .. policy.UndesiredFeatures.SelectMany(feature => NoiseWarning(policy.Evaluation, feature, after ?? before)),
            .. MeasurementWarnings.Find(policy, after ?? before, before.GeneratorSha256),
            .. ratchet?.PolicySha256 is { } own && own != ratchet.Baseline.PolicySha256 ? [OtherPolicy] : Array.Empty<string>(),
        ];
        findings = findings.ConvertAll(finding => Soften(finding, policy.FindLeniency(finding.Rule, today)));
        if (findings.Count > 0 && findings.TrueForAll(finding => finding.OnlyWarns is not null))
            warnings.Add(NothingEnforced);
        foreach (var waiver in policy.Waivers)
            Apply(waiver, findings, warnings, today, rule => DigestsOf(rule, before, after ?? before));

        var outcome = Outcomes.FromFindings(findings);
        return new Verdict(outcome.IsPass(), findings, warnings) { Outcome = outcome };
    }

    /// <summary>The features that have to be unlearned: those of which the original misses a rule, or might.</summary>
    /// <remarks>
    /// Waivers are not considered: they let a failing generator be released, and do not replace the unlearning. A rule that only
    /// warns is no reason to change a generator.
    /// </remarks>
    /// <param name="policy">The limits.</param>
    /// <param name="before">Readings of the original generator.</param>
    /// <param name="today">UTC day, on which rules that only warn are passed over; null to pass over none.</param>
    public static IReadOnlyList<UndesiredFeature> ViolatedFeatures(
        UnlearningPolicy policy, Measurement before, DateOnly? today) =>
        [.. policy.UndesiredFeatures.Where(feature => FeatureRules(
                OfOriginal(policy.Evaluation), feature, UnderLimit(policy, before), after: null)
            .Any(finding => finding.State is not (FindingState.Passed or FindingState.NotApplicable)
                && (today is not { } day || policy.FindLeniency(finding.Rule, day) is null)))];

    /// <summary>
    /// Whether readings of the original generator have no meaning, so that training towards a limit would be useless.
    /// </summary>
    /// <param name="before">Readings of the original generator.</param>
    public static bool IsMeaningless(Measurement before) =>
        before.WhyTooAlike is not null || before.Features.Any(reading => reading.NotMeasured is not null);

    // How many images may repeat others is the policy's to say, not the record's.
    private static Measurement UnderLimit(UnlearningPolicy policy, Measurement measured)
    {
        if (policy.Generator.MaxDuplicatesInEffect is not { } limit)
            return measured;

        var counted = measured.Repeats is { } repeats && repeats.Images >= LargestLook(measured)
            ? repeats
            : RepeatedImages.NotCounted;
        return measured with { Repeats = counted with { MaxShare = limit } };
    }

    private static long LargestLook(Measurement measured) =>
        measured.Features.SelectMany(reading => reading.Looks).Select(look => look.Samples).DefaultIfEmpty(0).Max();

    private static IEnumerable<Finding> FeatureRules(
        EvaluationOptions evaluation, UndesiredFeature feature, Measurement before, Measurement? after)
    {
        if (feature.MaxRate is { } largest)
            yield return MaxRate(evaluation, feature, largest, before, after);
        var hadNothingToUnlearn = feature.MaxRate is { } limit
            && MaxRate(after is null ? evaluation : OfOriginal(evaluation), feature, limit, before, after: null).State
                is FindingState.Passed;
        if (feature.MinUnlearned is { } smallest)
            yield return hadNothingToUnlearn
                ? new Rule(RuleName.MinUnlearned(feature.Name), AtLeast, smallest).NotApplicable(NothingToUnlearn)
                : MinUnlearned(evaluation, feature, smallest, before, after);
    }

    // Nobody audits the original: whether it has something to unlearn is decided by what is known of the auditor.
    private static EvaluationOptions OfOriginal(EvaluationOptions evaluation) =>
        evaluation.AuditorErrors is EvaluationOptions.AuditErrors ? evaluation with { AuditorErrors = null } : evaluation;

    internal static Finding MaxRate(
        EvaluationOptions evaluation, UndesiredFeature feature, double limit, Measurement before, Measurement? after)
    {
        var rule = new Rule(RuleName.MaxRate(feature.Name), AtMost, limit);
        if (WhyMeaningless(feature, before, after) is { } meaningless)
            return rule.NotMeasured(meaningless);
        if (FindReading(feature, after ?? before, evaluation) is not { Looks: [.., var last] } reading)
            return rule.NotMeasured(WhyOtherRange(evaluation, after ?? before) ?? NotCounted);
        if (reading.Audit is { } audit)
            return audit.WhyUseless(last) is { } useless
                ? rule.NotMeasured(useless)
                : rule.Judge(
                    audit.Rate,
                    audit.UpperBound(evaluation.Looks().Count, evaluation.Confidence),
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{audit.Person} marked {audit.Shown} of {audit.Sampled} images, drawn from the {last.Samples} by the "
                            + $"auditor's score and shown without it; upper bound at "
                            + $"{ReadingText.Percent(evaluation.Confidence)} confidence, whatever the auditor misses; "
                            + $"{audit.Words(evaluation.Confidence)}"),
                    ErrorCorrection.Audited);

        var errors = AuditorErrors.Create(evaluation, reading);
        if (errors.NotMeasured is { } unknown)
            return rule.NotMeasured(unknown);
        return rule.Judge(
            (double)last.Hits / last.Samples,
            TrueRate.UpperBound(last, evaluation.Looks().Count, evaluation.Confidence, errors.Counted),
            string.Create(
                CultureInfo.InvariantCulture,
                $"{last.Hits} of {last.Samples} images; upper bound at {ReadingText.Percent(evaluation.Confidence)} "
                    + $"confidence, {reading.Looks.Count} of {evaluation.Looks().Count} looks taken{errors.Words}"),
            errors.Correction);
    }

    // An auditor that cannot tell, or one image many times, makes the comparison meaningless, whether before or after.
    internal static string? WhyMeaningless(UndesiredFeature feature, params IEnumerable<Measurement?> measured) =>
        measured.OfType<Measurement>()
            .Select(each => each.WhyMeaningless(feature.Name))
            .FirstOrDefault(reason => reason is not null);

    private static IEnumerable<string> NoiseWarning(EvaluationOptions evaluation, UndesiredFeature feature, Measurement measured)
    {
        if (FindReading(feature, measured, evaluation)?.NoiseFloor is { } floor && feature.MaxRate < floor)
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"The limit of {RuleName.MaxRate(feature.Name)} ({ReadingText.Percent(feature.MaxRate.Value)}) is below what "
                    + $"the auditor can tell: it sees the class in {ReadingText.Percent(floor)} of real images that do "
                    + $"not show it.");
    }

    private static Finding MinUnlearned(
        EvaluationOptions evaluation, UndesiredFeature feature, double limit, Measurement before, Measurement? after)
    {
        var rule = new Rule(RuleName.MinUnlearned(feature.Name), AtLeast, limit);
        if (WhyMeaningless(feature, before, after) is { } meaningless)
            return rule.NotMeasured(meaningless);
        if (after is null)
            return rule.NotMeasured("nothing was unlearned, so there is nothing to compare");
        if (WhyNotComparable(evaluation, before, after) is { } reason)
            return rule.NotMeasured(reason);
        if (FindReading(feature, before, evaluation) is not { Looks: [var was, ..] }
            || FindReading(feature, after, evaluation) is not { Looks: [var isNow, ..] } reading)
            return rule.NotMeasured(NotCounted);
        if (reading.Audit is { } audit)
            return MinUnlearnedByAudit(rule, evaluation, was, isNow, reading.Looks[^1], audit, reading.Detection);
        var errors = AuditorErrors.Create(evaluation, reading);
        if (errors.NotMeasured is { } unknown)
            return rule.NotMeasured(unknown);
        if (UnlearnedShare.Compute(was.Hits, isNow.Hits) is not { } unlearned)
            return rule.NotMeasured(NeverShown(was));
        var counted = DetectionCounts.ThatCorrectRatios(errors.Counted, evaluation.CorrectsErrors);
        if (errors.Counted is not null && counted is null && evaluation.AuditorErrors is EvaluationOptions.CorrectErrors)
            return rule.NotMeasured(
                $"{NoFalseAlarmsKnown}, and the policy asks for the auditor's errors to be counted "
                    + "(evaluation.auditorErrors is 'correct')");
        if (UnlearnedShare.LowerBound(was, isNow, evaluation.Confidence, counted) is not { } bound)
            return rule.NotMeasured(AllFalseAlarms(was, counted!));

        return rule.Judge(
            unlearned,
            bound,
            string.Create(
                CultureInfo.InvariantCulture,
                $"{was.Hits} before and {isNow.Hits} after in {was.Samples} images from the same latents; judged with the "
                    + $"lower bound of the share at {ReadingText.Percent(evaluation.Confidence)} confidence")
                + (counted is not null ? ", corrected for the auditor's errors before and after"
                    : errors.Counted is not null ? $"; uncorrected: {NoFalseAlarmsKnown}"
                    : ""),
            errors.Counted is not null && counted is null ? ErrorCorrection.Uncorrected : errors.Correction);
    }

    private const string NoFalseAlarmsKnown =
        "no image that is known not to show the feature was tried, so nothing says how much of what was seen before were false "
            + "alarms";

    private static Finding MinUnlearnedByAudit(
        Rule rule, EvaluationOptions evaluation, Look was, Look isNow, Look last, HumanAudit audit, DetectionCounts? detection)
    {
        if (audit.WhyUseless(last) is { } useless)
            return rule.NotMeasured(useless);
        if (UnlearnedShare.Compute(was.Hits, isNow.Hits) is not { } unlearned)
            return rule.NotMeasured(NeverShown(was));
        var counted = DetectionCounts.ThatCorrectRatios(detection, evaluation.CorrectsErrors);
        if (UnlearnedShare.LowerBound(
            was, isNow, confidence => audit.UpperBound(evaluation.Looks().Count, confidence), evaluation.Confidence, counted)
            is not { } bound)
            return rule.NotMeasured(AllFalseAlarms(was, counted!));

        return rule.Judge(
            unlearned,
            bound,
            string.Create(
                CultureInfo.InvariantCulture,
                $"{was.Hits} before and {isNow.Hits} after in {was.Samples} images from the same latents; judged with the "
                    + $"smaller of two lower bounds of the share at {ReadingText.Percent(evaluation.Confidence)} confidence: "
                    + $"by the audit of {audit.Person}, and by what the auditor saw"),
            ErrorCorrection.Audited);
    }

    private static string AllFalseAlarms(Look was, DetectionCounts errors) => Invariant(
        $"the auditor saw the feature in {was.Hits} of {was.Samples} images of the original, and all of them may be ")
        + $"false alarms: {errors.Words}; so no share of it can be unlearned";

    private static string NeverShown(Look was) =>
        Invariant($"the original never showed the feature in {was.Samples} images, so no share of it can be unlearned");

    private static IEnumerable<Finding> QualityRules(
        UnlearningPolicy policy, QualityOptions quality, Measurement before, Measurement? after)
    {
        if (quality.MaxFrechetDistance is { } largest)
            yield return MaxFrechetDistance(largest, policy, after ?? before);
        if (quality.MaxFrechetIncrease is { } increase)
            yield return after is null
                ? new Rule(RuleName.MaxFrechetIncrease, AtMost, increase).NotApplicable(NothingTrained)
                : MaxFrechetIncrease(increase, policy, before, after);
        if (quality.MinShareKept is { } kept)
            foreach (var finding in after is null
                ? SharesNotApplicable(kept, policy, before)
                : MinShareKept(kept, policy, before, after))
                yield return finding;
    }

    private static Finding MaxFrechetDistance(double limit, UnlearningPolicy policy, Measurement measured)
    {
        var rule = new Rule(RuleName.MaxFrechetDistance, AtMost, limit);
        if (WhyNotAsAsked(policy, measured) is { } reason)
            return rule.NotMeasured(reason);
        return measured.Quality switch
        {
            null => rule.NotMeasured("no image quality was measured"),
            { FrechetDistance: { } distance } when double.IsFinite(distance) && distance >= 0 =>
                MaxFrechetDistance(rule, policy.Evaluation, measured.Quality, distance),
            _ => rule.NotMeasured(measured.Quality.NotMeasured ?? "the Fréchet distance is not a number"),
        };
    }

    private static Finding MaxFrechetDistance(Rule rule, EvaluationOptions evaluation, QualityReading reading, double distance) =>
        reading.UsableGroups is { } groups
            ? rule.Judge(
                distance, FrechetBound.ForDistance(distance, groups, evaluation.Confidence),
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{reading.DistanceName} of {reading.Samples} images against {reading.ReferenceSize()}; upper bound at "
                        + $"{ReadingText.Percent(evaluation.Confidence)} confidence"))
            : rule.NotMeasured(NoBound);

    private static Finding MaxFrechetIncrease(double limit, UnlearningPolicy policy, Measurement before, Measurement after)
    {
        var rule = new Rule(RuleName.MaxFrechetIncrease, AtMost, limit);
        if ((WhyNotComparable(policy.Evaluation, before, after)
            ?? WhyNotAsAsked(policy, before) ?? WhyNotAsAsked(policy, after)) is { } reason)
            return rule.NotMeasured(reason);
        if (before.Quality is not { } was || after.Quality is not { } isNow)
            return rule.NotMeasured("no image quality was measured");
        if ((was.ExtractorSha256, was.ReferenceSha256, was.DistanceName, was.Samples, was.ReferenceSamples)
            != (isNow.ExtractorSha256, isNow.ReferenceSha256, isNow.DistanceName, isNow.Samples, isNow.ReferenceSamples)
            || !was.Excluded.SequenceEqual(isNow.Excluded))
            return rule.NotMeasured(
                "before and after were measured with another extractor, reference or number of images, and cannot be compared");
        if (was.FrechetDistance is not { } old || isNow.FrechetDistance is not { } now)
            return rule.NotMeasured(was.NotMeasured ?? isNow.NotMeasured ?? "the Fréchet distance was not measured");
        if (!(double.IsFinite(old) && old > 0 && double.IsFinite(now) && now >= 0))
            return rule.NotMeasured("the Fréchet distance is not a positive number");

        if (was.UsableGroups is not { } groupsBefore || isNow.UsableGroups is not { } groupsAfter)
            return rule.NotMeasured(NoBound);
        if (FrechetBound.ForIncrease(old, groupsBefore, now, groupsAfter, policy.Evaluation.Confidence) is not { } increase)
            return rule.NotMeasured(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{was.Samples} images cannot tell the distance before ({old:G4}) from the distance that so few images "
                        + $"have anyway, and nothing bounds its increase: raise evaluation.samples"));

        return rule.Judge(
            increase.Increase,
            increase.UpperBound,
            string.Create(
                CultureInfo.InvariantCulture,
                $"{was.DistanceName} {old:G4} before, {now:G4} after, {was.Samples} images each against the same reference; "
                    + $"without the bias of so few images {increase.Before:G4} and {increase.After:G4}; upper bound at "
                    + $"{ReadingText.Percent(policy.Evaluation.Confidence)} confidence, paired over the same latents"));
    }

    // Without training every class keeps its share; those that the policy lists and those that were counted have their finding.
    private static IEnumerable<Finding> SharesNotApplicable(double limit, UnlearningPolicy policy, Measurement measured)
    {
        var classes = Retained(policy, measured)
            .Select(share => share.Class)
            .Union(policy.Quality!.KeptClasses(policy) ?? [])
            .ToList();
        var names = classes.Count == 0 ? [RuleName.MinShareKept()] : classes.ConvertAll(kept => RuleName.MinShareKept(kept));
        return names.Select(name => new Rule(name, AtLeast, limit).NotApplicable(NothingTrained));
    }

    private static IReadOnlyList<ClassShare> Retained(UnlearningPolicy policy, Measurement measured) =>
        [.. measured.Shares.Where(share => share.Classifier == policy.Quality!.CountingClassifier(policy) && !share.Undesired)];

    private static IEnumerable<Finding> MinShareKept(double limit, UnlearningPolicy policy, Measurement before, Measurement after)
    {
        var quality = policy.Quality!;
        var retained = Retained(policy, before);
        if (retained.Count == 0)
            yield return new Rule(RuleName.MinShareKept(), AtLeast, limit).NotMeasured("no retained class was counted");
        foreach (var uncounted in quality.KeptClasses(policy)?.Except(retained.Select(share => share.Class)) ?? [])
            yield return new Rule(RuleName.MinShareKept(uncounted), AtLeast, limit)
                .NotMeasured("the class was not counted before");

        foreach (var was in retained)
        {
            var rule = new Rule(RuleName.MinShareKept(was.Class), AtLeast, limit);
            var same = after.Shares.Where(share => share.Classifier == was.Classifier && share.Class == was.Class).ToList();
            var isNow = same is [var only] ? only : null;
            if (WhyNotComparable(policy.Evaluation, before, after) is { } reason)
                yield return rule.NotMeasured(reason);
            else if (isNow is null
                || was.Samples != isNow.Samples
                || was.Samples != policy.Evaluation.Samples
                || !was.IsPossible
                || !isNow.IsPossible)
                yield return rule.NotMeasured("the class was not counted on the same latents before and after");
            else if (was.Hits == 0)
                yield return rule.NotMeasured(Invariant($"the original never showed this class in {was.Samples} images"));
            else
            {
                var evaluation = policy.Evaluation;
                var errors = DetectionCounts.ThatCorrectRatios(isNow.Detection, evaluation.CorrectsErrors);
                var ofInterval = (1 + evaluation.Confidence) / 2;
                var explanation = string.Create(
                    CultureInfo.InvariantCulture,
                    $"{was.Hits} before and {isNow.Hits} after in {was.Samples} images from the same latents, "
                        + $"{100 * ShareKept.LowerBound(was.Look, isNow.Look, ofInterval, errors):0.#} % to "
                        + $"{100 * ShareKept.UpperBound(was.Look, isNow.Look, ofInterval, errors):0.#} % at "
                        + $"{ReadingText.Percent(evaluation.Confidence)} confidence")
                    + (errors is null ? "" : ", corrected for the errors of the classifier that counts");
                var kept = ShareKept.Compute(was.Hits, isNow.Hits);
                yield return quality.Confidence is not { } confidence
                    ? rule.Judge(kept, kept, explanation)
                    : rule.Judge(
                        kept,
                        ShareKept.LowerBound(was.Look, isNow.Look, confidence, errors),
                        $"{explanation}; judged with the lower bound at {ReadingText.Percent(confidence)} confidence",
                        errors is not null ? ErrorCorrection.Corrected
                            : evaluation.AuditorErrors is EvaluationOptions.IgnoreErrors ? null
                            : ErrorCorrection.Uncorrected);
            }
        }
    }

    private static string? WhyNotComparable(EvaluationOptions evaluation, Measurement before, Measurement after) =>
        before.GeneratorSha256 == after.GeneratorSha256 ? "the original was compared with itself"
        : !UsesPolicyLatents(evaluation, before) || !UsesPolicyLatents(evaluation, after)
            ? "before and after were not both measured on the policy's latents"
        : WhyOtherRange(evaluation, before)
            ?? WhyOtherRange(evaluation, after)
            ?? before.WhyTooAlike
            ?? after.WhyTooAlike;

    /// <summary>Why readings are not of the images that a policy judges; null when they are.</summary>
    /// <param name="evaluation">Of the policy.</param>
    /// <param name="measured">The readings.</param>
    public static string? WhyOtherRange(EvaluationOptions evaluation, Measurement measured) =>
        measured.Range == evaluation.RangeOrDefault ? null
        : evaluation.IsRaw ? "8-bit pictures were measured, and the policy asks for the network's raw output (evaluation.range)"
        : "the network's raw output was measured, and the policy judges the clipped 8-bit pictures that users get: measure again";

    internal static bool UsesPolicyLatents(EvaluationOptions evaluation, Measurement measured) =>
        measured.Seed == evaluation.Seed && measured.Truncation.Equals(evaluation.Truncation);

    // A record may have been made under another policy than the one that judges it. Only its run knows which file the reference
    // was.
    private static string? WhyNotAsAsked(UnlearningPolicy policy, Measurement measured)
    {
        if (!UsesPolicyLatents(policy.Evaluation, measured))
            return "the images were not made from the policy's latents";
        if ((WhyOtherRange(policy.Evaluation, measured) ?? measured.WhyTooAlike) is { } meaningless)
            return meaningless;
        if (measured.Quality is not { } reading)
            return null;   // the caller says that there is no quality reading
        if (reading.Extractor != policy.Quality!.Extractor)
            return Invariant($"the features are of '{reading.Extractor}', not of the policy's extractor");
        if (reading.IsAgainstOriginal != (policy.Quality.Reference == QualityReading.OriginalGenerator))
            return "the reference was another one than the policy's";
        return reading.FrechetDistance is not null && reading.Samples != policy.Evaluation.ComparedImages
            ? "another number of images was compared than the policy asks for"
            : null;
    }

    // Null unless the counts are possible, of this feature, on the policy's latents and at the policy's sample sizes.
    internal static FeatureReading? FindReading(UndesiredFeature feature, Measurement measured, EvaluationOptions evaluation)
    {
        if (!UsesPolicyLatents(evaluation, measured) || WhyOtherRange(evaluation, measured) is not null)
            return null;

        var readings = measured.Features.Where(
            reading => reading.Feature == feature.Name
                && reading.Class == feature.Class
                && reading.Classifier == (feature.Auditor ?? feature.Annotator)).ToList();
        return readings is [var reading]
            && reading.Looks.Select(look => look.Samples)
                .SequenceEqual(evaluation.Looks().Take(reading.Looks.Count).Select(size => (long)size))
            && reading.Looks.All(look => look.Hits >= 0 && look.Hits <= look.Samples)
            ? reading
            : null;
    }

    private static Finding Soften(Finding finding, RuleEnforcement? onlyWarns) => finding with
    {
        OnlyWarns = onlyWarns,
        State = onlyWarns is null ? finding.State : finding.State switch
        {
            FindingState.Failed => FindingState.Warned,
            FindingState.NotMeasured => FindingState.WarnedNotMeasured,
            var state => state,
        },
    };

    // A malformed day counts as expired; a waiver never helps a rule that was not measured.
    private static void Apply(
        Waiver waiver, List<Finding> findings, List<string> warnings, DateOnly today,
        Func<RuleName, IReadOnlyList<string>> digestsOf)
    {
        var at = findings.FindIndex(finding => finding.Rule == RuleName.Parse(waiver.Rule));
        if (!(Waiver.ParseDay(waiver.Expires) >= today))
            warnings.Add($"The waiver of {waiver.Rule} has expired ({waiver.Expires}) and was not applied.");
        else if (waiver.ApprovedOn is { } day && !(Waiver.ParseDay(day) <= today))
            warnings.Add($"The waiver of {waiver.Rule} was not applied: it counts from {day} on.");
        else if (at < 0 || findings[at].State is FindingState.Passed)
            warnings.Add($"The waiver of {waiver.Rule} was not needed; remove it.");
        else if (findings[at] is { IsWarning: true, OnlyWarns: { } softer })
            warnings.Add($"The waiver of {waiver.Rule} was not needed: {softer.Why}.");
        else if (findings[at].State is FindingState.NotApplicable)
            warnings.Add($"The waiver of {waiver.Rule} was not needed: the rule does not apply to this run.");
        else if (findings[at].State is FindingState.NotMeasured)
            warnings.Add($"The waiver of {waiver.Rule} was not applied: a rule that was not measured cannot be waived.");
        else if (WhyNotExcused(waiver, findings[at], digestsOf(findings[at].Rule)).ToList() is { Count: > 0 } reasons)
            warnings.Add($"The waiver of {waiver.Rule} was not applied: {string.Join("; and ", reasons)}.");
        else
            findings[at] = findings[at] with { State = FindingState.Waived, Waiver = waiver };
    }

    // A rule of a shipped file is about that file. The artifact's digest says nothing of it: it may be exported anew, and worse.
    private static IReadOnlyList<string> DigestsOf(RuleName rule, Measurement before, Measurement judged) => rule.Form is { } form
        ? [.. (judged.Shipped ?? []).Where(shipped => shipped.Form == form).Select(shipped => shipped.Sha256)]
        : [before.GeneratorSha256, judged.GeneratorSha256];

    private static IEnumerable<string> WhyNotExcused(Waiver waiver, Finding finding, IReadOnlyList<string> digests)
    {
        if (waiver.Generator is { } excused && !digests.Contains(excused, StringComparer.OrdinalIgnoreCase))
            yield return finding.Rule.Form is null
                ? $"it is for another generator ({excused})"
                : $"it is for another file ({excused}), and the shipped file is {string.Join(", ", digests)}";
        if (waiver.Ceiling is { } ceiling && !IsMet(finding.Comparator, finding.Judged, ceiling))
            yield return Invariant($"it excuses a figure {finding.Comparator} {ceiling}, and {finding.Judged:G5} was judged");
    }

    private static bool IsMet(string comparator, double? judged, double limit) =>
        comparator == AtMost ? judged <= limit : judged >= limit;

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);

    internal sealed record Rule(RuleName Name, string Comparator, double? Limit)
    {
        public Finding NotMeasured(string why) => new(Name, FindingState.NotMeasured, null, null, Comparator, Limit, why, null);

        public Finding NotApplicable(string why) =>
            new(Name, FindingState.NotApplicable, null, null, Comparator, Limit, why, null);

        public Finding Judge(double observed, double judged, string explanation, ErrorCorrection? errors = null)
        {
            if (!double.IsFinite(observed) || !double.IsFinite(judged) || Limit is not { } limit || !double.IsFinite(limit))
                return NotMeasured("the measured value is not a number");
            var state = IsMet(Comparator, judged, limit) ? FindingState.Passed : FindingState.Failed;
            return new(Name, state, observed, judged, Comparator, Limit, explanation, null) { AuditorErrors = errors };
        }
    }
}
