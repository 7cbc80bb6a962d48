using System.Globalization;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Torch.Models.StyleGan2;

/// <summary>The residual StyleGAN2 discriminator with minibatch standard deviation.</summary>
/// <remarks>Karras et al. 2020 (arXiv:1912.04958), figure 7; state-dict names follow rosinality/stylegan2-pytorch.</remarks>
public sealed class StyleGan2Discriminator : ImageDiscriminator
{
    // Classifiers on its features are stored under these words: changing one makes them unreadable.
    internal const string Kind = "stylegan2-discriminator";
    private const string ClampKey = "clamp";

    private readonly Sequential convs;
    private readonly ConvolutionLayer final_conv;
    private readonly Sequential final_linear;
    private readonly MappingNetwork? mapping;

    /// <summary>Builds it with fresh weights from torch's default random source.</summary>
    /// <exception cref="ArgumentException">The settings cannot be built; the message says why.</exception>
    public StyleGan2Discriminator(StyleGan2Settings settings)
        : base(nameof(StyleGan2Discriminator), new ImageShape(settings.Checked().ImageChannels, settings.Resolution))
    {
        Settings = settings;
        var channels = settings.ChannelsAt(settings.Resolution);
        convs = Sequential(("0", new ConvolutionLayer(settings.ImageChannels, channels, 1, settings.Clamp)));
        for (var (resolution, block) = (settings.Resolution, 1); resolution > 4; resolution /= 2, block++)
        {
            var next = settings.ChannelsAt(resolution / 2);
            convs.append(
                $"{block}",
                settings.Residual
                    ? new ResidualBlock(channels, next, settings.Clamp)
                    : new PlainBlock(channels, next, settings.Clamp));
            channels = next;
        }

        final_conv = new ConvolutionLayer(channels + 1, channels, 3, settings.Clamp);
        final_linear = Sequential(
            ("0", new EqualizedLinear(channels * 4 * 4, channels, activate: true)),
            ("1", new EqualizedLinear(channels, settings.Classes > 0 ? settings.StyleSize : 1)));
        mapping = settings.Classes > 0
            ? new MappingNetwork(latentSize: 0, settings.StyleSize, settings.MappingLayers, settings.Classes)
            : null;
        RegisterComponents();
    }

    /// <summary>Its size.</summary>
    public StyleGan2Settings Settings { get; }

    /// <inheritdoc/>
    /// <remarks>
    /// A conditional discriminator scores an image for every class, and the mean counts: the class of a real image is not known.
    /// </remarks>
    public override Tensor Score(Tensor images)
    {
        using var scope = NewDisposeScope();
        var answers = Answers(images);
        return (mapping is null
            ? answers
            : Projected(answers, EveryClass(answers).mean([0], keepdim: true))).MoveToOuterDisposeScope();
    }

