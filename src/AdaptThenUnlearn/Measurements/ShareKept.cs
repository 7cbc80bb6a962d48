namespace AdaptThenUnlearn.Measurements;

/// <summary>How much of its share a class kept: after / before, of as many images from the same latents.</summary>
/// <remarks>
/// The bounds are those of a ratio of two Poisson means. Given the sum of both counts, the later one is binomial (Przyborowski
/// and Wilenski 1940, "Homogeneity of results in testing samples from Poisson series", Biometrika 31), and Clopper–Pearson
/// bounds its share of the sum. Counts out of n vary less than Poisson counts, and those from the same latents vary together, so
/// the bounds hold more often than they promise.
/// </remarks>
public static class ShareKept
{
    /// <summary>The point estimate.</summary>
    /// <param name="before">Images of the class before; at least 1.</param>
    /// <param name="after">Images of the class after.</param>
    public static double Compute(long before, long after) => (double)after / before;

    /// <summary>The smallest ratio that the counts do not rule out.</summary>
    /// <param name="before">Images of the class before; at least 1.</param>
    /// <param name="after">Images of the class after, among as many.</param>
    /// <param name="confidence">One-sided, between 0 and 1.</param>
    /// <returns>0 where there is none after.</returns>
    public static double LowerBound(long before, long after, double confidence) =>
        Odds(ClopperPearson.LowerBound(after, before + after, confidence));

    /// <summary>The largest ratio that the counts do not rule out.</summary>
    /// <inheritdoc cref="LowerBound(long, long, double)"/>
    /// <returns>Finite, because there is one before.</returns>
    public static double UpperBound(long before, long after, double confidence) =>
        Odds(ClopperPearson.UpperBound(after, before + after, confidence));

    /// <summary>The smallest ratio of the true shares.</summary>
    /// <remarks>
    /// Lower bound of the true share after / upper bound of the one before (<see cref="TrueRate"/>), which share the probability
    /// of an error.
    /// </remarks>
    /// <param name="before">Images of the class before, and all; at least one of the class.</param>
    /// <param name="after">After, among as many.</param>
    /// <param name="confidence">One-sided, between 0 and 1.</param>
    /// <param name="errors">
    /// Of the classifier, with images of the class and images without it; null for no correction.
    /// </param>
    /// <returns>Never above the bound without a correction.</returns>
    public static double LowerBound(Look before, Look after, double confidence, DetectionCounts? errors)
    {
        var uncorrected = LowerBound(before.Hits, after.Hits, confidence);
        var ofEach = ConfidenceOfEach(confidence);
        return errors is null
            ? uncorrected
            : Math.Min(
                uncorrected,
                TrueRate.LowerBound(after, ofEach, errors) / TrueRate.UpperBound(before, looks: 1, ofEach, errors));
    }

    /// <summary>The largest ratio of the true shares.</summary>
    /// <inheritdoc cref="LowerBound(Look, Look, double, DetectionCounts?)"/>
    /// <returns>
    /// Never below the bound without a correction; infinite where what was seen before may all be false alarms.
    /// </returns>
    public static double UpperBound(Look before, Look after, double confidence, DetectionCounts? errors)
    {
        var uncorrected = UpperBound(before.Hits, after.Hits, confidence);
        var ofEach = ConfidenceOfEach(confidence);
        return errors is null
            ? uncorrected
            : Math.Max(
                uncorrected,
                TrueRate.UpperBound(after, looks: 1, ofEach, errors) / TrueRate.LowerBound(before, ofEach, errors));
    }

    // Two rates share the probability of an error, half each.
    internal static double ConfidenceOfEach(double confidence) => 1 - (1 - confidence) / 2;

    private static double Odds(double share) => share / (1 - share);
}
