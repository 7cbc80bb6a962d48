namespace AdaptThenUnlearn.Torch.Unlearning.Repulsion;

/// <summary>IL2: 1/d². Without bound next to the adapted generator, soon weak further away.</summary>
/// <remarks>Tiwary et al. 2025 (arXiv:2309.14054), section 3.3.</remarks>
public sealed class InverseL2Repulsion : IRepulsionLoss
{
    /// <inheritdoc/>
    public string Name => "il2";

    /// <inheritdoc/>
    public bool UsesAlpha => false;

    /// <inheritdoc/>
    public double Value(double squaredDistance, double alpha) => 1 / squaredDistance;

    /// <inheritdoc/>
    public double Derivative(double squaredDistance, double alpha) => -1 / (squaredDistance * squaredDistance);
}
