using AdaptThenUnlearn.Torch.Unlearning.Repulsion;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>Squared distances between generators in parameter space, over all generator parameters.</summary>
/// <param name="OriginalToAdapted">‖θG − θN‖² for each adapted model; empty where none was adapted.</param>
/// <param name="ToAdapted">‖θ − θN‖² for each adapted model.</param>
/// <param name="ToOriginal">‖θ − θG‖².</param>
public sealed record ParameterDistances(
    IReadOnlyList<double> OriginalToAdapted, IReadOnlyList<double> ToAdapted, double ToOriginal)
{
    /// <summary>Computes the distances.</summary>
    /// <param name="original">θG, <c>[P]</c>.</param>
    /// <param name="current">θ, <c>[P]</c>.</param>
    /// <param name="adapted">Each θN, <c>[P]</c>.</param>
    public static ParameterDistances Compute(Tensor original, Tensor current, IReadOnlyList<Tensor> adapted) => new(
        [.. adapted.Select(parameters => RepulsionTerm.SquaredDistance(original, parameters))],
        [.. adapted.Select(parameters => RepulsionTerm.SquaredDistance(current, parameters))],
        RepulsionTerm.SquaredDistance(current, original));
}
