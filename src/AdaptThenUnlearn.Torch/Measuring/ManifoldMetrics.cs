using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>Fidelity and diversity by nearest neighbours.</summary>
/// <remarks>
/// Improved precision and recall: Kynkäänniemi et al. 2019 (arXiv:1904.06991). Density and coverage: Naeem et al. 2020
/// (arXiv:2002.09797). A sample's radius is the distance to its k-th nearest neighbour in its own set, itself not counted.
/// </remarks>
/// <param name="Precision">Share of generated samples within the radius of a reference sample, 0 to 1.</param>
/// <param name="Recall">Share of reference samples within the radius of a generated sample, 0 to 1.</param>
/// <param name="Density">Mean number of reference radii a generated sample lies in, over k; may exceed 1.</param>
/// <param name="Coverage">Share of reference samples with a generated one within their radius, 0 to 1.</param>
/// <param name="NotMeasured">Why there are no values; null when there are.</param>
public sealed record ManifoldMetrics(
    double? Precision, double? Recall, double? Density, double? Coverage, string? NotMeasured = null)
{
    /// <summary>Neighbours for precision and recall, as in the paper.</summary>
    public const int PrecisionNeighbours = 3;

    /// <summary>Neighbours for density and coverage, as in the paper.</summary>
    public const int DensityNeighbours = 5;

    /// <summary>The key of the reason that all four share in <c>atu distance --json</c>.</summary>
    public const string ReasonProperty = "manifoldNotMeasured";

    private const int Rows = 500;

    /// <summary>Measures.</summary>
    /// <param name="reference"><c>[M, d]</c>.</param>
    /// <param name="generated"><c>[N, d]</c>.</param>
    /// <param name="precisionNeighbours">k of precision and recall.</param>
    /// <param name="densityNeighbours">k of density and coverage.</param>
    /// <returns>Nulls where a set has too few samples for its neighbours, or its numbers are not finite.</returns>
    public static ManifoldMetrics Compute(
        Tensor reference,
        Tensor generated,
        int precisionNeighbours = PrecisionNeighbours,
        int densityNeighbours = DensityNeighbours)
    {
        var neighbours = Math.Max(precisionNeighbours, densityNeighbours);
        var why = Math.Min(reference.shape[0], generated.shape[0]) <= neighbours
            ? FeatureSetCheck.TooFew(reference, generated, neighbours + 1)
            : FeatureSetCheck.WhyUnusable(reference, generated);
        if (why is not null)
            return new ManifoldMetrics(null, null, null, null, why);

        // Take the radius of every sample's neighbourhood in its own set.
        using var scope = NewDisposeScope();
        var (real, fake) = (reference.detach().cpu().to(float64), generated.detach().cpu().to(float64));
        var realRadii = Radii(real, precisionNeighbours, densityNeighbours);
        var fakeRadii = Radii(fake, precisionNeighbours);

        // Count, chunk by chunk, which samples lie in the other set's neighbourhoods.
        var covered = zeros(real.shape[0], dtype: @bool);
        var recalled = zeros(real.shape[0], dtype: @bool);
        var (precise, neighbourhoods) = (0L, 0L);
        foreach (var (start, some) in Chunks(fake))
        {
            using var chunkScope = NewDisposeScope();
            var distances = cdist(some, real);   // [rows, M]
            precise += distances.le(realRadii[0]).any(1).sum().item<long>();
            var within = distances.le(realRadii[1]);
            neighbourhoods += within.sum().item<long>();
            covered.logical_or_(within.any(0));
            recalled.logical_or_(distances.le(fakeRadii[0].narrow(0, start, some.shape[0]).unsqueeze(1)).any(0));
        }

        return new ManifoldMetrics(
            (double)precise / fake.shape[0],
            Share(recalled),
            (double)neighbourhoods / (densityNeighbours * fake.shape[0]),
            Share(covered));

        static double Share(Tensor mask) => mask.to(float64).mean().item<double>();
    }

    // For each k: distance of every sample to its k-th nearest neighbour, [N]. The nearest of all is the sample itself.
    private static IReadOnlyList<Tensor> Radii(Tensor samples, params int[] neighbours)
    {
        var found = neighbours.Select(_ => new List<Tensor>()).ToList();
        foreach (var (_, some) in Chunks(samples))
        {
            using var scope = NewDisposeScope();
            var nearest = cdist(some, samples).topk(neighbours.Max() + 1, dim: 1, largest: false, sorted: true).values;
            for (var number = 0; number < neighbours.Length; number++)
                found[number].Add(nearest.select(1, neighbours[number]).clone().MoveToOuterDisposeScope());
        }

        return [.. found.Select(parts => cat(parts))];
    }

    private static IEnumerable<(long Start, Tensor Some)> Chunks(Tensor samples)
    {
        for (var start = 0L; start < samples.shape[0]; start += Rows)
            yield return (start, samples.narrow(0, start, Math.Min(Rows, samples.shape[0] - start)));
    }
}
