using System.Globalization;

namespace AdaptThenUnlearn.Torch.Models.Mlp;

/// <summary>Rebuilds a GAN of fully connected layers from the names and shapes of its weights.</summary>
/// <remarks>
/// Goodfellow et al. 2014 (arXiv:1406.2661), with the names of a bare <c>nn.Sequential</c> whose layers and activations alternate:
/// <c>0.weight</c>, <c>2.weight</c> and on, as csinva's pre-trained MNIST GAN has them.
/// </remarks>
public sealed class MlpArchitecture : IGeneratorArchitecture
{
    private const int SmallestResolution = 8;
    private const int MostLayers = 64;

    /// <inheritdoc/>
    public string Name => "mlp-gan";

    /// <inheritdoc/>
    public bool Recognises(StoredNetwork stored) =>
        stored.Shapes.GetValueOrDefault("0.weight") is { Count: 2 } && Layers(stored) is [_, _, ..] layers
            && 2 * layers.Count == stored.Shapes.Count && ImageOf(layers[^1].Outputs) is not null;

    /// <inheritdoc/>
    public string Describe(StoredNetwork stored)
    {
        var layers = Layers(stored);
        return string.Create(CultureInfo.InvariantCulture, $"GAN of fully connected layers, {ShapeOf(layers)}, latent {layers[0].Inputs}, layers {string.Join(" ", layers.Select(layer => layer.Outputs))}");
    }

    /// <inheritdoc/>
    public ImageShape Images(StoredNetwork stored) => ShapeOf(Layers(stored));

    /// <inheritdoc/>
    public ImageGenerator BuildGenerator(StoredNetwork stored)
    {
        var layers = Layers(stored);
        return new MlpGenerator(ShapeOf(layers), layers);
    }

    /// <inheritdoc/>
    public ImageDiscriminator BuildDiscriminator(StoredNetwork stored, ImageGenerator generator) => new MlpDiscriminator(generator.Shape, DiscriminatorLayers(stored, generator.Shape));

    /// <inheritdoc/>
    public ImageDiscriminator MirrorDiscriminator(ImageGenerator generator)
    {
        var layers = ((MlpGenerator)generator).Layers.Reverse().ToList();
        return new MlpDiscriminator(generator.Shape, [.. layers.Select((layer, index) => new MlpLayer(2 * index, layer.Outputs, index == layers.Count - 1 ? 1 : layer.Inputs))]);
    }

    /// <summary>The layers of a discriminator for images of this shape.</summary>
    /// <exception cref="ArgumentException">They do not take such images, or do not end at one score.</exception>
    public static IReadOnlyList<MlpLayer> DiscriminatorLayers(StoredNetwork stored, ImageShape images)
    {
        var layers = Layers(stored);
        var pixels = images.Channels * images.Resolution * images.Resolution;
        return layers is [{ Inputs: var inputs }, ..] && inputs == pixels && layers[^1].Outputs == 1
            ? layers
            : throw new ArgumentException($"the discriminator does not take {images} images");
    }

    private static List<MlpLayer> Layers(StoredNetwork stored)
    {
        List<MlpLayer> layers = [];
        for (var number = 0; number < 2 * MostLayers && stored.Has($"{number}.weight") && stored.Has($"{number}.bias"); number += 2)
            layers.Add(new MlpLayer(number, stored.Size($"{number}.weight", 1), stored.Size($"{number}.weight", 0)));
        return layers;
    }

    private static ImageShape ShapeOf(List<MlpLayer> layers) =>
        ImageOf(layers[^1].Outputs) ?? throw new ArgumentException($"{layers[^1].Outputs} outputs are no square image of 1 or 3 channels");

    private static ImageShape? ImageOf(int pixels)
    {
        foreach (var channels in (int[])[1, 3])
            if (pixels % channels == 0 && (int)Math.Round(Math.Sqrt(pixels / channels)) is >= SmallestResolution and var side && side * side * channels == pixels)
                return new ImageShape(channels, side);

        return null;
    }
}

/// <summary>One fully connected layer.</summary>
/// <param name="Number">Its place in the sequence.</param>
/// <param name="Inputs">Length of a row that comes in.</param>
/// <param name="Outputs">Length of a row that goes out.</param>
public sealed record MlpLayer(int Number, int Inputs, int Outputs);
