using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Torch.Models.StyleGan2;

/// <summary>The StyleGAN2 generator with skip connections.</summary>
/// <remarks>
/// Karras et al. 2020 (arXiv:1912.04958), figures 2 and 7; state-dict names follow rosinality/stylegan2-pytorch. A conditional
/// generator's latents are z and then one number a class, the largest of which chooses it: standard-normal latents make every
/// class equally often.
/// </remarks>
public sealed class StyleGan2Generator : ImageGenerator, IStyleBasedGenerator
{
    // Field names are the keys of a checkpoint: renaming one orphans saved weights.
    private readonly MappingNetwork style;
    private readonly LearnedConstant input;
    private readonly StyledConvolution conv1;
    private readonly ToImage to_rgb1;
    private readonly ModuleList<StyledConvolution> convs = [];
    private readonly ModuleList<ToImage> to_rgbs = [];
    private readonly StoredNoiseMaps noises;
    private readonly IReadOnlyList<int> _noiseSizes;

    /// <summary>Builds it with fresh weights from torch's default random source.</summary>
    /// <exception cref="ArgumentException">The settings cannot be built; the message says why.</exception>
    public StyleGan2Generator(StyleGan2Settings settings)
        : base(
            nameof(StyleGan2Generator),
            new ImageShape(settings.Checked().ImageChannels, settings.Resolution),
            settings.LatentSize + settings.Classes)
    {
        Settings = settings;
        var channels = settings.ChannelsAt(4);
        style = new MappingNetwork(
            settings.LatentSize, settings.StyleSize, settings.MappingLayers, settings.Classes, settings.StoresMeanStyle);
        input = new LearnedConstant(channels);
        conv1 = new StyledConvolution(channels, channels, settings);
        to_rgb1 = new ToImage(channels, settings, enlargeSkip: false);
        for (var resolution = 8; resolution <= settings.Resolution; resolution *= 2)
        {
            var next = settings.ChannelsAt(resolution);
            convs.Add(new StyledConvolution(channels, next, settings, upsample: true));
            convs.Add(new StyledConvolution(next, next, settings));
            to_rgbs.Add(new ToImage(next, settings, enlargeSkip: true));
            channels = next;
        }

        _noiseSizes = [4, .. Enumerable.Range(0, settings.Doublings * 2).Select(layer => 8 << (layer / 2))];
        noises = new StoredNoiseMaps(settings.StoresNoise ? _noiseSizes : []);
        RegisterComponents();
    }

    /// <summary>Its size.</summary>
    public StyleGan2Settings Settings { get; }

    /// <inheritdoc/>
    public override bool SupportsTruncation => true;

    /// <inheritdoc/>
    public override int Classes => Settings.Classes;

    /// <inheritdoc/>
    public override IReadOnlyList<int> NoiseSizes => _noiseSizes;

    /// <inheritdoc/>
    public override IReadOnlyList<Tensor> StoredNoise => noises.Maps;

    /// <inheritdoc/>
    public int StyledLayers => Settings.StyledLayers;

    /// <inheritdoc/>
    public Tensor Map(Tensor latents) => style.call(latents);

    /// <inheritdoc/>
    public Tensor Broadcast(Tensor styles) => styles.unsqueeze(1).expand(styles.shape[0], StyledLayers, Settings.StyleSize);

    /// <inheritdoc/>
    public Tensor Mix(Tensor first, Tensor second, long from)
    {
        return cat(
            [
                first.unsqueeze(1).expand(first.shape[0], from, Settings.StyleSize),
                second.unsqueeze(1).expand(second.shape[0], StyledLayers - from, Settings.StyleSize),
            ],
            dim: 1);
    }

    /// <summary>Pulls styles towards a mean style: mean + t·(w − mean).</summary>
    public static Tensor Truncate(Tensor styles, Tensor meanStyle, double truncation) =>
        meanStyle + truncation * (styles - meanStyle);

    /// <inheritdoc/>
    public Tensor Synthesize(Tensor layerStyles, IReadOnlyList<Tensor>? noise)
    {
        var maps = conv1.Run(input.Repeat(layerStyles.shape[0]), layerStyles.select(1, 0), noise?[0]);   // [N, C4, 4, 4]
        var image = to_rgb1.Run(maps, layerStyles.select(1, 1), skip: null);
        for (var doubling = 0; doubling < Settings.Doublings; doubling++)
        {
            var layer = 2 * doubling;
            maps = convs[layer].Run(maps, layerStyles.select(1, layer + 1), noise?[layer + 1]);          // doubled
            maps = convs[layer + 1].Run(maps, layerStyles.select(1, layer + 2), noise?[layer + 2]);
            image = to_rgbs[doubling].Run(maps, layerStyles.select(1, layer + 3), image);
        }

        return image;
    }

    /// <inheritdoc/>
    public override Tensor Generate(Tensor latents, IReadOnlyList<Tensor>? noise, double truncation = 1)
    {
        using var scope = NewDisposeScope();
        var styles = Map(latents);
        if (truncation != 1)
            styles = Truncate(styles, MeanStyle(), truncation);
        return Synthesize(Broadcast(styles), noise).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override bool MakesImagesApart => true;

    /// <inheritdoc/>
    public override ImageGenerator Copy() => Weights.CopiedTo(new StyleGan2Generator(Settings), this);

    /// <summary>
    /// The stored mean of w, or its mean over 4,096 latents (as the reference code's <c>mean_latent</c>); a fixed seed, so that
    /// one checkpoint has one mean.
    /// </summary>
    /// <returns><c>[1, StyleSize]</c>.</returns>
    public Tensor MeanStyle()
    {
        if (style.StoredMean is { } stored)
            return stored.unsqueeze(0);

        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var random = new Generator(4096, CPU);
        var latents = randn([4096, LatentSize], generator: random).to(style.parameters().First().device);
        return Map(latents).mean([0], keepdim: true).MoveToOuterDisposeScope();
    }
}

/// <summary>The learned 4×4 constant that every image starts from.</summary>
internal sealed class LearnedConstant : Module
{
    private readonly Parameter input;

    public LearnedConstant(int channels) : base(nameof(LearnedConstant))
    {
        input = Parameter(randn(1, channels, 4, 4));
        RegisterComponents();
    }

    public Tensor Repeat(long images) => input.repeat(images, 1, 1, 1);
}

/// <summary>One fixed noise map for each layer, stored as buffers.</summary>
internal sealed class StoredNoiseMaps : Module
{
    private readonly int _count;

    public StoredNoiseMaps(IReadOnlyList<int> sizes) : base(nameof(StoredNoiseMaps))
    {
        _count = sizes.Count;
        for (var layer = 0; layer < sizes.Count; layer++)
            register_buffer($"noise_{layer}", randn(1, 1, sizes[layer], sizes[layer]));
    }

    public IReadOnlyList<Tensor> Maps => [.. Enumerable.Range(0, _count).Select(layer => get_buffer($"noise_{layer}")!)];
}
