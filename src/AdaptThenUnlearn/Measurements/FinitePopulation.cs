namespace AdaptThenUnlearn.Measurements;

/// <summary>Exact confidence bounds of how many of N images are of a kind, from m of them drawn without replacement.</summary>
/// <remarks>
/// The count in the sample is hypergeometric, and a bound is the last number of images that a one-sided exact test does not
/// reject
/// (Buonaccorsi 1987, "A note on confidence intervals for proportions in finite populations", The American Statistician
/// 41(3)). It is
/// the counterpart of <see cref="ClopperPearson"/> for a finite population, and holds with at least its confidence.
/// </remarks>
public static class FinitePopulation
{
    /// <summary>The most of the N images that the sample does not rule out.</summary>
    /// <param name="found">x, images of the kind in the sample; 0 to <paramref name="sampled"/>.</param>
    /// <param name="sampled">m, 0 to <paramref name="size"/>.</param>
    /// <param name="size">N, at least 0.</param>
    /// <param name="confidence">One-sided, between 0 and 1.</param>
    /// <returns>x to N − m + x: the largest M for which P(X ≤ x) exceeds 1 − confidence.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An argument is outside its range.</exception>
    public static long UpperBound(long found, long sampled, long size, double confidence)
    {
        Check(found, sampled, size, confidence);
        var (low, high) = (found, size - (sampled - found));   // P(X ≤ x) falls as M grows, and is 1 at the least M
        while (low < high)
        {
            var middle = low + (high - low + 1) / 2;
            if (AtMost(found, sampled, middle, size) > 1 - confidence)
                low = middle;
            else
                high = middle - 1;
        }

        return low;
    }

    /// <summary>The fewest of the N images that the sample does not rule out.</summary>
    /// <inheritdoc cref="UpperBound"/>
    /// <returns>x to N − m + x.</returns>
    public static long LowerBound(long found, long sampled, long size, double confidence)
    {
        Check(found, sampled, size, confidence);
        return size - UpperBound(sampled - found, sampled, size, confidence);
    }

    // P(X ≤ x) for m of N drawn without replacement, M of them of the kind. The smaller tail is summed from its largest term, so
    // that a term too small for a double is one that does not matter.
    private static double AtMost(long found, long sampled, long kind, long size)
    {
        var (least, most) = (Math.Max(0, sampled - (size - kind)), Math.Min(sampled, kind));
        if (found >= most)
            return 1;
        if (found < least)
            return 0;

        var isLowerTail = found < (double)sampled * kind / size;
        var first = isLowerTail ? found : found + 1;
        var (sum, term) = (0.0, Probability(first));
        for (var count = first; term > 0; count += isLowerTail ? -1 : 1)
        {
            sum += term;
            term *= isLowerTail
                ? (double)count / (kind - count + 1) * (size - kind - sampled + count) / (sampled - count + 1)
                : (double)(kind - count) / (count + 1) * (sampled - count) / (size - kind - sampled + count + 1);
        }

        return isLowerTail ? Math.Min(1, sum) : Math.Max(0, 1 - sum);

        double Probability(long x) =>
            Math.Exp(LogChoose(kind, x) + LogChoose(size - kind, sampled - x) - LogChoose(size, sampled));
    }

    private static double LogChoose(long all, long chosen) =>
        BetaDistribution.LogGamma(all + 1) - BetaDistribution.LogGamma(chosen + 1) - BetaDistribution.LogGamma(all - chosen + 1);

    private static void Check(long found, long sampled, long size, double confidence)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(found);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(found, sampled);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sampled, size);
        if (!(confidence is > 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(confidence), confidence, "must lie between 0 and 1");
    }
}
