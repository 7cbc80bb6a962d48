namespace AdaptThenUnlearn.Torch.Unlearning.Repulsion;

/// <summary>EL2: exp(−α·d²). Strongest next to the adapted generator, gone far from it.</summary>
/// <remarks>Tiwary et al. 2025 (arXiv:2309.14054), section 3.3.</remarks>
public sealed class ExponentialL2Repulsion : IRepulsionLoss
{
    /// <inheritdoc/>
    public string Name => "el2";

    /// <inheritdoc/>
    public bool UsesAlpha => true;

    /// <inheritdoc/>
    public double Value(double squaredDistance, double alpha) => Math.Exp(-alpha * squaredDistance);

    /// <inheritdoc/>
    public double Derivative(double squaredDistance, double alpha) => -alpha * Math.Exp(-alpha * squaredDistance);
}
