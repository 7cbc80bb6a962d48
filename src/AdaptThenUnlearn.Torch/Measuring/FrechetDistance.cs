using System.Globalization;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Torch.Backend;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>Fréchet distance between two sets of features, each taken as a normal distribution.</summary>
/// <remarks>
/// ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2(Σ₁^½ Σ₂ Σ₁^½)^½): Dowson and Landau 1982; as a measure of generators, Heusel et al. 2017
/// (arXiv:1706.08500). Both square roots are of symmetric matrices and come from symmetric eigen-decompositions in double
/// precision; tr((Σ₁Σ₂)^½) of the common formula is the same number. Called FID only with Inception-v3 features.
/// </remarks>
public static class FrechetDistance
{
    private const double Precision = 1.0 / (1L << 52);   // of double
    private const double LeastVariation = 1e-10;         // of a variance to its mean squared; rounding makes as much of constants

    /// <summary>Measures, or says why it cannot.</summary>
    /// <param name="first">One set.</param>
    /// <param name="second">The other.</param>
    /// <returns>
    /// A value of 0 or more in squared feature units; not measured when a set has no more vectors than dimensions, holds numbers
    /// that are not finite, or no feature varies in either.
    /// </returns>
    /// <exception cref="ArgumentException">Their vectors have different lengths.</exception>
    public static MetricResult Between(FeatureStatistics first, FeatureStatistics second)
    {
        using var ofFirst = FeatureMoments.FromStatistics(first);
        using var ofSecond = FeatureMoments.FromStatistics(second);
        return Between(ofFirst, ofSecond);
    }

    /// <inheritdoc cref="Between(FeatureStatistics, FeatureStatistics)"/>
    public static MetricResult Between(FeatureMoments first, FeatureMoments second)
    {
        if (first.FeatureSize != second.FeatureSize)
            throw new ArgumentException($"features of length {first.FeatureSize} and {second.FeatureSize} cannot be compared");
        if (WhyNotMeasured(first, second) is { } why)
            return MetricResult.Unmeasured(why);

        var distance = Between(first.Mean, first.Covariance, second.Mean, second.Covariance);
        return double.IsFinite(distance)
            ? new MetricResult(distance, null)
            : MetricResult.Unmeasured("the features hold numbers that are not finite");
    }

    /// <summary>What is wrong with two sets, in a sentence without a full stop; null where nothing is.</summary>
    /// <param name="first">One set.</param>
    /// <param name="second">The other, of vectors of the same length.</param>
    internal static string? WhyNotMeasured(FeatureMoments first, FeatureMoments second) =>
        WhyUndetermined(first) ?? WhyUndetermined(second)
        ?? (IsConstant(first) && IsConstant(second)
            ? "no feature varies in either set, as of an extractor that sees the same in every image"
            : null);

    /// <summary>The formula, for covariances of any rank.</summary>
    /// <returns>0 or more; NaN when an argument is not finite.</returns>
    internal static double Between(Tensor firstMean, Tensor firstCovariance, Tensor secondMean, Tensor secondCovariance)
    {
        using var scope = NewDisposeScope();
        if (!isfinite(firstCovariance).all().item<bool>() || !isfinite(secondCovariance).all().item<bool>())
            return double.NaN;

        return Between(firstMean, firstCovariance, secondMean, secondCovariance, SquareRoot(secondCovariance));
    }

    // The root of the second covariance serves for many first ones.
    private static double Between(
        Tensor firstMean, Tensor firstCovariance, Tensor secondMean, Tensor secondCovariance, Tensor root)
    {
        using var scope = NewDisposeScope();
        var product = root.mm(firstCovariance).mm(root);
        var traceOfRoot = linalg.eigvalsh((product + product.t()) / 2).clamp_min(Scalars.Of(0)).sqrt().sum().item<double>();
        var means = (firstMean - secondMean).square().sum().item<double>();
        var traces = firstCovariance.trace().item<double>() + secondCovariance.trace().item<double>();
        return Math.Max(0, means + traces - 2 * traceOfRoot);   // rounding alone can take it below 0
    }

    private static bool IsConstant(FeatureMoments set)
    {
        using var scope = NewDisposeScope();
        return set.Covariance.diagonal().le(set.Mean.square() * LeastVariation).all().item<bool>();
    }

