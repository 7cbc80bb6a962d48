using AdaptThenUnlearn.Torch.Models.StyleGan2;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Torch.Models.StyleGan3;

/// <summary>A modulated convolution, a bias, and a leaky ReLU at a higher sampling rate between two low-pass filters.</summary>
/// <remarks>
/// Karras et al. 2021 (arXiv:2106.12423), section 3.2 and appendices C and D; <c>SynthesisLayer</c> and
/// <c>modulated_conv2d</c> of github.com/NVlabs/stylegan3, whose names the tensors keep. The published code brings styles to unit
/// variance over the batch, this one for each image: the factor cancels in the demodulation, except in its ε of 1e-8, and so an
/// image does not depend on the other images of its batch.
/// </remarks>
internal sealed class SynthesisLayer : Module<Tensor, Tensor, Tensor>
{
    private const double Epsilon = 1e-8;
    private const long MostEnlarged = 1 << 22;   // pixels that are enlarged at a time, 16 MiB

    private readonly StyleGan3Layer _settings;
    private readonly Parameter weight;
    private readonly Parameter bias;
    private readonly EqualizedLinear affine;

    /// <param name="settings">Of the layer.</param>
    /// <param name="styleSize">Length of w.</param>
    public SynthesisLayer(StyleGan3Layer settings, int styleSize) : base(nameof(SynthesisLayer))
    {
        _settings = settings;
        weight = Parameter(randn(settings.Outputs, settings.Inputs, settings.Kernel, settings.Kernel));
        bias = Parameter(zeros(settings.Outputs));
        affine = new EqualizedLinear(styleSize, settings.Inputs, initialBias: 1);
        register_buffer("magnitude_ema", ones([]));
        if (DesignedUpFilter() is { } up)
            register_buffer("up_filter", up);
        if (DesignedDownFilter() is { } down)
            register_buffer("down_filter", down);
        RegisterComponents();
    }

    /// <summary>The filter before the leaky ReLU as its band describes it, <c>[taps]</c>; null where there is none.</summary>
    public Tensor? DesignedUpFilter() => _settings.UpTaps == 1
        ? null
        : Taps(LowPassDesign.Separable(_settings.UpTaps, _settings.In.Cutoff, _settings.In.HalfWidth, _settings.WorkRate));

    /// <summary>
    /// The filter behind the leaky ReLU as its band describes it, <c>[taps]</c> or <c>[taps, taps]</c>; null where there is none.
    /// </summary>
    public Tensor? DesignedDownFilter()
    {
        var (taps, band, rate) = (_settings.DownTaps, _settings.Out, _settings.WorkRate);
        return taps == 1 ? null
            : _settings.Radial ? Taps(LowPassDesign.Radial(taps, band.Cutoff, band.HalfWidth, rate)).view(taps, taps)
            : Taps(LowPassDesign.Separable(taps, band.Cutoff, band.HalfWidth, rate));
    }

    /// <summary>
    /// Maps <c>[N, Inputs, InSize, InSize]</c> and styles <c>[N, StyleSize]</c> to <c>[N, Outputs, OutSize, OutSize]</c>.
    /// </summary>
    public override Tensor forward(Tensor maps, Tensor styles)
    {
        var convolved = Convolved(maps, affine.call(styles));
        return convolved.requires_grad ? Filtered(convolved) : InParts(convolved);
    }

    // Maps do not depend on one another here. Without gradients a few at a time are enlarged, so that memory stays small.
    private Tensor InParts(Tensor maps)
    {
        var enlarged = maps.shape[2] * maps.shape[3] * _settings.UpFactor * _settings.UpFactor;
        var together = Math.Max(1, MostEnlarged / enlarged);
        var count = maps.shape[0] * maps.shape[1];
        if (together >= count)
            return Filtered(maps);

        var row = maps.reshape(1, count, maps.shape[2], maps.shape[3]);
        List<Tensor> parts = [];
        for (var first = 0L; first < count; first += together)
        {
            using var scope = NewDisposeScope();
            parts.Add(
                Filtered(row.narrow(1, first, Math.Min(together, count - first))).MoveToOuterDisposeScope());
        }

        return cat(parts, dim: 1).view(maps.shape[0], maps.shape[1], _settings.OutSize, _settings.OutSize);
    }

    private Tensor Filtered(Tensor maps)
    {
        // The leaky ReLU's gain may come before it, where it costs nothing.
        var large = Resampler.Enlarged(
            maps,
            get_buffer("up_filter"),
            _settings.UpFactor,
            _settings.Padding,
            _settings.IsImage ? 1 : Activation.Gain);
        return _settings.IsImage
            ? Activation.Clamped(large, _settings.Clamp)
            : Resampler.Shrunk(
                Activation.Clamped(Activation.Unscaled(large), _settings.Clamp),
                get_buffer("down_filter"),
                _settings.DownFactor);
    }

    // [N, Outputs, InSize + Kernel - 1, …], with the bias: the border is as wide as the kernel allows.
    private Tensor Convolved(Tensor maps, Tensor scales)
    {
        var inputGain = get_buffer("magnitude_ema")!.rsqrt();
        var offset = bias.view(1, -1, 1, 1);
        if (_settings.IsImage)
        {
            var weightGain = 1 / Math.Sqrt(_settings.Inputs * _settings.Kernel * _settings.Kernel);
            return Convolve(maps, scales * weightGain * inputGain, weight) + offset;
        }

        // Bring weights and styles to unit variance, modulate, and bring the outputs to unit variance.
        var kernel = weight * weight.square().mean([1, 2, 3], keepdim: true).rsqrt();        // [Outputs, Inputs, k, k]
        var unit = scales * scales.square().mean([1], keepdim: true).rsqrt();                // [N, Inputs]
        var power = functional.linear(unit.square(), kernel.square().sum(new long[] { 2, 3 }));   // [N, Outputs]
        var convolved = Convolve(maps, unit * inputGain, kernel);
        var demodulation = PerMap((power + Epsilon).rsqrt());
        return convolved.requires_grad
            ? convolved * demodulation + offset
            : convolved.mul_(demodulation).add_(offset);
    }

    private Tensor Convolve(Tensor maps, Tensor factors, Tensor kernel)
    {
        using var modulated = maps * PerMap(factors);
        return functional.conv2d(modulated, kernel, padding: [_settings.Kernel - 1, _settings.Kernel - 1]);
    }

    private static Tensor PerMap(Tensor factors) => factors.unsqueeze(-1).unsqueeze(-1);

    private static Tensor Taps(double[] taps) => tensor(taps).to(float32);
}
