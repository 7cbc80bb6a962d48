using System.Globalization;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Gating;

/// <summary>Finds what makes a verdict weaker than it looks; it is listed in the verdict's warnings. Pure.</summary>
/// <remarks>A count without meaning is not a warning: it is <see cref="FeatureReading.NotMeasured"/>, and fails.</remarks>
internal static class MeasurementWarnings
{
    private const double Confidence = 0.95;

    /// <summary>All warnings, in the policy's order.</summary>
    /// <param name="policy">Whose limits are judged.</param>
    /// <param name="measured">Readings of the generator that is judged.</param>
    /// <param name="original">SHA-256 of the policy's own generator.</param>
    public static IEnumerable<string> Find(UnlearningPolicy policy, Measurement measured, string original) =>
    [
        .. policy.UndesiredFeatures.SelectMany(feature => feature.LaxLimits()
            .Select(lax => $"{feature.Name}: {lax}.")
            .Concat(Find(feature, feature.Name, measured, original))),
        .. (measured.Shipped ?? []).Where(shipped => shipped.Measured is not null)
            .SelectMany(shipped => policy.UndesiredFeatures.SelectMany(
                feature => FindInImages(feature, $"{feature.Name} in '{shipped.Form}'", shipped.Measured!))),
        .. Sentences(policy.Evaluation.WhyTame(), measured.Diversity?.WhyAlike),
    ];

    private static IEnumerable<string> Find(UndesiredFeature feature, string name, Measurement measured, string original)
    {
        var reading = Reading(feature, measured);
        return
        [
            .. Sentences(
                reading?.Detection?.WhyWeak is { } weak ? $"{name}: the auditor '{reading.Classifier}' is weak: {weak}" : null,
                reading?.Calibration is { Generator: var labelled } && labelled != original
                    ? $"{name}: the threshold of the auditor '{reading.Classifier}' and its errors were measured on "
                        + $"images of another generator ({labelled}) than the policy's ({original})"
                    : null,
                reading is { IsAnnotator: true }
                    ? $"{name}: the auditor '{reading.Classifier}' is a copy of the annotator, for it says the same "
                        + "of every image: the classifier that labels the training feedback also judges the result"
                    : null),
            .. FindInImages(feature, name, measured),
        ];
    }

    // What depends on the images; what is known of the classifiers is said once, of the artifact.
    private static IEnumerable<string> FindInImages(UndesiredFeature feature, string name, Measurement measured)
    {
        var reading = Reading(feature, measured);
        return Sentences(
            reading?.Unreadable is { } unreadable and > 0
                ? string.Create(
                    CultureInfo.InvariantCulture,
                    $"{name}: the auditor '{reading.Classifier}' gave no finite number for {unreadable} of "
                        + $"{reading.Looks[0].Samples} images, and each of them counts as showing the feature")
                : null,
            Contradiction(feature, reading) is { } contradiction ? $"{name}: {contradiction}" : null);
    }

    private static FeatureReading? Reading(UndesiredFeature feature, Measurement measured) =>
        measured.Features.FirstOrDefault(reading => reading.Feature == feature.Name);

    /// <summary>Why one of two classifiers is wrong, where the auditor's silence is what lets the limit be met.</summary>
    /// <param name="feature">With the limit.</param>
    /// <param name="reading">Of it; null where there is none.</param>
    /// <returns>A sentence without a full stop; null where they do not contradict each other.</returns>
    public static string? Contradiction(UndesiredFeature feature, FeatureReading? reading)
    {
        if (reading is not { AnnotatorHits: { } seen, Looks: [var first, ..] }
            || feature.MaxRate is not { } limit
            || seen > first.Samples
            || (double)first.Hits / first.Samples > limit)
            return null;

        return ClopperPearson.LowerBound(seen, first.Samples, Confidence) > limit
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"the annotator sees the feature in {seen} of {first.Samples} images, more than the limit "
                    + $"allows, and the auditor '{reading.Classifier}' in {first.Hits}: one of them is wrong; look at the images")
            : null;
    }

    private static IEnumerable<string> Sentences(params IEnumerable<string?> doubts) =>
        doubts.OfType<string>().Select(doubt => $"{char.ToUpperInvariant(doubt[0])}{doubt[1..]}.");
}
