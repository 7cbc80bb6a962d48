using System.Globalization;

namespace AdaptThenUnlearn.Torch.Models.Dcgan;

/// <summary>Rebuilds a DCGAN from the names and shapes of its weights.</summary>
/// <remarks>
/// Radford, Metz and Chintala 2016 (arXiv:1511.06434), with the names of PyTorch's own example (<c>main.0.weight</c> and on) and of what
/// was made from it, such as csinva's pre-trained GANs. Shapes do not tell strides: kernels of 4 double or halve, as in those projects.
/// </remarks>
public sealed class DcganArchitecture : IGeneratorArchitecture
{
    private const int MostLayers = 64;

    /// <inheritdoc/>
    public string Name => "dcgan";

    /// <inheritdoc/>
    public bool Recognises(StoredNetwork stored) => stored.Shapes.GetValueOrDefault("main.0.weight") is { Count: 4 } && stored.Has("main.1.running_mean");

    /// <inheritdoc/>
    public string Describe(StoredNetwork stored)
    {
        var layers = GeneratorLayers(stored);
        return string.Create(CultureInfo.InvariantCulture, $"DCGAN, {DcganGenerator.ShapeOf(layers)}, latent {layers[0].Inputs}, channels {string.Join(" ", layers.SkipLast(1).Select(layer => layer.Outputs))}");
    }

    /// <inheritdoc/>
    public ImageShape Images(StoredNetwork stored) => DcganGenerator.ShapeOf(GeneratorLayers(stored));

    /// <inheritdoc/>
    public ImageGenerator BuildGenerator(StoredNetwork stored) => new DcganGenerator(GeneratorLayers(stored));

    /// <inheritdoc/>
    public ImageDiscriminator BuildDiscriminator(StoredNetwork stored, ImageGenerator generator) => new DcganDiscriminator(generator.Shape, DiscriminatorLayers(stored, generator.Shape));

    /// <inheritdoc/>
    /// <remarks>A convolution of the same kernel, stride and padding undoes the size of a transposed one, down to the one pixel that the generator begins with.</remarks>
    public ImageDiscriminator MirrorDiscriminator(ImageGenerator generator)
    {
        var layers = ((DcganGenerator)generator).Layers.Reverse().ToList();
        return new DcganDiscriminator(generator.Shape, [.. layers.Select((layer, index) => new DcganLayer(
            2 * index, layer.Outputs, index == layers.Count - 1 ? 1 : layer.Inputs, layer.Kernel, layer.Stride, layer.Padding, Bias: true, Normalised: false))]);
    }

    /// <summary>The transposed convolutions of a generator.</summary>
    /// <exception cref="ArgumentException">They do not belong together.</exception>
    public static IReadOnlyList<DcganLayer> GeneratorLayers(StoredNetwork stored)
    {
        List<DcganLayer> layers = [];
        foreach (var number in Numbers(stored))
        {
            var kernel = stored.Size(Weight(number), 2);
            var (stride, padding) = (layers.Count, kernel) switch
            {
                (0, _) => (1, 0),   // one pixel becomes kernel × kernel
                (_, 4) => (2, 1),   // doubles
                (_, 3) => (1, 1),
                (_, 1) => (1, 2),   // csinva's last layer: cuts a border of two pixels off
                _ => throw new ArgumentException($"'{Weight(number)}' has a kernel of {kernel}, and only 4, 3 and 1 are known"),
            };
            layers.Add(Layer(stored, number, inputs: 0, outputs: 1, kernel, stride, padding));
        }

        return Chained(layers);
    }

    /// <summary>The convolutions of a discriminator for images of this shape.</summary>
    /// <exception cref="ArgumentException">They do not belong together, or do not end at a single pixel.</exception>
    public static IReadOnlyList<DcganLayer> DiscriminatorLayers(StoredNetwork stored, ImageShape images)
    {
        List<DcganLayer> layers = [];
        var size = images.Resolution;
        foreach (var number in Numbers(stored))
        {
            var kernel = stored.Size(Weight(number), 2);
            var (stride, padding) = kernel switch
            {
                4 when size == 4 => (1, 0),   // what is left becomes one pixel
                4 => (2, 1),
                3 => (1, 1),
                _ => throw new ArgumentException($"'{Weight(number)}' has a kernel of {kernel}, and only 4 and 3 are known"),
            };
            size = (size + 2 * padding - kernel) / stride + 1;
            layers.Add(Layer(stored, number, inputs: 1, outputs: 0, kernel, stride, padding));
        }

        if (size != 1 || layers is [] || layers[0].Inputs != images.Channels)
            throw new ArgumentException($"the discriminator does not take {images} images");
        return Chained(layers);
    }

    private static DcganLayer Layer(StoredNetwork stored, int number, int inputs, int outputs, int kernel, int stride, int padding) => new(
        number, stored.Size(Weight(number), inputs), stored.Size(Weight(number), outputs), kernel, stride, padding,
        Bias: stored.Has($"main.{number}.bias"), Normalised: stored.Has($"main.{number + 1}.running_mean"));

    private static string Weight(int number) => $"main.{number.ToString(CultureInfo.InvariantCulture)}.weight";

    private static IEnumerable<int> Numbers(StoredNetwork stored) => Enumerable.Range(0, MostLayers).Where(number => stored.Shapes.GetValueOrDefault(Weight(number)) is { Count: 4 });

    private static List<DcganLayer> Chained(List<DcganLayer> layers)
    {
        foreach (var (layer, next) in layers.Zip(layers.Skip(1)))
            if (layer.Outputs != next.Inputs)
                throw new ArgumentException($"'{Weight(layer.Number)}' gives {layer.Outputs} maps, '{Weight(next.Number)}' takes {next.Inputs}");
        return layers;
    }
}

/// <summary>One convolution of a DCGAN.</summary>
/// <param name="Number">Its place in the sequence.</param>
/// <param name="Inputs">Feature maps that come in.</param>
/// <param name="Outputs">Feature maps that go out.</param>
/// <param name="Kernel">Pixels a side.</param>
/// <param name="Stride">Pixels between two outputs, or inputs of a transposed one.</param>
/// <param name="Padding">Pixels around the input.</param>
/// <param name="Bias">Whether it has one.</param>
/// <param name="Normalised">Whether batch normalisation follows.</param>
public sealed record DcganLayer(int Number, int Inputs, int Outputs, int Kernel, int Stride, int Padding, bool Bias, bool Normalised);
