namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>The method: adapt copies to the negatives, then train the original away from the adapted copies.</summary>
/// <remarks>Tiwary et al. 2025 (arXiv:2309.14054).</remarks>
public sealed class AdaptThenUnlearnMethod : IUnlearningMethod
{
    /// <inheritdoc/>
    public string Name => "adapt-then-unlearn";

    /// <inheritdoc/>
    public UnlearnedGenerator Run(UnlearningContext context, CancellationToken cancel)
    {
        using var adapted = context.Adapt(cancel);
        return new UnlearningStage(context, adapted).Run(cancel);
    }
}
