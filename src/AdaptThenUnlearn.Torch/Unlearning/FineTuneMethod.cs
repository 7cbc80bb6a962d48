using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>Baseline: train on positives alone, without repulsion and without this project's additions.</summary>
public sealed class FineTuneMethod : IUnlearningMethod
{
    /// <inheritdoc/>
    public string Name => "fine-tune";

    /// <inheritdoc/>
    public UnlearnedGenerator Run(UnlearningContext context, CancellationToken cancel)
    {
        var plain = context.Options with
        {
            Retention = new RetentionOptions(Weight: 0),
            FrechetLoss = null,
            Guidance = null,
            NegativesAsFakes = context.Options.NegativesAsFakes with { Weight = 0 },
            ClassBalance = context.Options.ClassBalance with { Rate = 0, Guidance = null },
        };
        return new UnlearningStage(context with { Options = plain }, adapted: null).Run(cancel);
    }
}
