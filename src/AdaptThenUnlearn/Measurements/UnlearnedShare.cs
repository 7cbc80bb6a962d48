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

    /// <summary>The unfavourable bound: the share, if the rate after were as large as its upper bound.</summary>
    /// <param name="before">Of the original generator.</param>
    /// <param name="after">Of the unlearned generator.</param>
    /// <param name="confidence">One-sided, between 0 and 1.</param>
    /// <param name="errors">
    /// Of the classifier: the rate after is then the bound of the true one (<see cref="TrueRate.UpperBound"/>). The rate before
    /// is what it saw, which is less than there was by what it missed. Null for no correction.
    /// </param>
    /// <returns>Null where the original never showed the feature.</returns>
    public static double? LowerBound(Look before, Look after, double confidence, DetectionCounts? errors = null)
    {
        if (before.Hits == 0)
            return null;

        var rateBefore = (double)before.Hits / before.Samples;
        return 1 - TrueRate.UpperBound(after, looks: 1, confidence, errors) / rateBefore;
    }
}
