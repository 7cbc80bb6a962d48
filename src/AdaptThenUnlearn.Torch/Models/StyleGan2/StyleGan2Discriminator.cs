using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Torch.Models.StyleGan2;

/// <summary>The residual StyleGAN2 discriminator with minibatch standard deviation.</summary>
/// <remarks>Karras et al. 2020 (arXiv:1912.04958), figure 7; state-dict names follow rosinality/stylegan2-pytorch.</remarks>
public sealed class StyleGan2Discriminator : ImageDiscriminator
{
    private const int StatisticsGroup = 4;

    private readonly Sequential convs;
    private readonly ConvolutionLayer final_conv;
    private readonly Sequential final_linear;

    /// <summary>Builds it with fresh weights from torch's default random source.</summary>
    /// <exception cref="ArgumentException">The settings cannot be built; the message says why.</exception>
    public StyleGan2Discriminator(StyleGan2Settings settings)
        : base(nameof(StyleGan2Discriminator), new ImageShape(settings.Checked().ImageChannels, settings.Resolution))
    {
        Settings = settings;
        var channels = settings.ChannelsAt(settings.Resolution);
        convs = Sequential(("0", new ConvolutionLayer(settings.ImageChannels, channels, 1)));
        for (var (resolution, block) = (settings.Resolution, 1); resolution > 4; resolution /= 2, block++)
        {
            var next = settings.ChannelsAt(resolution / 2);
            convs.append($"{block}", new ResidualBlock(channels, next));
            channels = next;
        }

        final_conv = new ConvolutionLayer(channels + 1, channels, 3);
        final_linear = Sequential(
            ("0", new EqualizedLinear(channels * 4 * 4, channels, activate: true)),
            ("1", new EqualizedLinear(channels, 1)));
        RegisterComponents();
    }

    /// <summary>Its size.</summary>
    public StyleGan2Settings Settings { get; }

    /// <inheritdoc/>
    public override Tensor Score(Tensor images)
    {
        using var scope = NewDisposeScope();
        var maps = convs.call(images);                                         // [N, C4, 4, 4]
        maps = final_conv.call(WithBatchDeviation(maps));
        return final_linear.call(maps.flatten(1)).MoveToOuterDisposeScope();   // [N, 1]
    }

    /// <inheritdoc/>
    public override ImageDiscriminator Copy() => Weights.CopiedTo(new StyleGan2Discriminator(Settings), this);

    /// <summary>Adds one map that says how much the images of a group differ: a generator that repeats itself is found out.</summary>
    /// <remarks>Karras et al. 2018 (arXiv:1710.10196), section 3; groups of four as in the reference, whose batch it must divide.</remarks>
    private static Tensor WithBatchDeviation(Tensor maps)
    {
        var (images, channels, height, width) = (maps.shape[0], maps.shape[1], maps.shape[2], maps.shape[3]);
        var group = Math.Min(images, StatisticsGroup);
        if (images % group != 0)
            throw new ArgumentException($"the discriminator compares images in groups of {StatisticsGroup}: a batch must be a multiple of it or smaller, but has {images} images");

        var grouped = maps.view(group, -1, channels, height, width);
        var deviation = (grouped.var(0, unbiased: false) + 1e-8).sqrt().mean([1, 2, 3], keepdim: true);   // [N/group, 1, 1, 1]
        return cat([maps, deviation.repeat(group, 1, height, width)], dim: 1);
    }

    /// <summary>Convolution, bias and activation, halving the resolution if wanted; children are numbered as in the reference.</summary>
    private sealed class ConvolutionLayer : Module<Tensor, Tensor>
    {
        // In a tuple, where TorchSharp does not look for modules: it would name them after the fields.
        private readonly (LowPassFilter? Filter, EqualizedConvolution Convolution, BiasedActivation Activation) _parts;

        public ConvolutionLayer(int inputs, int outputs, int kernel, bool halve = false) : base(nameof(ConvolutionLayer))
        {
            _parts = halve
                ? (new LowPassFilter(Resampling.BeforeStridedConvolution), new EqualizedConvolution(inputs, outputs, kernel, stride: 2), new BiasedActivation(outputs))
                : (null, new EqualizedConvolution(inputs, outputs, kernel, padding: kernel / 2), new BiasedActivation(outputs));
            foreach (var (number, part) in new Module?[] { _parts.Filter, _parts.Convolution, _parts.Activation }.OfType<Module>().Index())
                register_module($"{number}", part);
        }

        public override Tensor forward(Tensor maps)
        {
            var smooth = _parts.Filter is null ? maps : _parts.Filter.call(maps);
            return Activation.Unscaled(_parts.Convolution.Convolve(smooth, _parts.Activation.ScaledBias, Activation.Gain));
        }
    }

    /// <summary>Two convolutions, the second of which halves the resolution, beside a 1×1 shortcut.</summary>
    private sealed class ResidualBlock : Module<Tensor, Tensor>
    {
        private static readonly double _gain = 1 / Math.Sqrt(2);

        private readonly ConvolutionLayer conv1;
        private readonly ConvolutionLayer conv2;
        private readonly Sequential skip;

        public ResidualBlock(int inputs, int outputs) : base(nameof(ResidualBlock))
        {
            conv1 = new ConvolutionLayer(inputs, inputs, 3);
            conv2 = new ConvolutionLayer(inputs, outputs, 3, halve: true);
            // Thinning out while filtering gives the same pixels as filtering first and a 1×1 convolution of stride 2 then.
            skip = Sequential(
                ("0", new LowPassFilter(Resampling.Down)),
                ("1", new EqualizedConvolution(inputs, outputs, 1)));
            RegisterComponents();
        }

        public override Tensor forward(Tensor maps) => (conv2.call(conv1.call(maps)) + skip.call(maps)) * _gain;
    }
}
