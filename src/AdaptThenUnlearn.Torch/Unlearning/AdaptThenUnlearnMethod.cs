namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>The method: adapt copies to the negatives, then train the original away from the adapted copies.</summary>
/// <remarks>
/// Tiwary et al. 2025 (arXiv:2309.14054). Adapted copies serve the repulsion alone, so none are made where its weight is 0.
/// </remarks>
public sealed class AdaptThenUnlearnMethod : IUnlearningMethod
{
    /// <inheritdoc/>
    public string Name => "adapt-then-unlearn";

    /// <inheritdoc/>
    public bool FollowsAnnotators => true;

    /// <inheritdoc/>
    public UnlearnedGenerator Run(UnlearningContext context, CancellationToken cancel)
    {
        using var adapted = context.Options.Repulsion.Weight > 0 ? context.Adapt(cancel) : null;
        return new UnlearningStage(context, adapted).Run(cancel);
    }
}
