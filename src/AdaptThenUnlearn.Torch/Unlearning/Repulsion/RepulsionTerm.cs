using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning.Repulsion;

/// <summary>γ times the mean repulsion from the adapted generators, as a term of the generator's loss.</summary>
/// <remarks>
/// Relative distances are d²/‖θG − θN‖²: 1 at the original generator, whatever its size. This makes γ and α portable.
/// Beyond the policy's limit on that ratio there is no push: repulsion has done its work, and a loss without bound cannot run
/// away.
/// </remarks>
public sealed class RepulsionTerm : IWeightTerm
{
    private readonly IReadOnlyList<Tensor> _adapted;
    private readonly IReadOnlyList<double> _originalDistances;
    private readonly RepulsionOptions _options;
    private readonly IRepulsionLoss _loss;
    private readonly int _lastStep;

    /// <param name="loss">The loss as a function of d².</param>
    /// <param name="adapted">θN of each adapted model, <c>[P]</c>; stay the caller's.</param>
    /// <param name="original">θG, <c>[P]</c>.</param>
    /// <param name="options">
    /// γ, α, the kind of distance and its limit; <see cref="RepulsionOptions.Loss"/> is the caller's to look up.
    /// </param>
    /// <param name="lastStep">The last step with a push.</param>
    /// <exception cref="InvalidOperationException">
    /// An adapted generator equals the original: there is nothing to push away from.
    /// </exception>
    public RepulsionTerm(
        IRepulsionLoss loss,
        IReadOnlyList<Tensor> adapted,
        Tensor original,
        RepulsionOptions options,
        int lastStep = int.MaxValue)
    {
        _adapted = adapted;
        _originalDistances = [.. adapted.Select(model => SquaredDistance(original, model))];
        if (_originalDistances.Any(distance => distance <= 0))
            throw new InvalidOperationException(
                "adaptation did not move the generator: there is nothing to be pushed away from; raise "
                    + "unlearning.adaptation.steps or lower unlearning.adaptation.ewcWeight");
        _options = options;
        _loss = loss;
        _lastStep = lastStep;
    }

    /// <summary>‖a − b‖², summed in double.</summary>
    public static double SquaredDistance(Tensor a, Tensor b)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        return (a - b).to(float64).square().sum().item<double>();
    }

    /// <inheritdoc/>
    public double Accumulate(ParameterVector generator, int step) =>
        step > _lastStep
            ? 0
            : _adapted.Zip(_originalDistances).Sum(pair => AccumulateOne(generator, pair.First, pair.Second)) / _adapted.Count;

    private double AccumulateOne(ParameterVector generator, Tensor adapted, double originalDistance)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var difference = generator.Values - adapted;
        var squaredDistance = difference.to(float64).square().sum().item<double>();
        var unit = _options.Distance == "relative" ? originalDistance : 1;
        var limitedDistance = Math.Min(squaredDistance, _options.Limit * originalDistance);
        if (squaredDistance < _options.Limit * originalDistance)
        {
            var coefficient = _options.Weight / _adapted.Count
                * _loss.Derivative(squaredDistance / unit, _options.Alpha)
                * 2 / unit;
            if (!double.IsFinite(coefficient))
                return double.NaN;   // the trainer ends the run and says at which step
            generator.Gradients.add_(difference, coefficient);
        }

        return _options.Weight * _loss.Value(limitedDistance / unit, _options.Alpha);
    }
}
