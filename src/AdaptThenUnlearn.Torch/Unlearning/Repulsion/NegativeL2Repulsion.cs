namespace AdaptThenUnlearn.Torch.Unlearning.Repulsion;

/// <summary>NL2: −d². The same push at any distance, growing with it; only a limit on the distance ends it.</summary>
/// <remarks>Tiwary et al. 2025 (arXiv:2309.14054), section 3.3.</remarks>
public sealed class NegativeL2Repulsion : IRepulsionLoss
{
    /// <inheritdoc/>
    public string Name => "nl2";

    /// <inheritdoc/>
    public bool UsesAlpha => false;

    /// <inheritdoc/>
    public double Value(double squaredDistance, double alpha) => -squaredDistance;

    /// <inheritdoc/>
    public double Derivative(double squaredDistance, double alpha) => -1;
}
