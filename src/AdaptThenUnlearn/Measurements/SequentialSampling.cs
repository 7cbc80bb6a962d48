namespace AdaptThenUnlearn.Measurements;

/// <summary>When to look at a growing sample, and what each look costs.</summary>
/// <remarks>
/// A sample that is looked at several times, stopping when it looks good, has several chances to look good by luck. The
/// error probability 1 − confidence is therefore divided among all the looks that could be taken (Bonferroni), taken or not.
/// </remarks>
public static class SequentialSampling
{
    /// <summary>Confidence of each look, so that all of them together have <paramref name="confidence"/>.</summary>
    /// <param name="confidence">Over all looks, between 0 and 1.</param>
    /// <param name="looks">How many could be taken; at least 1.</param>
    public static double ConfidencePerLook(double confidence, int looks) => 1 - (1 - confidence) / looks;

    /// <summary>Upper bound of a rate at one of the looks.</summary>
    /// <param name="look">Counts so far.</param>
    /// <param name="looks">How many could be taken; at least 1.</param>
    /// <param name="confidence">Over all looks.</param>
    public static double UpperBound(Look look, int looks, double confidence) =>
        ClopperPearson.UpperBound(look.Hits, look.Samples, ConfidencePerLook(confidence, looks));

    /// <summary>
    /// Whether more samples could still turn the answer: the share seen is within the limit, its bound is not yet, and would be
    /// if no further sample were a hit.
    /// </summary>
    /// <param name="look">Counts so far.</param>
    /// <param name="limit">The largest allowed rate; null where there is none.</param>
    /// <param name="looks">The sample sizes at which one may look, in order.</param>
    /// <param name="confidence">Over all looks.</param>
    /// <param name="errors">Of the classifier, as <see cref="TrueRate.UpperBound"/> counts them in; null for none.</param>
    public static bool ShouldContinue(
        Look look, double? limit, IReadOnlyList<int> looks, double confidence, DetectionCounts? errors = null) =>
        limit is { } largest
        && look.Samples < looks[^1]
        && (double)look.Hits / look.Samples <= largest
        && TrueRate.UpperBound(look, looks.Count, confidence, errors) > largest
        && TrueRate.UpperBound(look with { Samples = looks[^1] }, looks.Count, confidence, errors) <= largest;
}