    /// <summary>Scores images of known classes, as the conditional discriminator is trained.</summary>
    /// <param name="images"><c>[N, Channels, Resolution, Resolution]</c>, nominally [-1, 1].</param>
    /// <param name="classes">One-hot <c>[N, Classes]</c>.</param>
    /// <returns>Logits <c>[N, 1]</c>; belongs to the caller's scope.</returns>
    /// <exception cref="InvalidOperationException">The discriminator is not conditional.</exception>
    public Tensor Score(Tensor images, Tensor classes)
    {
        using var scope = NewDisposeScope();
        var conditional = mapping ?? throw new InvalidOperationException("the discriminator knows no classes");
        return Projected(Answers(images), conditional.OfClasses(classes.narrow(1, 0, 0), classes)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override int FeatureSize => Settings.Channels[0];

    /// <inheritdoc/>
    /// <remarks>
    /// The minibatch deviation is set to 0, so that the features of an image do not depend on the other images of the batch.
    /// </remarks>
    public override Tensor Features(Tensor images)
    {
        using var scope = NewDisposeScope();
        var maps = convs.call(images);                                         // [N, C4, 4, 4]
        maps = final_conv.call(cat([maps, zeros_like(maps.narrow(1, 0, 1))], dim: 1));
        return final_linear[0].call(maps.flatten(1)).MoveToOuterDisposeScope();
    }

    // [N, 1], or [N, StyleSize] of a conditional one.
    private Tensor Answers(Tensor images)
    {
        var maps = convs.call(images);                                         // [N, C4, 4, 4]
        maps = final_conv.call(WithBatchDeviation(maps));
        return final_linear.call(maps.flatten(1));
    }

    // Miyato and Koyama 2018 (arXiv:1802.05637): the projection of the output on the direction of the class.
    private Tensor Projected(Tensor answers, Tensor directions) =>
        (answers * directions).sum(1, keepdim: true) / Math.Sqrt(Settings.StyleSize);

    private Tensor EveryClass(Tensor like)
    {
        var classes = eye(Settings.Classes, dtype: like.dtype, device: like.device);
        return mapping!.OfClasses(classes.narrow(1, 0, 0), classes);   // [Classes, StyleSize]
    }

    /// <inheritdoc/>
    /// <remarks>
    /// In one pass, because each operation costs its start. The sets take turns, so that each group is of one set.
    /// </remarks>
    public override IReadOnlyList<Tensor> ScoreSets(IReadOnlyList<Tensor> sets)
    {
        var group = Settings.StatisticsGroup;
        if (sets.Any(set => set.shape[0] % group != 0))
            return base.ScoreSets(sets);

        using var scope = NewDisposeScope();
        var columns = sets.Select(set => set.shape[0] / group).ToArray();
        var rows = sets.Select(set => set.view([group, -1, .. set.shape[1..]]));   // each [group, N/group, …]
        var together = cat([.. rows], dim: 1);
        var scores = Score(together.flatten(0, 1)).view(group, -1);
        return [.. scores.split(columns, dim: 1).Select(set => set.reshape(-1, 1).MoveToOuterDisposeScope())];
    }

    /// <inheritdoc/>
    public override int? ComparedImages => Settings.StatisticsGroup;

    /// <inheritdoc/>
    public override ImageDiscriminator Copy() => Weights.CopiedTo(new StyleGan2Discriminator(Settings), this);

    /// <inheritdoc/>
    public override string FeatureKind => Kind;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> FeatureAttributes => Settings.Clamp is { } clamp
        ? new Dictionary<string, string> { [ClampKey] = clamp.ToString("R", CultureInfo.InvariantCulture) }
        : base.FeatureAttributes;

    /// <inheritdoc/>
    /// <remarks>
    /// Of a conditional discriminator the copy knows no classes: its features are the same, and its last layer is 0.
    /// </remarks>
    public override ImageDiscriminator CopyForFeatures()
    {
        if (Settings.Classes == 0)
            return Copy();

        using var _ = no_grad();
        var plain = new StyleGan2Discriminator(Settings with { Classes = 0 });
        var own = state_dict();
        plain.to(own.Values.First().device);
        foreach (var (name, tensor) in plain.state_dict())
            if (name.StartsWith("final_linear.1.", StringComparison.Ordinal))
                tensor.zero_();
            else
                tensor.copy_(own[name]);
        return Weights.Detach(plain);
    }

    /// <summary>Reads the size of a discriminator from its weights, under the names of this class.</summary>
    /// <param name="stored">A state dict, and <see cref="FeatureAttributes"/> as its attributes.</param>
    /// <exception cref="ArgumentException">The shapes do not belong together.</exception>
    public static StyleGan2Settings SettingsOf(StoredNetwork stored)
    {
        List<int> channels = [stored.Size("convs.0.0.weight", 0)];
        while (channels.Count <= StyleGan2Settings.MostDoublings && stored.Has($"convs.{channels.Count}.conv2.1.weight"))
            channels.Add(stored.Size($"convs.{channels.Count}.conv2.1.weight", 0));

        channels.Reverse();
        return new StyleGan2Settings(
            4 << (channels.Count - 1), stored.Size("convs.0.0.weight", 1), LatentSize: 1, MappingLayers: 1, channels)
        {
            Clamp = stored.Attributes.TryGetValue(ClampKey, out var clamp)
                ? double.Parse(clamp, CultureInfo.InvariantCulture)
                : null,
            Residual = stored.Has("convs.1.skip.1.weight"),
        }.Checked();
    }

    /// <summary>
    /// Adds a map with the deviation between the images of a group, by which a generator that repeats itself is detected.
    /// </summary>
    /// <remarks>
    /// Karras et al. 2018 (arXiv:1710.10196), section 3; groups of four by default, as in the reference, whose batch it must
    /// divide.
    /// </remarks>
    private Tensor WithBatchDeviation(Tensor maps)
    {
        var (images, channels, height, width) = (maps.shape[0], maps.shape[1], maps.shape[2], maps.shape[3]);
        var group = Math.Min(images, Settings.StatisticsGroup);
        if (images % group != 0)
            throw new ArgumentException(
                $"the discriminator compares images in groups of {Settings.StatisticsGroup}: a batch must be a multiple of it "
                    + $"or smaller, but has {images} images");

        var grouped = maps.view(group, -1, channels, height, width);
        var deviation = (grouped.var(0, unbiased: false) + 1e-8).sqrt().mean([1, 2, 3], keepdim: true);   // [N/group, 1, 1, 1]
        return cat([maps, deviation.repeat(group, 1, height, width)], dim: 1);
    }

    /// <summary>
    /// Convolution, bias and activation, halving the resolution if wanted; children are numbered as in the reference.
    /// </summary>
    private sealed class ConvolutionLayer : Module<Tensor, Tensor>
    {
        // In a tuple, where TorchSharp does not look for modules: it would name them after the fields.
        private readonly (LowPassFilter? Filter, EqualizedConvolution Convolution, BiasedActivation Activation) _parts;

        private readonly double? _clamp;

        public ConvolutionLayer(int inputs, int outputs, int kernel, double? clamp, bool halve = false)
            : base(nameof(ConvolutionLayer))
        {
            _clamp = clamp;
            _parts = halve
                ? (new LowPassFilter(Resampling.BeforeStridedConvolution), new EqualizedConvolution(
                    inputs, outputs, kernel, stride: 2), new BiasedActivation(outputs))
                : (null, new EqualizedConvolution(inputs, outputs, kernel, padding: kernel / 2), new BiasedActivation(outputs));
            foreach (var (number, part) in new Module?[] { _parts.Filter, _parts.Convolution, _parts.Activation }
                .OfType<Module>()
                .Index())
                register_module($"{number}", part);
        }

        public override Tensor forward(Tensor maps)
        {
            var smooth = _parts.Filter is null ? maps : _parts.Filter.call(maps);
            return Activation.Clamped(
                Activation.Unscaled(_parts.Convolution.Convolve(smooth, _parts.Activation.ScaledBias, Activation.Gain)), _clamp);
        }
    }

    /// <summary>Two convolutions, the second of which halves the resolution, beside a 1×1 shortcut.</summary>
    private sealed class ResidualBlock : Module<Tensor, Tensor>
    {
        private static readonly double _gain = 1 / Math.Sqrt(2);

        private readonly ConvolutionLayer conv1;
        private readonly ConvolutionLayer conv2;
        private readonly Sequential skip;

        public ResidualBlock(int inputs, int outputs, double? clamp) : base(nameof(ResidualBlock))
        {
            conv1 = new ConvolutionLayer(inputs, inputs, 3, clamp);
            conv2 = new ConvolutionLayer(inputs, outputs, 3, clamp, halve: true);
            // Thinning out while filtering gives the same pixels as filtering first and a 1×1 convolution of stride 2 then.
            skip = Sequential(
                ("0", new LowPassFilter(Resampling.Down)),
                ("1", new EqualizedConvolution(inputs, outputs, 1)));
            RegisterComponents();
        }

        public override Tensor forward(Tensor maps) => (conv2.call(conv1.call(maps)) + skip.call(maps)) * _gain;
    }

    /// <summary>Two convolutions, the second of which halves the resolution.</summary>
    private sealed class PlainBlock : Module<Tensor, Tensor>
    {
        private readonly ConvolutionLayer conv1;
        private readonly ConvolutionLayer conv2;

        public PlainBlock(int inputs, int outputs, double? clamp) : base(nameof(PlainBlock))
        {
            conv1 = new ConvolutionLayer(inputs, inputs, 3, clamp);
            conv2 = new ConvolutionLayer(inputs, outputs, 3, clamp, halve: true);
            RegisterComponents();
        }

        public override Tensor forward(Tensor maps) => conv2.call(conv1.call(maps));
    }
}
