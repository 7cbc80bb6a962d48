using System.Globalization;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Models.StyleGan2;

/// <summary>
/// Rebuilds a StyleGAN2 that NVIDIA's code stored: the same function as rosinality's, under other names and shapes.
/// </summary>
/// <remarks>
/// github.com/NVlabs/stylegan2-ada-pytorch, <c>training/networks.py</c>, and github.com/NVlabs/stylegan3,
/// <c>training/networks_stylegan2.py</c>, which keeps the same tensors under the same names. What shapes cannot say
/// (clamping, the discriminator's groups) is read from the attributes; where a checkpoint has none, a state dict for instance,
/// nothing is clamped and groups are of four. The networks compute in single precision, also where NVIDIA's own would take half
/// on a GPU.
/// </remarks>
public sealed class StyleGan2AdaArchitecture : IGeneratorArchitecture
{
    private const string OnlySkip = "only generators of the architecture 'skip', the default, are known";

    /// <inheritdoc/>
    public string Name => "stylegan2-ada";

    /// <inheritdoc/>
    public IReadOnlyList<IgnoredTensor> IgnoredTensors { get; } = [UnusedFilter];

    internal static IgnoredTensor UnusedFilter { get; } = new(
        ".resample_filter",
        "every layer and block keeps one there; only those that change the resolution compute with it, and theirs are loaded");

    /// <inheritdoc/>
    public bool TakesNoise => true;

    /// <inheritdoc/>
    public string MarkerTensor => "synthesis.b4.const";

    /// <inheritdoc/>
    public bool Recognises(StoredNetwork stored) =>
        stored.Has("synthesis.b4.const") && stored.Has("synthesis.b4.conv1.weight") && stored.Has("mapping.fc0.weight");

    /// <inheritdoc/>
    public string Describe(StoredNetwork stored) => StyleGan2Architecture.Description("StyleGAN2-ADA", GeneratorSettings(stored));

    /// <inheritdoc/>
    public ImageShape Images(StoredNetwork stored) => GeneratorSettings(stored).Images;

    /// <inheritdoc/>
    public ImageGenerator BuildGenerator(StoredNetwork stored) => new StyleGan2Generator(GeneratorSettings(stored));

    /// <inheritdoc/>
    public ImageDiscriminator BuildDiscriminator(StoredNetwork stored, ImageGenerator generator) =>
        new StyleGan2Discriminator(DiscriminatorSettings(stored));

    /// <inheritdoc/>
    /// <remarks>It is not conditional, even where the generator is: the class of a training image is not known.</remarks>
    public ImageDiscriminator MirrorDiscriminator(ImageGenerator generator) =>
        new StyleGan2Discriminator(((StyleGan2Generator)generator).Settings with { Classes = 0 });

    /// <inheritdoc/>
    public IGanFactory GetFactory(ImageGenerator generator, ImageDiscriminator? discriminator) =>
        StyleGan2Pair.Like(generator, discriminator);

    /// <inheritdoc/>
    public string FeatureKind => StyleGan2Discriminator.Kind;

    /// <inheritdoc/>
    public ImageDiscriminator BuildFeatureNetwork(StoredNetwork stored, ImageShape images) =>
        new StyleGan2Discriminator(StyleGan2Discriminator.SettingsOf(stored));

    /// <inheritdoc/>
    public StoredTensor Locate(nn.Module network, string name) => network switch
    {
        StyleGan2Generator => NvidiaNames.OfGenerator(name),
        StyleGan2Discriminator { Settings.Resolution: var resolution } => NvidiaNames.OfDiscriminator(name, resolution),
        _ => new StoredTensor(name),
    };

