using System.Globalization;

namespace AdaptThenUnlearn.Labelling;

/// <summary>
/// A classifier's threshold, chosen by a person's labels of learning images, with its errors on test images. Pure.
/// </summary>
/// <remarks>
/// <para>
/// The threshold may miss a given share of the learning images that show the feature, none unless it is given. It lies halfway
/// between the lowest score that must be found and the next lower score of a labelled learning image, or 0 where there is none.
/// So it sees no less than the highest threshold that misses as few, and it learned of no further false alarm. It is rounded
/// down to three digits, which can only see more.
/// </para>
/// <para>
/// No label of a test image has a part in it, and test images are a random sample (<see cref="PageOrder"/>). Their errors are
/// therefore binomial, and Clopper and Pearson's interval holds for them.
/// </para>
/// </remarks>
/// <param name="Threshold">Smallest score of an image that shows the feature; above 0 and below 1.</param>
/// <param name="Learning">Errors on the learning images: they flatter, for the threshold was chosen by them.</param>
/// <param name="HeldOut">Errors on the test images.</param>
public sealed record ThresholdChoice(double Threshold, HeldOutError Learning, HeldOutError HeldOut)
{
    private const int Digits = 3;

    /// <summary>Why no threshold can be chosen from these labels yet, or null.</summary>
    /// <param name="sheet">The labels.</param>
    public static string? WhyTooFewLabels(LabelSheet sheet)
    {
        var learning = sheet.LearningLabels.Values;
        var with = learning.Count(shows => shows);
        return with >= LabelSheet.MinLabelsPerClass && learning.Count() - with >= LabelSheet.MinLabelsPerClass
            ? null
            : string.Create(
                CultureInfo.InvariantCulture,
                $"{with} learning images (even numbers) are labelled as showing '{sheet.Feature}' and {learning.Count() - with} "
                    + $"as not showing it; at least {LabelSheet.MinLabelsPerClass} of each are needed to choose a threshold, and "
                    + $"50 to 200 labels in all are a good number");
    }

    /// <summary>Chooses the threshold.</summary>
    /// <param name="scores">
    /// The classifier's probability of the class, by the image's number. One that is not finite counts as showing the feature.
    /// </param>
    /// <param name="sheet">The labels.</param>
    /// <param name="mayMiss">Largest share of the learning images with the feature that may be missed; 0 to less than 1.</param>
    /// <exception cref="LabelException">There are too few labels, or no threshold sees enough.</exception>
    public static ThresholdChoice Create(IReadOnlyList<float> scores, LabelSheet sheet, double mayMiss)
    {
        if (WhyTooFewLabels(sheet) is { } problem)
            throw new LabelException(problem);

        var threshold = FindThreshold(scores, sheet.LearningLabels, mayMiss) ?? throw new LabelException(
            $"no threshold can be chosen: the classifier gives learning images that show '{sheet.Feature}' the lowest score that "
                + "there is; look at their labels, let a share of them be missed with --may-miss, or use another classifier");
        var tests = sheet.Labels.Where(label => PageOrder.IsTest(label.Key));
        return new ThresholdChoice(threshold, Count(scores, sheet.LearningLabels, threshold), Count(scores, tests, threshold));
    }

    /// <summary>The threshold by the learning labels alone; null where there is none above 0 and below 1.</summary>
    /// <param name="scores">As for <see cref="Create"/>.</param>
    /// <param name="learning">Labels of learning images by number.</param>
    /// <param name="mayMiss">As for <see cref="Create"/>.</param>
    public static double? FindThreshold(IReadOnlyList<float> scores, IReadOnlyDictionary<int, bool> learning, double mayMiss)
    {
        // A score that is not finite is found by every threshold.
        List<float> with =
        [
            .. learning.Where(label => label.Value && float.IsFinite(scores[label.Key])).Select(label => scores[label.Key])
                .Order(),
        ];
        var missed = (int)Math.Floor(mayMiss * learning.Values.Count(shows => shows));
        if (missed >= with.Count || with[missed] is <= 0 or > 1)
            return null;

        var lowest = with[missed];
        var below = learning.Keys.Select(image => scores[image]).Where(score => score < lowest).DefaultIfEmpty(0).Max();
        return RoundDown((lowest + (double)Math.Max(0, below)) / 2);
    }

    /// <summary>Counts a threshold's errors on labelled images.</summary>
    /// <param name="scores">As for <see cref="Create"/>.</param>
    /// <param name="labels">Whether an image shows the feature, by its number.</param>
    /// <param name="threshold">Smallest score of an image that shows the feature.</param>
    public static HeldOutError Count(
        IReadOnlyList<float> scores, IEnumerable<KeyValuePair<int, bool>> labels, double threshold)
    {
        var seen = labels.Select(label => (Shows: label.Value, IsSeen: !(scores[label.Key] < threshold))).ToList();
        return new HeldOutError(
            With: seen.Count(image => image.Shows),
            Missed: seen.Count(image => image is { Shows: true, IsSeen: false }),
            Without: seen.Count(image => !image.Shows),
            FalseAlarms: seen.Count(image => image is { Shows: false, IsSeen: true }));
    }

    // Three digits that a person can read, also of 0.000123, never above the number and never 0.
    private static double RoundDown(double positive)
    {
        var unit = Math.Pow(10, Digits - 1 - Math.Floor(Math.Log10(positive)));
        var rounded = Math.Floor(positive * unit) / unit;
        return rounded > 0 && rounded <= positive ? rounded : positive;
    }
}
