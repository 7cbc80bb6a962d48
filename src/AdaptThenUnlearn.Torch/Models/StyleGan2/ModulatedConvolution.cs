using AdaptThenUnlearn.Torch.Backend;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Torch.Models.StyleGan2;

/// <summary>A convolution whose weights are scaled by a style and, if wanted, scaled back to unit variance.</summary>
/// <remarks>
/// Karras et al. 2020 (arXiv:1912.04958), equations 1 to 3. Scaling the input, convolving all images with one shared
/// kernel and scaling the output is the same function as the reference's grouped convolution, and faster on a CPU.
/// </remarks>
internal sealed class ModulatedConvolution : Module<Tensor, Tensor, Tensor>
{
    private readonly Parameter weight;
    private readonly EqualizedLinear modulation;
    private readonly LowPassFilter? blur;
    private readonly double _scale;
    private readonly double _epsilon;
    private readonly long _padding;
    private readonly bool _demodulate;

    /// <param name="inputs">Feature maps that come in.</param>
    /// <param name="outputs">Feature maps that go out.</param>
    /// <param name="kernel">Pixels a side, odd.</param>
    /// <param name="styleSize">Length of w.</param>
    /// <param name="demodulate">Whether outputs are scaled back to unit variance.</param>
    /// <param name="upsample">Whether the resolution doubles.</param>
    /// <param name="plainWeights">As <see cref="StyleGan2Settings.PlainWeights"/>.</param>
    public ModulatedConvolution(
        int inputs,
        int outputs,
        int kernel,
        int styleSize,
        bool demodulate = true,
        bool upsample = false,
        bool plainWeights = false)
        : base(nameof(ModulatedConvolution))
    {
        _scale = 1 / Math.Sqrt(inputs * kernel * kernel);
        _epsilon = plainWeights ? 1e-8 * _scale * _scale : 1e-8;   // rsqrt(S + ε) is scale·rsqrt(scale²·S + scale²·ε)
        _padding = kernel / 2;
        _demodulate = demodulate;
        weight = Parameter(randn([1, outputs, inputs, kernel, kernel]));
        modulation = new EqualizedLinear(styleSize, inputs, initialBias: 1);
        blur = upsample ? new LowPassFilter(Resampling.AfterTransposedConvolution) : null;
        RegisterComponents();
    }

    /// <inheritdoc cref="Convolve"/>
    public override Tensor forward(Tensor maps, Tensor style) => Convolve(maps, style, gain: 1);

    /// <summary>Gain times the convolution.</summary>
    /// <param name="maps"><c>[N, inputs, H, W]</c>.</param>
    /// <param name="style"><c>[N, styleSize]</c>.</param>
    /// <param name="gain">Positive.</param>
    public Tensor Convolve(Tensor maps, Tensor style, double gain)
    {
        var scales = modulation.call(style);                                   // [N, inputs]
        var kernel = weight.squeeze(0) * _scale;                               // [outputs, inputs, k, k]
        var modulated = maps * scales.unsqueeze(-1).unsqueeze(-1);
        var convolved = blur is null
            ? functional.conv2d(modulated, kernel, padding: [_padding, _padding])
            : blur.call(functional.conv_transpose2d(modulated, kernel.transpose(0, 1), strides: [2, 2]));
        if (!_demodulate)
            return gain == 1 ? convolved : convolved * gain;

        var power = kernel.square().sum(new long[] { 2, 3 });                             // [outputs, inputs]
        var demodulation = (functional.linear(scales.square(), power) + _epsilon).rsqrt() * gain;   // [N, outputs]
        return convolved * demodulation.unsqueeze(-1).unsqueeze(-1);
    }
}

/// <summary>The one learned strength of a layer's noise map.</summary>
internal sealed class NoiseInjection : Module
{
    private readonly Parameter weight;

    public NoiseInjection() : base(nameof(NoiseInjection))
    {
        weight = Parameter(zeros(1));
        RegisterComponents();
    }

    /// <summary>Noise <c>[N or 1, 1, H, W]</c> times strength and gain.</summary>
    public Tensor Scale(Tensor noise, double gain) => noise * (weight * gain);
}

/// <summary>Modulated convolution, noise, bias and activation.</summary>
internal sealed class StyledConvolution : Module
{
    private readonly ModulatedConvolution conv;
    private readonly NoiseInjection noise;
    private readonly BiasedActivation activate;
    private readonly double? _clamp;

    /// <param name="inputs">Feature maps that come in.</param>
    /// <param name="outputs">Feature maps that go out.</param>
    /// <param name="settings">Of the network.</param>
    /// <param name="upsample">Whether the resolution doubles.</param>
    public StyledConvolution(int inputs, int outputs, StyleGan2Settings settings, bool upsample = false)
        : base(nameof(StyledConvolution))
    {
        _clamp = settings.Clamp;
        conv = new ModulatedConvolution(
            inputs, outputs, kernel: 3, settings.StyleSize, upsample: upsample, plainWeights: settings.PlainWeights);
        noise = new NoiseInjection();
        activate = new BiasedActivation(outputs);
        RegisterComponents();
    }

    /// <summary><c>[N, inputs, H, W]</c> and a style to <c>[N, outputs, H', W']</c>; without a noise map none is added.</summary>
    public Tensor Run(Tensor maps, Tensor style, Tensor? noiseMap)
    {
        var convolved = conv.Convolve(maps, style, Activation.Gain);
        var offset = activate.ScaledBias.view(1, -1, 1, 1);
        if (!convolved.requires_grad)
            return InPlace(convolved, offset, noiseMap);

        var noisy = noiseMap is null ? convolved : convolved + noise.Scale(noiseMap, Activation.Gain);
        return Activation.Clamped(Activation.Unscaled(noisy + offset), _clamp);
    }

    // The same numbers in place, where no gradient needs the maps in between.
    private Tensor InPlace(Tensor maps, Tensor offset, Tensor? noiseMap)
    {
        if (noiseMap is not null)
            maps.add_(noise.Scale(noiseMap, Activation.Gain));
        return Activation.Clamped(maps.add_(offset).leaky_relu_(Scalars.Of(Activation.Slope)), _clamp);
    }
}

/// <summary>Turns feature maps into an image and adds it to the enlarged image of the resolution below.</summary>
internal sealed class ToImage : Module
{
    private readonly ModulatedConvolution conv;
    private readonly Parameter bias;
    private readonly LowPassFilter? upsample;
    private readonly double? _clamp;

    /// <param name="inputs">Feature maps that come in.</param>
    /// <param name="settings">Of the network.</param>
    /// <param name="enlargeSkip">Whether there is an image of the resolution below.</param>
    public ToImage(int inputs, StyleGan2Settings settings, bool enlargeSkip) : base(nameof(ToImage))
    {
        _clamp = settings.Clamp;
        conv = new ModulatedConvolution(inputs, settings.ImageChannels, 1, settings.StyleSize, demodulate: false);
        bias = Parameter(zeros(1, settings.ImageChannels, 1, 1));
        upsample = enlargeSkip ? new LowPassFilter(Resampling.Up) : null;
        RegisterComponents();
    }

    /// <summary><c>[N, inputs, H, W]</c>, a style, and the image so far <c>[N, C, H/2, W/2]</c> to <c>[N, C, H, W]</c>.</summary>
    public Tensor Run(Tensor maps, Tensor style, Tensor? skip)
    {
        var image = Activation.Clamped(conv.call(maps, style) + bias, _clamp);
        return skip is null ? image : image + upsample!.call(skip);
    }
}
