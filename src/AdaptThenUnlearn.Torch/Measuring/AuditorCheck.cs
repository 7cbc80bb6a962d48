using System.Globalization;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Features;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>
/// Checks whether the classifiers of a policy can tell what they are asked. A count by one that cannot is not a measurement.
/// </summary>
/// <param name="policy">Says who looks at what.</param>
/// <param name="classifiers">Of the policy.</param>
/// <param name="reference">Of the policy; null where it asks for no quality.</param>
public sealed class AuditorCheck(UnlearningPolicy policy, PolicyClassifiers classifiers, QualityReference? reference)
{
    private const double Confidence = 0.95;
    private const double AsLikelyAsNot = 0.5;
    private const string Causes =
        "it takes pixels of another range than -1 to 1 (such as 0 to 1, or 0 to 255), its 'outputs' or the order of its "
            + "'classes' are not what the policy says, or a threshold is too high";
    private const string Proofs =
        "held-out counts in its checkpoint (`atu train-classifier` and `atu label` write them), a calibration, "
            + "reference statistics with its errors, or a folder of images that show the feature as 'negatives'";

    /// <summary>Names of the classifiers that look at each image, each once.</summary>
    public IReadOnlyList<string> ClassifierNames { get; } =
        [.. policy.UndesiredFeatures.SelectMany(feature => new[] { feature.Auditor ?? feature.Annotator, feature.Annotator })
            .Append(policy.Quality?.CountingClassifier(policy))
            .OfType<string>()
            .Distinct()];

    /// <summary>
    /// Refuses classifiers whose outputs are not what the policy says; decided over all images of the first look.
    /// </summary>
    /// <param name="evidence">Of those.</param>
    /// <exception cref="PolicyMismatchException">One's outputs are not; the message says what to change.</exception>
    public void RequireOutputs(ReadingEvidence evidence)
    {
        foreach (var (name, outputRange) in ClassifierNames.Zip(evidence.Outputs))
            if (outputRange.WhyNot(classifiers[name].Outputs, classifiers[name].IsKnownToMakeLogits) is { } problem)
                throw new PolicyMismatchException($"$.classifiers.{name}.outputs", problem);
    }

    /// <summary>What is known, and what is to be doubted, of the auditor of a feature.</summary>
    /// <param name="number">Of the feature in the policy.</param>
    /// <param name="counts">The counts alone.</param>
    /// <param name="evidence">Of the first look.</param>
    /// <param name="before">Readings of the original generator; null where these are they.</param>
    public FeatureReading Complete(int number, FeatureReading counts, ReadingEvidence evidence, Measurement? before)
    {
        var feature = policy.UndesiredFeatures[number];
        var outputRange = evidence.Outputs[ClassifierNames.ToList().IndexOf(counts.Classifier)];
        var reading = counts with
        {
            Detection = Detection(feature),
            Calibration = CalibrationOf(feature) is { } used ? used.Calibration.Used(used.Sha256) : null,
            Unreadable = outputRange.Unreadable > 0 ? outputRange.Unreadable : null,
            IsAnnotator = feature.Auditor is not null
                && feature.Auditor != feature.Annotator
                && evidence.AnnotatorDifferences[number] == 0,
        };
        return reading with { NotMeasured = WhyNot(feature, reading, outputRange, before) };
    }

    /// <summary>The errors of a feature's auditor that its rate is corrected for; null for none.</summary>
    public DetectionCounts? CountedErrors(UndesiredFeature feature) =>
        DetectionCounts.ThatCorrect(Detection(feature), policy.Evaluation.CorrectsErrors);

    /// <summary>
    /// How a classifier did on known images of one of its classes, judged without a threshold; null for unknown.
    /// </summary>
    /// <param name="classifier">Its name in the policy.</param>
    /// <param name="name">Of the class.</param>
    public DetectionCounts? ErrorsOfClass(string classifier, string name) =>
        Known(classifier, new FeatureRule(classifiers[classifier], name, Threshold: null));

    private (ClassifierCalibration Calibration, string Sha256)? CalibrationOf(UndesiredFeature feature) =>
        classifiers.Calibration(feature.Auditor ?? feature.Annotator, feature.Class);

