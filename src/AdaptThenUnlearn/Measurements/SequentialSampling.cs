namespace AdaptThenUnlearn.Measurements;

/// <summary>When to look at a growing sample, and what each look costs.</summary>
/// <remarks>
/// A sample that is looked at several times, stopping when it looks good, has several chances to look good by luck. The
/// error probability 1 − confidence is therefore divided among all the looks that could be taken (Bonferroni), taken or not.
/// </remarks>
public static class SequentialSampling
{
    /// <summary>Sample sizes at which one may look: n, 2n, 4n … and at last the largest.</summary>
    /// <param name="samples">The first look; at least 1.</param>
    /// <param name="maxSamples">The last look; at least <paramref name="samples"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is outside its range.</exception>
    public static IReadOnlyList<long> Looks(long samples, long maxSamples)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(samples, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxSamples, samples);
        List<long> looks = [];
        for (var size = samples; size < maxSamples; size = Math.Min(2 * size, maxSamples))
            looks.Add(size);
        looks.Add(maxSamples);
        return looks;
    }

    /// <summary>Confidence of each look, so that all of them together have <paramref name="confidence"/>.</summary>
    /// <param name="confidence">Over all looks, between 0 and 1.</param>
    /// <param name="looks">How many could be taken; at least 1.</param>
    public static double ConfidencePerLook(double confidence, int looks) => 1 - (1 - confidence) / looks;

    /// <summary>Upper bound of a rate at one of the looks.</summary>
    /// <param name="look">Counts so far.</param>
    /// <param name="samples">The first look's size.</param>
    /// <param name="maxSamples">The last look's size.</param>
    /// <param name="confidence">Over all looks.</param>
    public static double UpperBound(Look look, long samples, long maxSamples, double confidence) =>
        ClopperPearson.UpperBound(look.Hits, look.Samples, ConfidencePerLook(confidence, Looks(samples, maxSamples).Count));

    /// <summary>Whether more samples could still turn the answer: the share seen is within the limit, its bound is not yet.</summary>
    /// <param name="look">Counts so far.</param>
    /// <param name="limit">The largest allowed rate; null where there is none.</param>
    /// <param name="samples">The first look's size.</param>
    /// <param name="maxSamples">The last look's size.</param>
    /// <param name="confidence">Over all looks.</param>
    public static bool WorthGoingOn(Look look, double? limit, long samples, long maxSamples, double confidence) =>
        limit is { } largest
        && look.Samples < maxSamples
        && (double)look.Hits / look.Samples <= largest
        && UpperBound(look, samples, maxSamples, confidence) > largest;
}
