using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>
/// Baseline: move the original away from the adapted generators in a straight line, θG + γ(θG − θN), without further training.
/// </summary>
/// <remarks>
/// Tiwary et al. 2025 (arXiv:2309.14054), section 4, after Gandikota et al. 2023 and task arithmetic (Ilharco et al. 2023,
/// arXiv:2212.04089).
/// </remarks>
public sealed class ExtrapolationMethod : IUnlearningMethod
{
    /// <inheritdoc/>
    public string Name => "extrapolation";

    /// <inheritdoc/>
    public UnlearnedGenerator Run(UnlearningContext context, CancellationToken cancel)
    {
        using var adapted = context.Adapt(cancel);
        var networks = context.Original.Copy();
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var vector = new ParameterVector(networks.Generator);
        var original = vector.Values.clone();
        var centre = stack(adapted.Parameters).mean([0]);
        vector.Values.add_(original - centre, Scalars.Of(context.Options.Extrapolation.Gamma));
        networks.Generator.eval();
        networks.Discriminator.eval();
        return new UnlearnedGenerator(
            networks,
            [context.Evaluator.Evaluate(networks.Generator, step: 0)],
            SelectedStep: 0,
            Curve: [],
            ParameterDistances.Compute(original, vector.Values, adapted.Parameters));
    }
}
