namespace AdaptThenUnlearn.Torch.Unlearning.Repulsion;

/// <summary>How strongly a generator is pushed away from an adapted one, as a function of their squared distance d² = ‖θ − θN‖².</summary>
/// <remarks>
/// Tiwary et al. 2025 (arXiv:2309.14054), section 3.3. All three depend on θ through d² alone, so that the gradient is
/// slope(d²)·2(θ − θN), with no graph.
/// </remarks>
public interface IRepulsionLoss
{
    /// <summary>Name in the policy.</summary>
    string Name { get; }

    /// <summary>L(d²).</summary>
    /// <param name="squaredDistance">d², at least 0.</param>
    /// <param name="alpha">α, used by <c>el2</c> alone; positive.</param>
    double Value(double squaredDistance, double alpha);

    /// <summary>dL/d(d²), negative: further away is better.</summary>
    /// <inheritdoc cref="Value"/>
    double Derivative(double squaredDistance, double alpha);
}
