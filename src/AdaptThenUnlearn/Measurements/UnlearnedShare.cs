namespace AdaptThenUnlearn.Measurements;

/// <summary>PUL, the percentage of unlearning, as a share: (before − after) / before, of images from the same latents.</summary>
/// <remarks>Tiwary et al. 2025 (arXiv:2309.14054). Below 0 where the feature became more frequent.</remarks>
public static class UnlearnedShare
{
    /// <summary>The point estimate.</summary>
    /// <param name="hitsBefore">Images of the original generator that show the feature; 0 or more.</param>
    /// <param name="hitsAfter">Images of the unlearned generator that show it, among as many.</param>
    /// <returns>Null where the original never showed the feature.</returns>
    public static double? Compute(long hitsBefore, long hitsAfter) =>
        hitsBefore == 0 ? null : (double)(hitsBefore - hitsAfter) / hitsBefore;

    /// <summary>The unfavourable bound: the smallest share that the counts do not rule out.</summary>
    /// <remarks>
    /// Without a correction 1 − the largest ratio of the rates (<see cref="ShareKept"/>). With one it is 1 − the upper bound of
    /// the true rate after / the lower bound of the true rate before (<see cref="TrueRate"/>), which share the probability of an
    /// error; this holds however before and after depend on each other. False alarms before count as nothing to unlearn.
    /// </remarks>
    /// <param name="before">Of the original generator.</param>
    /// <param name="after">Of the unlearned generator, among as many images.</param>
    /// <param name="confidence">One-sided, between 0 and 1.</param>
    /// <param name="errors">
    /// Of the classifier, with images that show the feature and images that do not; null for no correction.
    /// </param>
    /// <returns>
    /// At most 1, and negative where the feature may have become more frequent; never above the bound without a correction. Null
    /// where the original never showed the feature, or where what was seen of it may all be false alarms.
    /// </returns>
    /// <exception cref="ArgumentException">Before and after have different numbers of images.</exception>
    public static double? LowerBound(Look before, Look after, double confidence, DetectionCounts? errors = null)
    {
        if (before.Samples != after.Samples)
            throw new ArgumentException("as many images are needed after as before", nameof(after));
        if (before.Hits == 0)
            return null;

        var left = ShareKept.UpperBound(before, after, confidence, errors);
        return double.IsFinite(left) ? 1 - left : null;
    }

    /// <summary>The unfavourable bound where a person looked at the images after.</summary>
    /// <param name="before">Of the original generator, by the classifier.</param>
    /// <param name="after">Of the unlearned generator, by the classifier, among as many images.</param>
    /// <param name="audited">Gives the upper bound of the rate after, by the person, at a confidence.</param>
    /// <param name="confidence">One-sided, between 0 and 1.</param>
    /// <param name="errors">As for <see cref="LowerBound(Look, Look, double, DetectionCounts?)"/>, of the rate before.</param>
    /// <returns>
    /// As there. Never above the bound by the classifier's counts: otherwise false alarms that only the person leaves out would
    /// count as unlearned.
    /// </returns>
    public static double? LowerBound(
        Look before, Look after, Func<double, double> audited, double confidence, DetectionCounts? errors)
    {
        var ofEach = ShareKept.ConfidenceOfEach(confidence);
        var least = TrueRate.LowerBound(before, ofEach, errors);
        return LowerBound(before, after, confidence) is { } byClassifier && least > 0
            ? Math.Min(byClassifier, 1 - audited(ofEach) / least)
            : null;
    }
}
