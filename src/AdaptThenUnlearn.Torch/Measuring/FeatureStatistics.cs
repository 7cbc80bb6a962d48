using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>
/// Mean and covariance of feature vectors, kept as sums, so that the statistics of parts add up to those of the whole.
/// </summary>
public sealed class FeatureStatistics : IDisposable
{
    private const long MostAtOnce = 1 << 25;   // numbers in double precision: 256 MB

    /// <summary>Takes sums.</summary>
    /// <param name="count">Vectors summed; 0 or more.</param>
    /// <param name="sum">Σx, <c>[d]</c>, float64, on the CPU; owned by this.</param>
    /// <param name="outerSum">Σxxᵀ, <c>[d, d]</c>, float64, on the CPU; owned by this.</param>
    internal FeatureStatistics(long count, Tensor sum, Tensor outerSum) =>
        (Count, Sum, OuterSum) = (count, sum.DetachFromDisposeScope(), outerSum.DetachFromDisposeScope());

    /// <summary>Vectors summed.</summary>
    public long Count { get; }

    /// <summary>Length of a vector, d.</summary>
    public long FeatureSize => Sum.shape[0];

    /// <summary>Σx, <c>[d]</c>, float64.</summary>
    internal Tensor Sum { get; }

    /// <summary>Σxxᵀ, <c>[d, d]</c>, float64.</summary>
    internal Tensor OuterSum { get; }

    /// <summary>Sums feature vectors.</summary>
    /// <param name="features"><c>[N, d]</c>, any floating type; stays the caller's.</param>
    public static FeatureStatistics FromFeatures(Tensor features)
    {
        using var scope = NewDisposeScope();
        var (sum, outerSum) = (zeros(features.shape[1], float64), zeros([features.shape[1], features.shape[1]], float64));
        foreach (var some in features.shape[0] == 0 ? [] : features.split(Math.Max(1, MostAtOnce / features.shape[1])))
        {
            using var inner = NewDisposeScope();
            var exact = some.detach().cpu().to(float64);
            sum.add_(exact.sum([0]));
            outerSum.add_(exact.t().mm(exact));
        }

        return new FeatureStatistics(features.shape[0], sum, outerSum);
    }

    /// <summary>The statistics of both sets together.</summary>
    /// <exception cref="ArgumentException">Their vectors have different lengths.</exception>
    public FeatureStatistics Merge(FeatureStatistics other)
    {
        using var scope = NewDisposeScope();
        return FeatureSize == other.FeatureSize
            ? new FeatureStatistics(Count + other.Count, Sum + other.Sum, OuterSum + other.OuterSum)
            : throw new ArgumentException($"features of length {FeatureSize} and {other.FeatureSize} cannot be merged");
    }

    /// <summary>The statistics of what is left when a part is taken away.</summary>
    /// <param name="part">Of vectors that are among these.</param>
    internal FeatureStatistics Subtract(FeatureStatistics part)
    {
        using var scope = NewDisposeScope();
        return new FeatureStatistics(Count - part.Count, Sum - part.Sum, OuterSum - part.OuterSum);
    }

    /// <summary>Mean, <c>[d]</c>, float64; belongs to the caller's scope.</summary>
    /// <exception cref="InvalidOperationException">There is no vector.</exception>
    public Tensor Mean() => Count > 0 ? Sum / Count : throw new InvalidOperationException("no features were counted");

    /// <summary>Unbiased covariance (divided by N − 1), <c>[d, d]</c>, float64; belongs to the caller's scope.</summary>
    /// <exception cref="InvalidOperationException">There are fewer than two vectors.</exception>
    public Tensor Covariance()
    {
        if (Count < 2)
            throw new InvalidOperationException("a covariance needs at least two feature vectors");

        using var scope = NewDisposeScope();
        var mean = Mean();
        return ((OuterSum - Count * mean.outer(mean)) / (Count - 1)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Sum.Dispose();
        OuterSum.Dispose();
    }
}
