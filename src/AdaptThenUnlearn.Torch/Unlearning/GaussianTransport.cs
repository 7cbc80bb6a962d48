using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Measuring;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>
/// Where features should move so that their distribution becomes a wanted one, both taken as normal distributions.
/// </summary>
/// <remarks>
/// <para>The optimal transport from N(μ, Σ) to N(μ*, Σ*): x ↦ μ* + T(x − μ) with T = Σ*^½ (Σ*^½ Σ Σ*^½)^(−½) Σ*^½ (Olkin and
/// Pukelsheim 1982; Peyré and Cuturi 2019, arXiv:1803.00567, remark 2.31). The gradient of the Fréchet distance of N samples with
/// respect to one of them, x, is 2/N · (x − its image).</para>
/// <para>μ and Σ are exponential moving averages over the latest images, so that a small batch follows the distance of many
/// images. Σ and Σ* have a thousandth of the mean wanted variance added to their diagonals: a feature that never varied has no
/// direction to move in.</para>
/// </remarks>
public sealed class GaussianTransport : IDisposable
{
    private const double Ridge = 1e-3;   // of the mean variance
    private const int WindowsPerFeature = 4;   // fewer images than features have a singular covariance

    private readonly Tensor _wantedMean;         // [d], float64, as all of them are
    private readonly Tensor _wantedCovariance;   // [d, d], with the ridge
    private readonly Tensor _wantedRoot;         // [d, d]
    private readonly double _ridge;              // added to each variance

    /// <summary>Takes features as the wanted distribution, and as the present one until others are observed.</summary>
    /// <param name="wanted"><c>[N, d]</c>, finite; at least 2.</param>
    /// <param name="window">Mean age of what the present distribution is estimated from, in images; positive.</param>
    public GaussianTransport(Tensor wanted, double window)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var features = wanted.to(float64).cpu();
        var mean = features.mean([0]);
        var centred = features - mean;
        var covariance = centred.t().mm(centred) / features.shape[0];
        Size = (int)features.shape[1];
        Window = Math.Max(window, WindowsPerFeature * Size);
        TotalVariance = Math.Max(covariance.trace().item<double>(), 1e-12);
        _ridge = Ridge * TotalVariance / Size;
        _wantedMean = mean.DetachFromDisposeScope();
        _wantedCovariance = (covariance + eye(Size, dtype: float64) * _ridge).DetachFromDisposeScope();
        _wantedRoot = FrechetDistance.SquareRoot(_wantedCovariance).DetachFromDisposeScope();
        Mean = mean.clone().DetachFromDisposeScope();
        SecondMoment = (_wantedCovariance + mean.outer(mean)).DetachFromDisposeScope();
        Map = eye(Size, dtype: float64).DetachFromDisposeScope();
    }

    /// <summary>d, the length of a feature vector.</summary>
    public int Size { get; }

    /// <summary>Mean age of what the present distribution is estimated from, in images.</summary>
    public double Window { get; }

    /// <summary>The trace of the wanted covariance; positive.</summary>
    public double TotalVariance { get; }

    /// <summary>
    /// μ, <c>[d]</c>. With <see cref="SecondMoment"/> and <see cref="Map"/> the state that a resumed run needs.
    /// </summary>
    public Tensor Mean { get; }

    /// <summary>E[xxᵀ] with the ridge, <c>[d, d]</c>.</summary>
    public Tensor SecondMoment { get; }

    /// <summary>T, <c>[d, d]</c>, of the last <see cref="UpdateMap"/>.</summary>
    public Tensor Map { get; }

    /// <summary>Moves the present distribution towards the features of more images.</summary>
    /// <param name="features"><c>[N, d]</c>; none changes nothing.</param>
    public void Observe(Tensor features)
    {
        if (features.shape[0] == 0)
            return;

        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var observed = features.to(float64).cpu();
        var count = observed.shape[0];
        var share = tensor(Math.Min(1, count / Window), dtype: float64);
        var ridge = eye(Size, dtype: float64) * _ridge;
        Mean.lerp_(observed.mean([0]), share);
        SecondMoment.lerp_(observed.t().mm(observed) / count + ridge, share);
    }

    /// <summary>Computes <see cref="Map"/> from the present distribution.</summary>
    /// <returns>The Fréchet distance of the present distribution from the wanted one, both with the ridge.</returns>
    public double UpdateMap()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var covariance = SecondMoment - Mean.outer(Mean);
        var product = _wantedRoot.mm(covariance).mm(_wantedRoot);
        var (values, vectors) = linalg.eigh((product + product.t()) / 2);
        // Both factors have the ridge: only rounding takes one below.
        var roots = values.clamp_min(Scalars.Of(_ridge * _ridge)).sqrt();
        Map.copy_(_wantedRoot.mm((vectors / roots).mm(vectors.t())).mm(_wantedRoot));
        return FrechetDistance.Between(Mean, covariance, _wantedMean, _wantedCovariance);
    }

    /// <summary>Where features should be.</summary>
    /// <param name="features"><c>[N, d]</c>.</param>
    /// <returns>As many, without gradient, of the same type and device; belongs to the caller's scope.</returns>
    public Tensor Move(Tensor features)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var moved = _wantedMean + (features.to(float64).cpu() - Mean).mm(Map.t());
        return moved.to(features.dtype).to(features.device).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _wantedMean.Dispose();
        _wantedCovariance.Dispose();
        _wantedRoot.Dispose();
        Mean.Dispose();
        SecondMoment.Dispose();
        Map.Dispose();
    }
}