    private string? WhyNot(UndesiredFeature feature, FeatureReading reading, OutputRange outputRange, Measurement? before)
    {
        if (classifiers.WhyNotCalibrated(feature) is { } uncalibrated)
            return uncalibrated;
        if (reading.WhyBlind is { } blind)
            return blind;
        if (outputRange.IsConstant && outputRange.Images > outputRange.Unreadable)
            return string.Create(
                CultureInfo.InvariantCulture,
                $"the auditor '{reading.Classifier}' says the same of each of {outputRange.Images} images, "
                    + $"so it does not look at them");

        // After unlearning none is what is hoped for; that the auditor can see the feature, the original has shown.
        return before is null && reading.Looks[^1].Hits == 0 ? WhyNeverSeen(feature, reading) : null;
    }

    private static string? WhyNeverSeen(UndesiredFeature feature, FeatureReading reading)
    {
        var (images, seen) = (reading.Looks[^1].Samples, reading.AnnotatorHits ?? 0);
        if (reading.Detection is { With: > 0 })
            return seen > 0
                && feature.MaxRate is { } limit
                && ClopperPearson.LowerBound(seen, reading.Looks[0].Samples, Confidence) > limit
                ? string.Create(
                        CultureInfo.InvariantCulture,
                        $"the auditor '{reading.Classifier}' saw '{feature.Class}' in none of {images} images, and the "
                            + $"annotator '{feature.Annotator}' in {seen} of {reading.Looks[0].Samples}, more than the limit "
                            + $"allows: one of them is wrong; look at the images")
                : null;

        var annotator = seen > 0
            ? FormattableString.Invariant($" (the annotator '{feature.Annotator}' in {seen} of {reading.Looks[0].Samples})")
            : "";
        return string.Create(
                CultureInfo.InvariantCulture,
                $"the auditor '{reading.Classifier}' saw '{feature.Class}' in none of {images} images of the "
                    + $"original{annotator}, and nothing shows that it can see it at all. Likely causes: {Causes}. What would "
                    + $"show it: {Proofs}");
    }

    private DetectionCounts? Detection(UndesiredFeature feature)
    {
        var (name, rule) = (feature.Auditor ?? feature.Annotator, classifiers.Auditor(feature));
        var tried = classifiers.Tried.GetValueOrDefault(feature.Name);

        // A calibration's counts are of the very threshold that judges, on the generator's images. The pictures of a folder may
        // be easier: the worse of both counts.
        if (CalibrationOf(feature)?.Calibration.Counts() is { } counted)
            return tried is not null && (counted.With == 0 || tried.MissedUpperBound >= counted.MissedUpperBound)
                ? tried
                : counted;
        return tried ?? Known(name, rule);
    }

    private DetectionCounts? Known(string name, FeatureRule rule)
    {
        var heldOut = HeldOut(name, rule);
        if (heldOut is { With: > 0 })
            return heldOut;
        return policy.Quality?.Extractor == name && reference?.Errors.CountsOf(rule) is { With: > 0 } known ? known : heldOut;
    }

    // At the rule's threshold where the checkpoint keeps scores. Counts without a threshold serve a threshold that sees no less,
    // and one that sees no more where nothing was found at all. A threshold that sees more has more false alarms than were
    // counted, so nothing is known of them.
    private DetectionCounts? HeldOut(string name, FeatureRule rule)
    {
        if (classifiers.HeldOut(name) is not { } counts || counts.ForClass(rule.Class) is not { } without)
            return null;
        if (rule.Threshold is { } threshold && counts.ForClass(rule.Class, threshold) is { } atThreshold)
            return atThreshold;
        if (without.With > 0 && !IsNoStricterThanHeldOut(rule) && (without.WhyBlind is null || !IsStricter(rule)))
            return null;
        return rule.Threshold < AsLikelyAsNot ? without with { Without = 0, FalseAlarms = 0 } : without;
    }

    // A classifier that is blind without a threshold is blind with one above a half: the class is the likeliest there.
    private static bool IsStricter(FeatureRule rule) => rule.Threshold > AsLikelyAsNot;

    // Without a threshold a class is seen where it is the likelier of two, or at least as likely as not.
    private static bool IsNoStricterThanHeldOut(FeatureRule rule) => rule.Threshold is null || rule.Threshold <= AsLikelyAsNot
        && (rule.Classifier.Classes.Count == 2
            || rule.Classifier.Outputs is ClassifierOutputs.Sigmoid or ClassifierOutputs.IndependentProbabilities);
}
