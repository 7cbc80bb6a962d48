using AdaptThenUnlearn.Torch.Randomness;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>
/// FD∞: the Fréchet distance of infinitely many generated images, extrapolated from subsets of those that there are.
/// </summary>
/// <remarks>
/// Chong and Forsyth 2020 (arXiv:1911.07023): the distance of N images is too large by about b/N, so a line through the distances
/// of 15 subsets over 1/N meets 1/N = 0 at the distance without that bias. As in their code, the sizes are evenly spaced, the
/// subsets are drawn anew for each size, and the reference is always the same; its own bias stays. For fewer than 50,000 images
/// the smallest subset is a tenth of them, as in layer6ai-labs/dgm-eval, <c>compute_FD_infinity</c>. Unlike both, no subset has
/// fewer than twice as many images as dimensions, because the distance is no line over 1/N there, and the seed decides the
/// subsets.
/// </remarks>
public static class FrechetExtrapolation
{
    /// <summary>Subsets through whose distances the line is drawn.</summary>
    public const int Points = 15;

    private const int MostInSmallest = 5000;
    private const int SmallestPart = 10;
    private const int FewestForEachDimension = 2;

    /// <summary>Measures, or says why it cannot.</summary>
    /// <param name="features">The generated set, <c>[N, d]</c>.</param>
    /// <param name="reference">What it is compared with.</param>
    /// <param name="seed">Decides the subsets.</param>
    /// <returns>In squared feature units; slightly below 0 for equal sets, as any estimate without bias.</returns>
    public static MetricResult Between(Tensor features, FeatureMoments reference, long seed)
    {
        if (WhyImpossible(features, reference) is { } why)
            return MetricResult.Unmeasured(why);

        using var scope = NewDisposeScope();
        using var random = new RandomStreams(seed, "frechet-extrapolation").At("subsets");
        var count = features.shape[0];
        var subsets = Sizes(count, features.shape[1])
            .Select(size => randperm(count, dtype: int64, generator: random).narrow(0, 0, size));
        var value = Intercept(FrechetDistance.OfSubsets(features, subsets, reference));
        return double.IsFinite(value)
            ? new MetricResult(value, null)
            : MetricResult.Unmeasured("the features hold numbers that are not finite");
    }

    /// <summary>The sizes of the subsets, as numpy.linspace gives them as whole numbers.</summary>
    /// <param name="count">Vectors in the set; at least 4 · (dimension + 1), so that the largest is twice the smallest.</param>
    /// <param name="dimension">Length of a vector.</param>
    internal static IReadOnlyList<long> Sizes(long count, long dimension)
    {
        var smallest = Math.Max(Math.Min(MostInSmallest, count / SmallestPart), FewestForEachDimension * (dimension + 1));
        return [.. Enumerable.Range(0, Points).Select(
            number => number == Points - 1
                ? count   // and not one less, by rounding
                : (long)(smallest + number * ((count - smallest) / (double)(Points - 1))))];
    }

    /// <summary>Where the line of least squares over 1/N meets 1/N = 0.</summary>
    /// <param name="distances">Each with the number of vectors that it is of; at least two different numbers.</param>
    internal static double Intercept(IReadOnlyList<(long Count, double Distance)> distances)
    {
        var (x, y) = (distances.Average(each => 1.0 / each.Count), distances.Average(each => each.Distance));
        var slope = distances.Sum(each => (1.0 / each.Count - x) * (each.Distance - y))
            / distances.Sum(each => Math.Pow(1.0 / each.Count - x, 2));
        return y - slope * x;
    }

    private static string? WhyImpossible(Tensor features, FeatureMoments reference)
    {
        using var scope = NewDisposeScope();
        var (count, dimension) = (features.shape[0], features.shape[1]);
        if (count == 0)
            return "a set of mean and covariance alone has no single features to draw subsets from";

        // The distance of the whole set says what else is wrong, as with too few images of the reference.
        using var statistics = FeatureStatistics.FromFeatures(features);
        using var moments = FeatureMoments.FromStatistics(statistics);
        if (FrechetDistance.WhyNotMeasured(moments, reference) is { } why)
            return why;

        var needed = 2 * FewestForEachDimension * (dimension + 1);
        return count >= needed ? null : FormattableString.Invariant(
            $"{count} feature vectors of dimension {dimension} leave no room for smaller subsets; at least {needed} are needed");
    }
}
