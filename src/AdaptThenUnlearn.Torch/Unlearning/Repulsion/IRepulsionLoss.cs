namespace AdaptThenUnlearn.Torch.Unlearning.Repulsion;

/// <summary>
/// How strongly a generator is pushed away from an adapted one, as a function of their squared distance d² = ‖θ − θN‖².
/// </summary>
/// <remarks>
/// Tiwary et al. 2025 (arXiv:2309.14054), section 3.3. A loss depends on θ through d² alone. Its gradient is therefore
/// L'(d²)·2(θ − θN), and needs no graph.
/// </remarks>
public interface IRepulsionLoss
{
    /// <summary>Name in the policy.</summary>
    string Name { get; }

    /// <summary>Whether the policy's α changes it; tuning turns α for such losses alone.</summary>
    bool UsesAlpha { get; }

    /// <summary>L(d²).</summary>
    /// <param name="squaredDistance">d², at least 0.</param>
    /// <param name="alpha">α, positive; ignored unless <see cref="UsesAlpha"/>.</param>
    double Value(double squaredDistance, double alpha);

    /// <summary>dL/d(d²), negative at every distance: the loss falls as the distance grows.</summary>
    /// <inheritdoc cref="Value"/>
    double Derivative(double squaredDistance, double alpha);
}
