namespace AdaptThenUnlearn.Torch.Models.StyleGan2;

/// <summary>
/// The size of a StyleGAN2, and the options in which its two published implementations differ; the defaults are rosinality's.
/// </summary>
/// <param name="Resolution">Pixels a side: a power of two, at least 16.</param>
/// <param name="ImageChannels">1 or 3.</param>
/// <param name="LatentSize">Length of z, and of w unless <see cref="StyleSize"/> is set.</param>
/// <param name="MappingLayers">Layers of the mapping network.</param>
/// <param name="Channels">
/// Feature maps at each resolution, from 4×4 up: one number for each power of two up to <paramref name="Resolution"/>.
/// </param>
public sealed record StyleGan2Settings(
    int Resolution, int ImageChannels, int LatentSize, int MappingLayers, IReadOnlyList<int> Channels) : IGanFactory
{
    /// <summary>Most doublings from 4×4 up; 16,384 pixels a side are more than anybody has trained.</summary>
    internal const int MostDoublings = 12;

    /// <summary>Length of w.</summary>
    public int StyleSize { get; init; } = LatentSize;

    /// <summary>Classes of a conditional network; 0 where there are none.</summary>
    public int Classes { get; init; }

    /// <summary>Largest magnitude of an activation (before the gain of a residual branch); null for no limit.</summary>
    /// <remarks>
    /// Karras et al. 2020 (arXiv:2006.06676), appendix B: keeps half precision from overflowing, and holds in single precision
    /// too.
    /// </remarks>
    public double? Clamp { get; init; }

    /// <summary>Whether the mean style is stored with the weights, rather than estimated when it is needed.</summary>
    public bool StoresMeanStyle { get; init; }

    /// <summary>Whether fixed noise maps are stored with the weights.</summary>
    public bool StoresNoise { get; init; } = true;

    /// <summary>
    /// Whether demodulated convolutions use their weights without the equalising factor, which cancels except in the
    /// demodulation's ε.
    /// </summary>
    public bool PlainWeights { get; init; }

    /// <summary>Images that the discriminator compares with each other.</summary>
    public int StatisticsGroup { get; init; } = 4;

    /// <summary>Whether the discriminator's blocks have a shortcut.</summary>
    public bool Residual { get; init; } = true;

    /// <summary>Shape of an image.</summary>
    public ImageShape Images => new(ImageChannels, Resolution);

    /// <summary>Layers that take a style: two for each resolution, the image's included.</summary>
    public int StyledLayers => Doublings * 2 + 2;

    /// <summary>Resolutions above 4×4.</summary>
    public int Doublings => int.Log2(Resolution) - 2;

    /// <summary>Feature maps at a resolution.</summary>
    public int ChannelsAt(int resolution) => Channels[int.Log2(resolution) - 2];

    /// <summary>
    /// The published channel table: 512 up to 32×32, then halved at each doubling (times two), cut off at a cap.
    /// </summary>
    /// <remarks>rosinality/stylegan2-pytorch, <c>model.Generator</c> with channel multiplier 2.</remarks>
    public static IReadOnlyList<int> PublishedChannels(int resolution, int cap) =>
        [.. Enumerable.Range(2, int.Log2(resolution) - 1).Select(power => Math.Min(cap, power <= 5 ? 512 : 16384 * 2 >> power))];

    /// <inheritdoc/>
    public ImageGenerator CreateGenerator() => new StyleGan2Generator(this);

    /// <inheritdoc/>
    public ImageDiscriminator CreateDiscriminator() => new StyleGan2Discriminator(this);

    /// <summary>Lists everything that is wrong with these settings; empty where they can be built.</summary>
    public IEnumerable<string> Problems()
    {
        if (Resolution < 16 || !int.IsPow2(Resolution))
            yield return $"resolution must be a power of two and at least 16, but is {Resolution}";
        else if (Channels.Count != Doublings + 1)
            yield return $"channels must name {Doublings + 1} numbers (4×4 up to {Resolution}×{Resolution}), but names "
                + $"{Channels.Count}";
        if (ImageChannels is not (1 or 3))
            yield return $"image channels must be 1 or 3, but are {ImageChannels}";
        if (LatentSize < 1)
            yield return $"latent size must be at least 1, but is {LatentSize}";
        if (StyleSize < 1)
            yield return $"style size must be at least 1, but is {StyleSize}";
        if (Classes < 0)
            yield return $"classes must be at least 0, but are {Classes}";
        if (Clamp is <= 0)
            yield return $"the clamp must be positive, but is {Clamp}";
        if (StatisticsGroup < 1)
            yield return $"the discriminator's group must be at least 1, but is {StatisticsGroup}";
        if (MappingLayers < 1)
            yield return $"mapping layers must be at least 1, but are {MappingLayers}";
        if (Channels.Any(channels => channels < 1))
            yield return "channels must all be at least 1";
    }

    /// <inheritdoc cref="Problems"/>
    /// <exception cref="ArgumentException">Something is wrong; the message lists all of it.</exception>
    internal StyleGan2Settings Checked()
    {
        var problems = Problems().ToList();
        return problems.Count == 0 ? this : throw new ArgumentException(string.Join("; ", problems));
    }
}

/// <summary>Creates a generator and a discriminator of different settings, as a checkpoint may hold them.</summary>
/// <param name="Generator">Settings of the generator.</param>
/// <param name="Discriminator">Settings of the discriminator.</param>
internal sealed record StyleGan2Pair(StyleGan2Settings Generator, StyleGan2Settings Discriminator) : IGanFactory
{
    /// <summary>The factory of networks like these.</summary>
    /// <param name="generator">A <see cref="StyleGan2Generator"/>.</param>
    /// <param name="discriminator">
    /// A <see cref="StyleGan2Discriminator"/>; null takes the settings of the generator, without classes.
    /// </param>
    public static StyleGan2Pair Like(ImageGenerator generator, ImageDiscriminator? discriminator)
    {
        var settings = ((StyleGan2Generator)generator).Settings;
        return new StyleGan2Pair(settings, (discriminator as StyleGan2Discriminator)?.Settings ?? settings with { Classes = 0 });
    }

    /// <inheritdoc/>
    public ImageGenerator CreateGenerator() => Generator.CreateGenerator();

    /// <inheritdoc/>
    public ImageDiscriminator CreateDiscriminator() => Discriminator.CreateDiscriminator();
}
