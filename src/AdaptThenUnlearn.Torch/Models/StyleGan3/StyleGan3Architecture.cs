using System.Globalization;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Models.StyleGan3;

/// <summary>Rebuilds a StyleGAN3 from NVIDIA's pickle, whose discriminator is StyleGAN2's.</summary>
/// <remarks>
/// github.com/NVlabs/stylegan3, <c>training/networks_stylegan3.py</c>. Half of its settings are attributes and not weights, so
/// that a checkpoint without attributes, a state dict for instance, is refused. Its training tracks magnitudes of maps, which is
/// not done here; so it is not trained from scratch.
/// </remarks>
public sealed class StyleGan3Architecture : IGeneratorArchitecture
{
    /// <inheritdoc/>
    public string Name => "stylegan3";

    /// <inheritdoc/>
    public string MarkerTensor => "synthesis.input.freqs";

    /// <inheritdoc/>
    public IReadOnlyList<IgnoredTensor> IgnoredTensors { get; } = [StyleGan2AdaArchitecture.UnusedFilter];

    /// <inheritdoc/>
    public bool Recognises(StoredNetwork stored) => stored.Has("synthesis.input.freqs") && stored.Has("mapping.fc0.weight")
        && stored.Shapes.Keys.Any(name => name.StartsWith("synthesis.L0_", StringComparison.Ordinal));

    /// <inheritdoc/>
    public string Describe(StoredNetwork stored)
    {
        var settings = StyleGan3Attributes.SettingsOf(stored);
        var hidden = settings.Layers.SkipLast(1).ToList();
        var configuration = hidden.TrueForAll(layer => layer.Kernel == 1) && hidden.Exists(layer => layer.Radial) ? "-R"
            : hidden.TrueForAll(layer => layer is { Kernel: 3, Radial: false }) ? "-T"
            : "";
        return string.Create(CultureInfo.InvariantCulture,
            $"StyleGAN3{configuration}, {settings.Images}, latent {settings.LatentSize}"
                + $"{(settings.Classes > 0 ? $", {settings.Classes} classes" : "")}, {settings.MappingLayers} mapping layers, "
                + $"channels {string.Join(" ", hidden.Select(layer => layer.Outputs))}");
    }

    /// <inheritdoc/>
    public ImageShape Images(StoredNetwork stored) => StyleGan3Attributes.SettingsOf(stored).Images;

    /// <inheritdoc/>
    public ImageGenerator BuildGenerator(StoredNetwork stored) => new StyleGan3Generator(StyleGan3Attributes.SettingsOf(stored));

    /// <inheritdoc/>
    public void CheckLoaded(ImageGenerator generator) => ((StyleGan3Generator)generator).CheckFilters();

    /// <inheritdoc/>
    public ImageDiscriminator BuildDiscriminator(StoredNetwork stored, ImageGenerator generator) =>
        new StyleGan2Discriminator(StyleGan2AdaArchitecture.DiscriminatorSettings(stored));

    /// <inheritdoc/>
    /// <remarks>
    /// At each resolution it is as wide as the first layer of the generator whose maps hold that resolution's frequencies. It is
    /// not conditional, even where the generator is: the class of a training image is not known.
    /// </remarks>
    public ImageDiscriminator MirrorDiscriminator(ImageGenerator generator)
    {
        var settings = ((StyleGan3Generator)generator).Settings;
        var (channels, resolution) = settings.Images;
        if (!int.IsPow2(resolution) || resolution < 16)
            throw new ArgumentException(
                $"its images of {resolution} pixels a side are not of a power of two of at least 16, as StyleGAN2's "
                    + "discriminator takes them");

        var hidden = settings.Layers.SkipLast(1).ToList();
        var widths = Enumerable.Range(2, int.Log2(resolution) - 1)
            .Select(power => hidden.Find(layer => layer.Out.Cutoff >= (1 << power) / 2 * (1 - 1e-6)) ?? hidden[^1])
            .Select(layer => layer.Outputs);
        return new StyleGan2Discriminator(new StyleGan2Settings(
            resolution, channels, settings.LatentSize, settings.MappingLayers, [.. widths]));
    }

    /// <inheritdoc/>
    public string FeatureKind => StyleGan2Discriminator.Kind;

    /// <inheritdoc/>
    public ImageDiscriminator BuildFeatureNetwork(StoredNetwork stored, ImageShape images) =>
        new StyleGan2Discriminator(StyleGan2Discriminator.SettingsOf(stored));

    /// <inheritdoc/>
    /// <remarks>The names are NVIDIA's, but for those of the mapping network and of the discriminator.</remarks>
    public StoredTensor Locate(nn.Module network, string name) => network switch
    {
        StyleGan3Generator when name.StartsWith("style.", StringComparison.Ordinal) => NvidiaNames.OfGenerator(name),
        StyleGan2Discriminator { Settings.Resolution: var resolution } => NvidiaNames.OfDiscriminator(name, resolution),
        _ => new StoredTensor(name),
    };
}