    /// <summary>The distance without each group of vectors in turn, from which its error is estimated.</summary>
    /// <param name="features"><c>[N, d]</c>, finite; more than d of them.</param>
    /// <param name="latents">For each vector the number of its latent, which says its group.</param>
    /// <param name="reference">What they are compared with; finite.</param>
    /// <returns>Null when a group has no vector.</returns>
    public static FrechetGroups? ComputeLeavingOutGroups(Tensor features, IReadOnlyList<long> latents, FeatureMoments reference)
    {
        using var scope = NewDisposeScope();
        var members = Enumerable.Range(0, FrechetGroups.Count)
            .Select(group => latents.Index()
                .Where(latent => latent.Item % FrechetGroups.Count == group)
                .Select(latent => (long)latent.Index)
                .ToArray()).ToList();
        if (members.Exists(rows => rows.Length == 0 || rows.Length >= latents.Count - 1))
            return null;

        var root = SquareRoot(reference.Covariance);
        using var all = FeatureStatistics.FromFeatures(features);
        return new FrechetGroups([.. members.Select(rows => rows.LongLength)], [.. members.Select(Without)]);

        double Without(long[] rows)
        {
            using var inner = NewDisposeScope();
            using var group = FeatureStatistics.FromFeatures(features.index_select(0, tensor(rows)));
            using var rest = all.Subtract(group);
            return Between(rest.Mean(), rest.Covariance(), reference.Mean, reference.Covariance, root);
        }
    }

    /// <summary>The distances of subsets of one set; the reference's square root is computed once.</summary>
    /// <param name="features"><c>[N, d]</c>.</param>
    /// <param name="subsets">For each the rows that it has, <c>[n]</c>, int64; at least 2.</param>
    /// <param name="reference">What they are compared with.</param>
    /// <returns>In the order of the subsets; NaN where a number is not finite.</returns>
    internal static IReadOnlyList<(long Count, double Distance)> OfSubsets(
        Tensor features, IEnumerable<Tensor> subsets, FeatureMoments reference)
    {
        using var scope = NewDisposeScope();
        var root = isfinite(reference.Covariance).all().item<bool>() ? SquareRoot(reference.Covariance) : null;
        List<(long, double)> distances = [];
        foreach (var rows in subsets)
        {
            using var inner = NewDisposeScope();
            using var statistics = FeatureStatistics.FromFeatures(features.index_select(0, rows));
            var (mean, covariance) = (statistics.Mean(), statistics.Covariance());
            var isFinite = root is not null && isfinite(covariance).all().item<bool>();
            distances.Add((rows.shape[0], isFinite
                ? Between(mean, covariance, reference.Mean, reference.Covariance, root!)
                : double.NaN));
        }

        return distances;
    }

    private static string? WhyUndetermined(FeatureMoments set)
    {
        var size = set.FeatureSize;
        if (set.Count is { } count)
            return count > size ? null : FormattableString.Invariant(
                $"{count} feature vectors do not determine a covariance of dimension {size}; more than {size} are needed");

        var (rank, varying) = Rank(set.Covariance);
        return rank >= varying ? null : string.Create(
            CultureInfo.InvariantCulture,
            $"the statistics do not say how many images they are of, and their covariance has rank {rank} where {varying} of "
                + $"{size} features vary, as from too few images; more than {size} are needed");
    }

    // Of the correlations, so that features of small variance count; those that never vary cannot say how many images there were.
    private static (long Rank, long Varying) Rank(Tensor covariance)
    {
        using var scope = NewDisposeScope();
        var variances = covariance.diagonal();
        var varying = variances.gt(Scalars.Of(0)).nonzero().flatten();
        if (!isfinite(covariance).all().item<bool>() || varying.shape[0] == 0)
            return (0, 0);   // another check has a better message

        var deviations = variances.index_select(0, varying).sqrt();
        var correlations = covariance.index_select(0, varying).index_select(1, varying) / deviations.outer(deviations);
        var values = linalg.eigvalsh(correlations);
        var noise = values.max().item<double>() * varying.shape[0] * Precision;   // as numpy.linalg.matrix_rank
        return (values.gt(Scalars.Of(noise)).sum().item<long>(), varying.shape[0]);
    }

    /// <summary>The symmetric square root; rounding errors below 0 count as 0.</summary>
    /// <param name="symmetric"><c>[d, d]</c>, positive semi-definite.</param>
    internal static Tensor SquareRoot(Tensor symmetric)
    {
        var (values, vectors) = linalg.eigh(symmetric);
        return (vectors * values.clamp_min(Scalars.Of(0)).sqrt()).mm(vectors.t());
    }
}
