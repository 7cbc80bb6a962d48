using System.Globalization;

namespace AdaptThenUnlearn.Torch.Models.StyleGan2;

/// <summary>Rebuilds a StyleGAN2 from the names and shapes of its weights (rosinality's names).</summary>
public sealed class StyleGan2Architecture : IGeneratorArchitecture
{
    /// <inheritdoc/>
    public string Name => "stylegan2";

    /// <inheritdoc/>
    public bool Recognises(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes) =>
        shapes.ContainsKey("style.1.weight") && shapes.ContainsKey("conv1.conv.weight") && shapes.ContainsKey("to_rgb1.conv.weight");

    /// <inheritdoc/>
    public string Describe(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes)
    {
        var settings = SettingsOf(shapes);
        return string.Create(CultureInfo.InvariantCulture,
            $"StyleGAN2, {settings.ImageChannels}×{settings.Resolution}×{settings.Resolution}, latent {settings.LatentSize}, {settings.MappingLayers} mapping layers, channels {string.Join(" ", settings.Channels)}");
    }

    /// <inheritdoc/>
    public ImageGenerator BuildGenerator(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes) => new StyleGan2Generator(SettingsOf(shapes));

    /// <inheritdoc/>
    public ImageDiscriminator BuildDiscriminator(IReadOnlyDictionary<string, IReadOnlyList<long>> generatorShapes) =>
        new StyleGan2Discriminator(SettingsOf(generatorShapes));

    /// <summary>Reads the size of the network off its weights.</summary>
    /// <exception cref="ArgumentException">The shapes do not belong together.</exception>
    public static StyleGan2Settings SettingsOf(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes)
    {
        var mappingLayers = 0;
        while (shapes.ContainsKey($"style.{mappingLayers + 1}.weight"))
            mappingLayers++;

        var channels = new List<int> { Size("conv1.conv.weight", 1) };
        for (var doubling = 0; shapes.ContainsKey($"convs.{2 * doubling}.conv.weight"); doubling++)
            channels.Add(Size($"convs.{2 * doubling}.conv.weight", 1));

        var settings = new StyleGan2Settings(4 << (channels.Count - 1), Size("to_rgb1.conv.weight", 1), Size("style.1.weight", 0), mappingLayers, channels);
        return settings.Checked();

        int Size(string name, int dimension)
        {
            var shape = shapes[name];
            return dimension < shape.Count && shape[dimension] is > 0 and < 65536
                ? (int)shape[dimension]
                : throw new ArgumentException($"'{name}' has shape [{string.Join(", ", shape)}], which no StyleGAN2 has");
        }
    }
}
