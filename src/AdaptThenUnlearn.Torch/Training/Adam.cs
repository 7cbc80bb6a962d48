using AdaptThenUnlearn.Torch.Backend;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Training;

/// <summary>Adam on one vector of parameters, with StyleGAN2's correction for lazy regularisation.</summary>
/// <remarks>
/// Kingma and Ba 2015 (arXiv:1412.6980), algorithm 1. With a regulariser that runs in an extra update after every k-th
/// step, Karras et al. 2020 (arXiv:1912.04958), appendix B, scale by c = k/(k+1): learning rate c·λ, β₁ᶜ, β₂ᶜ.
/// β₁ is 0, as throughout StyleGAN2, so there is no first moment.
/// </remarks>
public sealed class Adam : IDisposable
{
    private const double Beta2 = 0.99;      // StyleGAN2's, as is ε (Karras et al. 2020, appendix B)
    private const double Epsilon = 1e-8;

    private readonly ParameterVector _parameters;
    private readonly double _learningRate;
    private readonly double _beta2;

    /// <param name="parameters">The vector that is updated; stays the caller's.</param>
    /// <param name="learningRate">Step size before the correction; positive.</param>
    /// <param name="lazyEvery">k, steps between two lazy regularisations; 0 where there are none.</param>
    public Adam(ParameterVector parameters, double learningRate, int lazyEvery)
    {
        var correction = lazyEvery == 0 ? 1 : lazyEvery / (lazyEvery + 1.0);
        _parameters = parameters;
        _learningRate = learningRate * correction;
        _beta2 = Math.Pow(Beta2, correction);
        SecondMoment = zeros_like(parameters.Values).DetachFromDisposeScope();
    }

    /// <summary>The moving average of squared gradients, <c>[P]</c>.</summary>
    public Tensor SecondMoment { get; }

    /// <summary>Number of updates so far.</summary>
    public long Updates { get; set; }

    /// <summary>Makes one update from the accumulated gradients.</summary>
    /// <param name="factor">The schedule's factor on the learning rate, 0 to 1.</param>
    public void Step(double factor = 1)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        Updates++;
        SecondMoment.mul_(Scalars.Of(_beta2)).addcmul_(_parameters.Gradients, _parameters.Gradients, Scalars.Of(1 - _beta2));
        var unbiased = (SecondMoment / (1 - Math.Pow(_beta2, Updates))).sqrt_().add_(Scalars.Of(Epsilon));
        _parameters.Values.addcdiv_(_parameters.Gradients, unbiased, Scalars.Of(-_learningRate * factor));
    }

    /// <inheritdoc/>
    public void Dispose() => SecondMoment.Dispose();
}
