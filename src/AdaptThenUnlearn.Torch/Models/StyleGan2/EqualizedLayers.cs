using AdaptThenUnlearn.Torch.Backend;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Torch.Models.StyleGan2;

/// <summary>A linear layer with equalised learning rate, and the activation that belongs to it.</summary>
/// <remarks>Karras et al. 2018 (arXiv:1710.10196), section 4.1; names as in rosinality's <c>EqualLinear</c>.</remarks>
internal sealed class EqualizedLinear : Module<Tensor, Tensor>
{
    private readonly Parameter weight;
    private readonly Parameter bias;
    private readonly double _scale;
    private readonly double _learningRateMultiplier;
    private readonly bool _activate;

    /// <param name="inputs">Length of a row that comes in.</param>
    /// <param name="outputs">Length of a row that goes out.</param>
    /// <param name="initialBias">Initial value of every bias.</param>
    /// <param name="learningRateMultiplier">Factor on the learning rate of this layer.</param>
    /// <param name="activate">Whether a scaled leaky ReLU follows.</param>
    public EqualizedLinear(
        int inputs, int outputs, double initialBias = 0, double learningRateMultiplier = 1, bool activate = false)
        : base(nameof(EqualizedLinear))
    {
        _scale = learningRateMultiplier / Math.Sqrt(inputs);
        _learningRateMultiplier = learningRateMultiplier;
        _activate = activate;
        weight = Parameter(randn(outputs, inputs) / learningRateMultiplier);
        bias = Parameter(full(outputs, Scalars.Of(initialBias)));
        RegisterComponents();
    }

    /// <summary><c>[N, inputs]</c> to <c>[N, outputs]</c>.</summary>
    public override Tensor forward(Tensor rows)
    {
        var output = functional.linear(
            rows,
            weight * _scale,
            _learningRateMultiplier == 1
                ? bias
                : bias * _learningRateMultiplier);
        return _activate ? Activation.Scaled(output) : output;
    }
}

/// <summary>A convolution with equalised learning rate and without bias.</summary>
internal sealed class EqualizedConvolution : Module<Tensor, Tensor>
{
    private readonly Parameter weight;
    private readonly double _scale;
    private readonly long _stride;
    private readonly long _padding;

    /// <param name="inputs">Feature maps that come in.</param>
    /// <param name="outputs">Feature maps that go out.</param>
    /// <param name="kernel">Pixels a side.</param>
    /// <param name="stride">Pixels between two outputs.</param>
    /// <param name="padding">Zero pixels around the input.</param>
    public EqualizedConvolution(int inputs, int outputs, int kernel, int stride = 1, int padding = 0)
        : base(nameof(EqualizedConvolution))
    {
        _scale = 1 / Math.Sqrt(inputs * kernel * kernel);
        _stride = stride;
        _padding = padding;
        weight = Parameter(randn(outputs, inputs, kernel, kernel));
        RegisterComponents();
    }

    /// <summary><c>[N, inputs, H, W]</c> to <c>[N, outputs, H', W']</c>.</summary>
    public override Tensor forward(Tensor maps) => Convolve(maps, bias: null, gain: 1);

    /// <summary>Gain times the convolution, plus a bias, in one pass over the maps.</summary>
    /// <param name="maps"><c>[N, inputs, H, W]</c>.</param>
    /// <param name="bias"><c>[outputs]</c>, or null for none.</param>
    /// <param name="gain">Positive.</param>
    public Tensor Convolve(Tensor maps, Tensor? bias, double gain) =>
        functional.conv2d(maps, weight * (_scale * gain), bias, strides: [_stride, _stride], padding: [_padding, _padding]);
}

/// <summary>A bias for each feature map, then the scaled leaky ReLU.</summary>
internal sealed class BiasedActivation : Module
{
    private readonly Parameter bias;

    /// <param name="channels">Feature maps.</param>
    public BiasedActivation(int channels) : base(nameof(BiasedActivation))
    {
        bias = Parameter(zeros(channels));
        RegisterComponents();
    }

    /// <summary>The bias as <see cref="Activation.Unscaled(Tensor)"/> expects it: <c>[channels]</c>, times the gain.</summary>
    public Tensor ScaledBias => bias * Activation.Gain;
}

/// <summary>StyleGAN2's only activation: leaky ReLU of slope 0.2, times √2 so that variance is kept.</summary>
/// <remarks>
/// Leaky ReLU is positively homogeneous, so the factor may be multiplied into the input, where it costs nothing.
/// </remarks>
internal static class Activation
{
    /// <summary>Slope for negative values.</summary>
    public const double Slope = 0.2;

    /// <summary>√2.</summary>
    public static double Gain { get; } = Math.Sqrt(2);

    /// <summary>The activation of values that are already multiplied by the gain.</summary>
    public static Tensor Unscaled(Tensor scaledValues) => functional.leaky_relu(scaledValues, Slope);

    /// <summary>Limits values to ±<paramref name="clamp"/>; in place where no gradient is needed.</summary>
    public static Tensor Clamped(Tensor values, double? clamp) =>
        clamp is not { } limit ? values
        : values.requires_grad ? values.clamp(Scalars.Of(-limit), Scalars.Of(limit))
        : values.clamp_(Scalars.Of(-limit), Scalars.Of(limit));

    /// <summary>The activation of plain values.</summary>
    public static Tensor Scaled(Tensor values) => Unscaled(values) * Gain;
}
