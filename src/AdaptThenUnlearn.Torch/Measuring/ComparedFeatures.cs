using AdaptThenUnlearn.Policies;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>The features of two sets of images, and what several metrics share.</summary>
/// <param name="generated">
/// The set under test, <c>[N, d]</c>; no rows where only its statistics are known. Stays the caller's.
/// </param>
/// <param name="reference">
/// What it is compared with, <c>[M, d]</c>; no rows where only its statistics are known. Stays the caller's.
/// </param>
/// <param name="generatedMoments">Mean and covariance of the set under test; stay the caller's.</param>
/// <param name="referenceMoments">
/// Mean and covariance of the reference, maybe of more vectors than <paramref name="reference"/> has; stay the caller's.
/// </param>
/// <param name="settings">How metrics draw from the sets.</param>
public sealed class ComparedFeatures(
    Tensor generated, Tensor reference, FeatureMoments generatedMoments, FeatureMoments referenceMoments, MetricSettings settings)
{
    private ManifoldMetrics? _manifold;

    /// <summary>The set under test, <c>[N, d]</c>.</summary>
    public Tensor Generated => generated;

    /// <summary>What it is compared with, <c>[M, d]</c>.</summary>
    public Tensor Reference => reference;

    /// <summary>Mean and covariance of the set under test.</summary>
    public FeatureMoments GeneratedMoments => generatedMoments;

    /// <summary>Mean and covariance of the reference.</summary>
    public FeatureMoments ReferenceMoments => referenceMoments;

    /// <summary>How metrics draw from the sets.</summary>
    public MetricSettings Settings => settings;

    /// <summary>The nearest-neighbour metrics; computed once for all four.</summary>
    public ManifoldMetrics Manifold => _manifold ??= ManifoldMetrics.Compute(
        reference, settings.EqualNumbers ? generated.narrow(0, 0, Math.Min(generated.shape[0], reference.shape[0])) : generated);
}

/// <summary>How metrics draw from two sets.</summary>
/// <param name="KernelSubsets">Subsets of the kernel distance; at least 1.</param>
/// <param name="KernelSubsetSize">Vectors of each set in a subset; at least 2, fewer where a set is smaller.</param>
/// <param name="Seed">Decides the subsets.</param>
/// <param name="EqualNumbers">
/// Whether nearest neighbours are taken from at most as many generated vectors as there are of the reference.
/// </param>
public sealed record MetricSettings(int KernelSubsets, int KernelSubsetSize, long Seed, bool EqualNumbers)
{
    /// <summary>As readings of a policy are taken.</summary>
    /// <param name="evaluation">Says the seed.</param>
    public static MetricSettings ForPolicy(EvaluationOptions evaluation) =>
        new(KernelSubsets: 50, KernelSubsetSize: 500, evaluation.Seed, EqualNumbers: true);
}