    /// <summary>Reads the size of a generator from its weights and attributes.</summary>
    /// <exception cref="ArgumentException">They do not belong together, or to a generator of another kind.</exception>
    public static StyleGan2Settings GeneratorSettings(StoredNetwork stored)
    {
        if (stored.Shapes["synthesis.b4.const"] is not [.., 4, 4])
            throw new ArgumentException("its images are not square: 'synthesis.b4.const' is not 4×4");

        var channels = new List<int> { stored.Size("synthesis.b4.const", 0) };
        while (channels.Count <= StyleGan2Settings.MostDoublings && stored.Has($"synthesis.b{4 << channels.Count}.conv1.weight"))
            channels.Add(stored.Size($"synthesis.b{4 << channels.Count}.conv1.weight", 0));

        var resolution = 4 << (channels.Count - 1);
        if (!stored.Has("synthesis.b4.torgb.weight") || stored.Has("synthesis.b8.skip.weight"))
            throw new ArgumentException(OnlySkip);

        NvidiaAttributes.CheckGenerator(stored);
        var styleSize = stored.Size("synthesis.b4.conv1.affine.weight", 1);
        var classes = stored.Has("mapping.embed.weight") ? stored.Size("mapping.embed.weight", 1) : 0;
        var latentSize = stored.Size("mapping.fc0.weight", 1) - (classes > 0 ? stored.Size("mapping.embed.weight", 0) : 0);
        return new StyleGan2Settings(
            resolution, stored.Size("synthesis.b4.torgb.weight", 0), latentSize, MappingLayers(stored), channels)
        {
            StyleSize = styleSize,
            Classes = classes,
            Clamp = Number(stored, "synthesis.b4.conv1.conv_clamp"),
            StoresMeanStyle = stored.Has("mapping.w_avg"),
            StoresNoise = stored.Shapes.Keys.Any(name => name.EndsWith(".noise_const", StringComparison.Ordinal)),
            PlainWeights = true,
        }.Checked();
    }

    /// <summary>Reads the size of a discriminator from its weights and attributes.</summary>
    /// <exception cref="ArgumentException">They do not belong together, or to a discriminator of another kind.</exception>
    public static StyleGan2Settings DiscriminatorSettings(StoredNetwork stored)
    {
        var channels = new List<int> { stored.Size("b4.conv.weight", 0) };
        while (channels.Count <= StyleGan2Settings.MostDoublings && stored.Has($"b{4 << channels.Count}.conv0.weight"))
            channels.Add(stored.Size($"b{4 << channels.Count}.conv0.weight", 1));

        var resolution = 4 << (channels.Count - 1);
        if (stored.Has("b4.fromrgb.weight"))
            throw new ArgumentException("discriminators of the architecture 'skip' are not known, only 'resnet' and 'orig'");
        if (stored.Size("b4.conv.weight", 1) != channels[0] + 1)
            throw new ArgumentException("only discriminators with one map of minibatch deviation are known");

        NvidiaAttributes.CheckDiscriminator(stored);

        var classes = stored.Has("mapping.embed.weight") ? stored.Size("mapping.embed.weight", 1) : 0;
        var answers = stored.Size("b4.out.weight", 0);
        return new StyleGan2Settings(
            resolution,
            stored.Size($"b{resolution}.fromrgb.weight", 1),
            LatentSize: answers,
            classes > 0 ? MappingLayers(stored) : 1,
            channels)
        {
            Classes = classes,
            Clamp = Number(stored, "b4.conv.conv_clamp"),
            StatisticsGroup = StatisticsGroup(stored),
            Residual = stored.Has($"b{resolution}.skip.weight"),
        }.Checked();
    }

    private static int MappingLayers(StoredNetwork stored)
    {
        var layers = 0;
        while (stored.Has($"mapping.fc{layers}.weight"))
            layers++;
        return layers;
    }

    // None is the whole batch.
    private static int StatisticsGroup(StoredNetwork stored) =>
        stored.Attributes.GetValueOrDefault("b4.mbstd.group_size") == "None"
            ? int.MaxValue
            : (int)Math.Min(Number(stored, "b4.mbstd.group_size") ?? 4, int.MaxValue);

    private static double? Number(StoredNetwork stored, string attribute) =>
        stored.Attributes.TryGetValue(attribute, out var text)
            && double.TryParse(text, CultureInfo.InvariantCulture, out var number)
            && double.IsFinite(number)
                ? number
                : null;
}
