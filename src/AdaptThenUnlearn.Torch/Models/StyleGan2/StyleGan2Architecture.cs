using System.Globalization;

namespace AdaptThenUnlearn.Torch.Models.StyleGan2;

/// <summary>Rebuilds a StyleGAN2 from the names and shapes of its weights (rosinality's names).</summary>
public sealed class StyleGan2Architecture : IGeneratorArchitecture
{
    // Layers whose penalty the code numbers; more than any published resolution has.
    private const int MostPenalised = 64;

    /// <inheritdoc/>
    public string Name => "stylegan2";

    /// <inheritdoc/>
    /// <remarks>
    /// The published code of the method keeps its penalty in buffers of the generator, such as <c>conv__weight__1_fisher</c>.
    /// </remarks>
    public IReadOnlyList<IgnoredTensor> IgnoredTensors { get; } =
    [
        .. Enumerable.Range(1, MostPenalised)
            .SelectMany(number => new[] { "mean", "fisher" }, (number, what) => new IgnoredTensor(
                string.Create(CultureInfo.InvariantCulture, $"__{number}_{what}"),
                "elastic weight consolidation keeps its means and Fisher information there; no image is computed with them")),
    ];

    /// <inheritdoc/>
    public string MarkerTensor => "to_rgb1.conv.weight";

    /// <inheritdoc/>
    public bool TakesNoise => true;

    /// <inheritdoc/>
    public bool Recognises(StoredNetwork stored) =>
        stored.Has("style.1.weight") && stored.Has("conv1.conv.weight") && stored.Has("to_rgb1.conv.weight");

    /// <inheritdoc/>
    public string Describe(StoredNetwork stored) => Description("StyleGAN2", SettingsOf(stored));

    /// <inheritdoc/>
    public ImageShape Images(StoredNetwork stored) => SettingsOf(stored).Images;

    /// <inheritdoc/>
    public ImageGenerator BuildGenerator(StoredNetwork stored) => new StyleGan2Generator(SettingsOf(stored));

    /// <inheritdoc/>
    public ImageDiscriminator BuildDiscriminator(StoredNetwork stored, ImageGenerator generator) =>
        MirrorDiscriminator(generator);

    /// <inheritdoc/>
    public ImageDiscriminator MirrorDiscriminator(ImageGenerator generator) =>
        new StyleGan2Discriminator(((StyleGan2Generator)generator).Settings);

    /// <inheritdoc/>
    public IGanFactory GetFactory(ImageGenerator generator, ImageDiscriminator? discriminator) =>
        StyleGan2Pair.Like(generator, discriminator);

    /// <inheritdoc/>
    public string FeatureKind => StyleGan2Discriminator.Kind;

    /// <inheritdoc/>
    public ImageDiscriminator BuildFeatureNetwork(StoredNetwork stored, ImageShape images) =>
        new StyleGan2Discriminator(StyleGan2Discriminator.SettingsOf(stored));

    /// <summary>Reads the size of the network from its weights.</summary>
    /// <exception cref="ArgumentException">The shapes do not belong together.</exception>
    public static StyleGan2Settings SettingsOf(StoredNetwork stored)
    {
        var mappingLayers = 0;
        while (stored.Has($"style.{mappingLayers + 1}.weight"))
            mappingLayers++;

        var channels = new List<int> { stored.Size("conv1.conv.weight", 1) };
        for (var doubling = 0; stored.Has($"convs.{2 * doubling}.conv.weight")
            && doubling < StyleGan2Settings.MostDoublings; doubling++)
            channels.Add(stored.Size($"convs.{2 * doubling}.conv.weight", 1));

        return new StyleGan2Settings(
            4 << (channels.Count - 1),
            stored.Size("to_rgb1.conv.weight", 1),
            stored.Size("style.1.weight", 0),
            mappingLayers,
            channels)
        {
            // earlier code kept none
            StoresNoise = stored.Shapes.Keys.Any(name => name.StartsWith("noises.", StringComparison.Ordinal)),
        }.Checked();
    }

    internal static string Description(string family, StyleGan2Settings settings) => string.Create(CultureInfo.InvariantCulture,
        $"{family}, {settings.ImageChannels}×{settings.Resolution}×{settings.Resolution}, latent "
            + $"{settings.LatentSize}{(settings.Classes > 0 ? $", {settings.Classes} classes" : "")}, "
            + $"{settings.MappingLayers} mapping layers, channels {string.Join(" ", settings.Channels)}");
}
