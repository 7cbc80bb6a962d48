namespace AdaptThenUnlearn.Measurements;

/// <summary>
/// Bounds of a feature's true rate, from how often a classifier sees it and how often that classifier is known to err.
/// </summary>
/// <remarks>
/// Rogan and Gladen 1978, "Estimating prevalence from the results of a screening test", American Journal of Epidemiology 107(1):
/// with sensitivity S and false-alarm rate f the classifier sees p = π·S + (1 − π)·f, so π = (p − f) / (S − f). That grows with p
/// and falls with S and with f, so an upper bound of p and lower bounds of S and f give an upper bound of π. All three are exact
/// (Clopper–Pearson). They share the probability of an error (Bonferroni): half of it is for p, over all its looks, and the other
/// half for S and f. The other ends of the three give a lower bound.
/// </remarks>
public static class TrueRate
{
    private const double ShareOfCounts = 0.5;   // of the error probability; the rest is for the classifier's errors

    /// <summary>The upper bound at one of the looks.</summary>
    /// <param name="look">Counts so far.</param>
    /// <param name="looks">How many could be taken; at least 1.</param>
    /// <param name="confidence">Over all looks and the errors, between 0 and 1.</param>
    /// <param name="errors">
    /// Of the classifier, on images that are seen as well or as badly as those; at least one shows the feature. Null for no
    /// correction.
    /// </param>
    /// <returns>
    /// 0 to 1; never below the bound without a correction, so that false alarms on other images cannot explain away what was
    /// seen. 1 where the classifier is not known to see the feature more often than it sees it wrongly.
    /// </returns>
    /// <exception cref="ArgumentOutOfRangeException">An argument is outside its range.</exception>
    public static double UpperBound(Look look, int looks, double confidence, DetectionCounts? errors)
    {
        var uncorrected = SequentialSampling.UpperBound(look, looks, confidence);
        if (errors is null)
            return uncorrected;

        // Divide what may go wrong among the bounds.
        var risk = 1 - confidence;
        var seen = SequentialSampling.UpperBound(look, looks, 1 - risk * ShareOfCounts);
        var ofErrors = 1 - risk * (1 - ShareOfCounts) / (errors.Without > 0 ? 2 : 1);
        var sensitivity = ClopperPearson.LowerBound(errors.With - errors.Missed, errors.With, ofErrors);
        var falseAlarms = errors.Without > 0 ? ClopperPearson.LowerBound(errors.FalseAlarms, errors.Without, ofErrors) : 0;

        var corrected = sensitivity > falseAlarms ? (seen - falseAlarms) / (sensitivity - falseAlarms) : 1;
        return Math.Min(1, Math.Max(uncorrected, corrected));
    }

    /// <summary>The lower bound at a single look.</summary>
    /// <param name="look">Counts.</param>
    /// <param name="confidence">Over the counts and the errors, between 0 and 1.</param>
    /// <param name="errors">
    /// Of the classifier, with images that show the feature and images that do not. Null for no correction.
    /// </param>
    /// <returns>
    /// 0 to 1; never above the bound without a correction, so that what was missed in other images adds nothing to what was seen.
    /// 0 where what was seen may all be false alarms.
    /// </returns>
    /// <exception cref="ArgumentOutOfRangeException">An argument is outside its range.</exception>
    public static double LowerBound(Look look, double confidence, DetectionCounts? errors)
    {
        var uncorrected = ClopperPearson.LowerBound(look.Hits, look.Samples, confidence);
        if (errors is null)
            return uncorrected;

        var risk = 1 - confidence;
        var seen = ClopperPearson.LowerBound(look.Hits, look.Samples, 1 - risk * ShareOfCounts);
        var ofErrors = 1 - risk * (1 - ShareOfCounts) / 2;
        var sensitivity = ClopperPearson.UpperBound(errors.With - errors.Missed, errors.With, ofErrors);
        var falseAlarms = ClopperPearson.UpperBound(errors.FalseAlarms, errors.Without, ofErrors);

        var corrected = sensitivity > falseAlarms ? (seen - falseAlarms) / (sensitivity - falseAlarms) : 0;
        return Math.Max(0, Math.Min(uncorrected, corrected));
    }

    /// <summary>The chance that a number of images shows a feature at least once.</summary>
    /// <param name="rate">Of the feature, 0 to 1.</param>
    /// <param name="images">How many; at least 1.</param>
    /// <returns>1 − (1 − rate)^images.</returns>
    public static double ChanceToMeet(double rate, long images) => -Math.Exp(images * Log1P(-rate)) + 1;

    // ln(1 + x) for x from -1 to 0, also where 1 + x rounds to 1 (Kahan).
    private static double Log1P(double x)
    {
        var sum = 1 + x;
        return sum == 1 ? x : Math.Log(sum) * x / (sum - 1);
    }
}
