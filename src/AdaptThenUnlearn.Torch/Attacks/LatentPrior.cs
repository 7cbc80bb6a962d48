using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Attacks;

/// <summary>How usual a latent is for the generator: the centre, the spread, and the share of latents that lie nearer.</summary>
/// <remarks>
/// Of z it is exact: z is standard normal with d components, its log density is −(‖z‖² + d·ln 2π)/2, and the share of latents
/// with a higher density is the χ distribution at ‖z‖ (<see cref="ChiDistribution"/>). Of styles there is no density: the
/// distance is Mahalanobis' (1936), √((w − μ)ᵀ Σ⁻¹ (w − μ)), with mean and covariance of the mapping network's own output for
/// latents of the seed, and the share is counted among further latents.
/// </remarks>
internal sealed class LatentPrior : IDisposable
{
    private const int Fitted = 4096;    // latents behind mean and covariance; as many as the reference code takes for its mean
    private const int Compared = 1000;  // latents among which a share is counted
    private const double Floor = 1e-4;  // of the largest eigenvalue, so that a direction without spread does not divide by zero

    private readonly Tensor? _inverse;      // [S, S]
    private readonly double[] _distances;   // of usual styles, ascending
    private readonly int _dimensions;

    private LatentPrior(int dimensions, Tensor? centre, Tensor? inverse, double deviation, double[] distances)
    {
        (_dimensions, Centre, _inverse, Deviation, _distances) = (dimensions, centre, inverse, deviation, distances);
    }

    /// <summary>Mean style <c>[S]</c>; null for z, whose mean is 0.</summary>
    public Tensor? Centre { get; }

    /// <summary>Typical deviation of one component: what a step is measured in.</summary>
    public double Deviation { get; }

    /// <summary>The prior of z.</summary>
    /// <param name="latentSize">d.</param>
    public static LatentPrior OfLatents(int latentSize) => new(latentSize, null, null, 1, []);

    /// <summary>The prior of a generator's styles.</summary>
    /// <param name="generator">Its mapping network makes them.</param>
    /// <param name="latentSize">Length of z.</param>
    /// <param name="random">Draws the latents.</param>
    /// <param name="device">Where the generator is.</param>
    /// <returns>Belongs to the caller.</returns>
    public static LatentPrior OfStyles(IStyleBasedGenerator generator, int latentSize, RandomStreams random, Device device)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var styles = Styles("fitted styles", Fitted);
        var centre = styles.mean([0]);
        var centred = styles - centre;
        var covariance = mm(centred.t(), centred) / (Fitted - 1);
        var (values, vectors) = linalg.eigh(covariance.cpu().to(float64));
        var least = Scalars.Of(values.max().item<double>() * Floor);
        var inverse = mm(vectors / values.clamp_min(least), vectors.t()).to(float32).to(device);
        var prior = new LatentPrior(
            latentSize,
            centre.DetachFromDisposeScope(),
            inverse.DetachFromDisposeScope(),
            centred.std().item<float>(),
            []);
        var distances = prior.Distances(Styles("compared styles", Compared)).cpu().to(float64).data<double>().Order().ToArray();
        return new LatentPrior(latentSize, prior.Centre, prior._inverse, prior.Deviation, distances);

        Tensor Styles(string purpose, int count)
        {
            using var source = random.At(purpose);
            return generator.Map(randn([count, latentSize], generator: source).to(device));
        }
    }

    /// <summary>How far latents are from the centre: ‖z‖, or Mahalanobis' distance of a style.</summary>
    /// <param name="points">
    /// <c>[N, d]</c>; of styles that differ by layer <c>[N, layers, S]</c>, of which the farthest counts.
    /// </param>
    /// <returns><c>[N]</c>; part of the graph; belongs to the caller's scope.</returns>
    public Tensor Distances(Tensor points)
    {
        if (Centre is null)
            return points.square().sum(1).sqrt();

        var centred = points - Centre;
        var distances = (matmul(centred, _inverse!) * centred).sum(-1).clamp_min(Scalars.Of(0)).sqrt();
        return distances.dim() == 1 ? distances : distances.amax([1]);
    }

    /// <summary>Mean squared distance of usual latents from the centre.</summary>
    public double MeanSquare => Centre is null ? _dimensions : _distances.Average(distance => distance * distance);

    /// <summary>The share of usual latents that lie nearer to the centre than a latent, 0 to 1.</summary>
    /// <param name="distance">As of <see cref="Distances"/>.</param>
    public double ShareNearer(double distance) => Centre is null
        ? ChiDistribution.ShareBelow(distance, _dimensions)
        : (double)_distances.Count(usual => usual < distance) / _distances.Length;

    /// <inheritdoc/>
    public void Dispose()
    {
        Centre?.Dispose();
        _inverse?.Dispose();
    }
}
