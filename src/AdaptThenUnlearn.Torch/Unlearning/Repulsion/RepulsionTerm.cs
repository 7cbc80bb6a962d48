using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning.Repulsion;

/// <summary>γ times the mean repulsion from the adapted generators, as a term of the generator's loss.</summary>
/// <remarks>
/// <para>Relative distances are d²/‖θG − θN‖²: 1 at the original generator, whatever its size. This makes γ and α portable.
/// Beyond the policy's limit on that ratio there is no push: repulsion has done its work, and a loss without bound cannot run
/// away.</para>
/// <para>The distance <c>tensor-mean</c> is d² = (1/T)·Σ (1/n)·‖θ − θN‖² over the T tensors of the generator, n being the number
/// of a tensor's elements. It is that of the published code (the authors' repository of arXiv:2309.14054), but for its factor:
/// the code takes L of K/2 times the sum of the K models' d², and this term the mean over the models of L(d²), as for the other
/// distances. With one adapted model the code's value is d²/2. The limit is on the ratio of this d² to its value at the
/// original generator.</para>
/// </remarks>
public sealed class RepulsionTerm : IWeightTerm
{
    private readonly IReadOnlyList<Tensor> _adapted;
    private readonly IReadOnlyList<double> _originalDistances;
    private readonly RepulsionOptions _options;
    private readonly IRepulsionLoss _loss;
    private readonly int _lastStep;
    private readonly IReadOnlyList<ParameterSlice> _tensors;   // none where every parameter counts the same

    /// <param name="loss">The loss as a function of d².</param>
    /// <param name="adapted">θN of each adapted model, <c>[P]</c>; stay the caller's.</param>
    /// <param name="original">θG, <c>[P]</c>.</param>
    /// <param name="options">
    /// γ, α, the kind of distance and its limit; <see cref="RepulsionOptions.Loss"/> is the caller's to look up.
    /// </param>
    /// <param name="lastStep">The last step with a push.</param>
    /// <param name="tensors">
    /// Where each tensor lies in θ; <see cref="RepulsionOptions.TensorMean"/> needs them, other distances do not use them.
    /// </param>
    /// <exception cref="InvalidOperationException">
    /// An adapted generator equals the original: there is nothing to push away from.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// The distance is over tensors, and <paramref name="tensors"/> are missing or are not those of θ.
    /// </exception>
    public RepulsionTerm(
        IRepulsionLoss loss,
        IReadOnlyList<Tensor> adapted,
        Tensor original,
        RepulsionOptions options,
        int lastStep = int.MaxValue,
        IReadOnlyList<ParameterSlice>? tensors = null)
    {
        _adapted = adapted;
        _options = options;
        _loss = loss;
        _lastStep = lastStep;
        _tensors = options.Distance == RepulsionOptions.TensorMean ? tensors ?? [] : [];
        if (options.Distance == RepulsionOptions.TensorMean && _tensors.Sum(tensor => tensor.Count) != original.numel())
            throw new ArgumentException(
                $"the distance '{RepulsionOptions.TensorMean}' needs to know every tensor of the generator", nameof(tensors));
        _originalDistances = [.. adapted.Select(model => Distance(original, model))];
        if (_originalDistances.Any(distance => distance <= 0))
            throw new InvalidOperationException(
                "adaptation did not move the generator: there is nothing to be pushed away from; raise "
                    + "unlearning.adaptation.steps or lower unlearning.adaptation.ewcWeight");
    }

    /// <summary>‖a − b‖², summed in double.</summary>
    public static double SquaredDistance(Tensor a, Tensor b)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        return SquaredLength(a - b);
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
        var squaredDistance = Measure(difference);
        var unit = _options.Distance == RepulsionOptions.Relative ? originalDistance : 1;
        var limitedDistance = Math.Min(squaredDistance, _options.Limit * originalDistance);
        if (squaredDistance < _options.Limit * originalDistance)
        {
            var coefficient = _options.Weight / _adapted.Count
                * _loss.Derivative(squaredDistance / unit, _options.Alpha)
                * 2 / unit;
            if (!double.IsFinite(coefficient))
                return double.NaN;   // the trainer ends the run and says at which step
            AddGradient(generator.Gradients, difference, coefficient);
        }

        return _options.Weight * _loss.Value(limitedDistance / unit, _options.Alpha);
    }

    // ∂d²/∂θ is 2·(θ − θN), divided by T·n where the distance is the mean over T tensors of n elements each.
    private void AddGradient(Tensor gradients, Tensor difference, double coefficient)
    {
        if (_tensors.Count == 0)
            gradients.add_(difference, Scalars.Of(coefficient));
        foreach (var tensor in _tensors)
            tensor.ViewOf(gradients).add_(
                tensor.ViewOf(difference), Scalars.Of(coefficient / (_tensors.Count * (double)tensor.Count)));
    }

    private double Distance(Tensor a, Tensor b)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        return Measure(a - b);
    }

    // In the policy's distance, but not in units of the original's.
    private double Measure(Tensor difference) => _tensors.Count == 0
        ? SquaredLength(difference)
        : TensorMeans(difference);

    // One transfer from the device, for all tensors together.
    private double TensorMeans(Tensor difference)
    {
        var squares = difference.to(float64).square();
        return stack([.. _tensors.Select(tensor => tensor.ViewOf(squares).mean())]).mean().item<double>();
    }

    private static double SquaredLength(Tensor difference) => difference.to(float64).square().sum().item<double>();
}
