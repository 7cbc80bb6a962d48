using AdaptThenUnlearn.Torch.Randomness;

using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>Kernel distance (KID): unbiased squared maximum mean discrepancy with a cubic polynomial kernel.</summary>
/// <remarks>
/// Bińkowski et al. 2018 (arXiv:1801.01401): k(x, y) = (x·y/d + 1)³; mean and population standard deviation over subsets.
/// Unbiased, so that it may lie slightly below 0.
/// </remarks>
/// <param name="Mean">Over the subsets; null when it could not be measured.</param>
/// <param name="Deviation">Over the subsets; null with <paramref name="Mean"/>.</param>
/// <param name="NotMeasured">Why there is no value; null when there is one.</param>
public sealed record KernelDistance(double? Mean, double? Deviation, string? NotMeasured = null)
{
    private const int FewestInSubset = 2;

    /// <summary>Measures over random subsets.</summary>
    /// <param name="reference"><c>[M, d]</c>.</param>
    /// <param name="generated"><c>[N, d]</c>.</param>
    /// <param name="subsets">How many; at least 1.</param>
    /// <param name="subsetSize">Vectors of each set in a subset; fewer where a set is smaller.</param>
    /// <param name="seed">Decides the subsets.</param>
    public static KernelDistance Between(Tensor reference, Tensor generated, int subsets, int subsetSize, long seed)
    {
        using var scope = NewDisposeScope();
        var size = Math.Min(subsetSize, Math.Min(reference.shape[0], generated.shape[0]));
        if (size < FewestInSubset)
            return Unmeasured(FeatureSetCheck.TooFew(reference, generated, FewestInSubset));

        using var random = new RandomStreams(seed, "kernel-distance").At("subsets");
        return Between(reference, generated, Rows(reference.shape[0]), Rows(generated.shape[0]));

        Tensor Rows(long count) => stack(
            [.. Enumerable.Range(0, subsets).Select(_ => randperm(count, dtype: int64, generator: random).narrow(0, 0, size))]);
    }

    /// <summary>Measures over given subsets.</summary>
    /// <param name="reference"><c>[M, d]</c>.</param>
    /// <param name="generated"><c>[N, d]</c>.</param>
    /// <param name="referenceRows"><c>[S, m]</c>, int64.</param>
    /// <param name="generatedRows"><c>[S, m]</c>, int64.</param>
    public static KernelDistance Between(Tensor reference, Tensor generated, Tensor referenceRows, Tensor generatedRows)
    {
        if (FeatureSetCheck.WhyUnusable(reference, generated) is { } why)
            return Unmeasured(why);

        var values = PerSubset(reference, generated, referenceRows, generatedRows);
        var mean = values.Average();
        return double.IsFinite(mean)
            ? new KernelDistance(mean, Math.Sqrt(values.Average(value => (value - mean) * (value - mean))))
            : Unmeasured("the features are so large that their kernel is not finite");
    }

    private static KernelDistance Unmeasured(string why) => new(null, null, why);

    /// <summary>The value of each subset.</summary>
    internal static IReadOnlyList<double> PerSubset(
        Tensor reference, Tensor generated, Tensor referenceRows, Tensor generatedRows)
    {
        using var scope = NewDisposeScope();
        var (real, fake) = (reference.detach().cpu().to(float64), generated.detach().cpu().to(float64));
        return [.. Enumerable.Range(0, (int)referenceRows.shape[0]).Select(number => SquaredDiscrepancy(
            real.index_select(0, referenceRows[number]), fake.index_select(0, generatedRows[number])))];
    }

    private static double SquaredDiscrepancy(Tensor real, Tensor fake)
    {
        using var scope = NewDisposeScope();
        var size = (double)real.shape[0];
        var within = WithoutDiagonal(Kernel(real, real)) + WithoutDiagonal(Kernel(fake, fake));
        var between = Kernel(fake, real).sum().item<double>();
        return within / (size * (size - 1)) - 2 * between / (size * size);

        static double WithoutDiagonal(Tensor kernel) => kernel.sum().item<double>() - kernel.trace().item<double>();
    }

    // The third power as products: torch reads the exponent of 'pow' late, and TorchSharp may have freed it by then
    // (dotnet/TorchSharp#1434).
    private static Tensor Kernel(Tensor one, Tensor other)
    {
        var inner = one.mm(other.t()) / one.shape[1] + 1;
        return inner * inner * inner;
    }
}
