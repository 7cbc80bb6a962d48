using System.Globalization;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Models.Sequence;

namespace AdaptThenUnlearn.Torch.Models.Dcgan;

/// <summary>Rebuilds a DCGAN from its weights, and from its layers where the policy states them.</summary>
/// <remarks>
/// Radford, Metz and Chintala 2016 (arXiv:1511.06434), with the names of PyTorch's own example (<c>main.0.weight</c> and so on)
/// and of the projects that follow it. <see cref="DcganLayout"/> is its usual layout.
/// </remarks>
public sealed class DcganArchitecture : SequenceArchitecture
{
    private static readonly string[] _usualPrefixes = ["main", ""];

    /// <inheritdoc/>
    public override string Name => "dcgan";

    /// <inheritdoc/>
    protected override string Layout => LayerText.DcganTutorial;

    /// <inheritdoc/>
    public override bool Recognises(StoredNetwork stored) =>
        StoredSequence.Parse(stored) is { } sequence && (sequence.Others.Count == 0 || _usualPrefixes.Contains(sequence.Prefix))
            && sequence.Parts.Values.Any(part => part.IsConvolution) && !IsDiscriminator(sequence);

    /// <inheritdoc/>
    public override ImageDiscriminator BuildDiscriminator(StoredNetwork stored, ImageGenerator generator) =>
        BuildDiscriminator(stored, generator.Shape);

    /// <summary>Builds the discriminator that these weights belong to, with fresh weights; belongs to the caller.</summary>
    /// <param name="stored">The discriminator's weights.</param>
    /// <param name="images">The images it takes.</param>
    /// <exception cref="ArgumentException">They do not take such images, or do not end at a single pixel.</exception>
    public static DcganDiscriminator BuildDiscriminator(StoredNetwork stored, ImageShape images) =>
        new(images, DiscriminatorLayers(stored, images), StoredSequence.Parse(stored)!.Prefix);

    /// <inheritdoc/>
    /// <remarks>
    /// A convolution of the same kernel, stride and padding reverses the change of size of a transposed one; a stride reverses an
    /// enlargement by the same factor.
    /// </remarks>
    public override ImageDiscriminator MirrorDiscriminator(ImageGenerator generator) =>
        new DcganDiscriminator(generator.Shape, MirrorOf(((SequentialGenerator)generator).Layers));

    /// <inheritdoc/>
    public override string FeatureKind => DcganDiscriminator.Kind;

    /// <inheritdoc/>
    public override ImageDiscriminator BuildFeatureNetwork(StoredNetwork stored, ImageShape images) =>
        BuildDiscriminator(stored, images);

    /// <inheritdoc/>
    protected override string Describe(IReadOnlyList<SequenceLayer> layers) => string.Create(
        CultureInfo.InvariantCulture,
        $"DCGAN, {SequenceShape.Images(layers)}, latent {SequenceShape.LatentSize(layers)}, channels "
            + $"{string.Join(" ", layers.OfType<ConvolutionLayer>().SkipLast(1).Select(layer => layer.Outputs))}");

    /// <inheritdoc/>
    protected override string? ExplainMismatch(StoredSequence sequence) => DcganLayout.ExplainMismatch(sequence);

    /// <inheritdoc/>
    protected override IReadOnlyList<SequenceLayer> StandardLayers(StoredSequence sequence) => DcganLayout.Layers(sequence);

    /// <inheritdoc/>
    protected override SequenceInterpretation Assumed(StoredSequence sequence, StoredNetwork? discriminator) =>
        DcganLayout.Assumed(sequence, discriminator is null ? null : images => Takes(discriminator, images));

    // The convolutions of a discriminator for images of this shape.
    private static List<DcganLayer> DiscriminatorLayers(StoredNetwork stored, ImageShape images)
    {
        StoredSequence.RefuseSpectralNorm(stored);
        var sequence = StoredSequence.Parse(stored) ?? throw new ArgumentException("it is not a sequence of convolutions");
        if (sequence.InOrder.FirstOrDefault(part => part.IsLinear) is { } linear)
            throw new ArgumentException(
                $"'{sequence.NameOf(linear.Number, "weight")}' is of a fully connected layer, and only discriminators that "
                    + "end in a convolution to one pixel are known");

        List<DcganLayer> layers = [];
        var size = images.Resolution;
        foreach (var part in sequence.InOrder.Where(part => part.IsConvolution))
        {
            var kernel = part.Size(2);
            var (stride, padding) = kernel switch
            {
                4 when size == 4 => (1, 0),   // what is left becomes one pixel
                4 => (2, 1),
                3 => (1, 1),
                _ => throw new ArgumentException(
                    $"'{sequence.NameOf(part.Number, "weight")}' has a kernel of {kernel}, and only 4 and 3 are known"),
            };
            size = (size + 2 * padding - kernel) / stride + 1;
            var normalised = sequence.Parts.TryGetValue(part.Number + 1, out var next) && next.IsBatchNorm;
            layers.Add(
                new DcganLayer(part.Number, part.Size(1), part.Size(0), kernel, stride, padding, part.HasBias, normalised));
        }

        if (size != 1 || layers is [] || layers[0].Inputs != images.Channels)
            throw new ArgumentException($"the discriminator does not take {images} images");
        foreach (var (layer, next) in layers.Zip(layers.Skip(1)))
            if (layer.Outputs != next.Inputs)
                throw new ArgumentException(
                    $"'{sequence.NameOf(layer.Number, "weight")}' gives {layer.Outputs} maps, "
                        + $"'{sequence.NameOf(next.Number, "weight")}' takes {next.Inputs}");
        return layers;
    }

    // The layers of a discriminator for what these layers make, down to one pixel.
    private static IReadOnlyList<DcganLayer> MirrorOf(IReadOnlyList<SequenceLayer> layers)
    {
        var shapes = SequenceShape.Along(layers);
        List<(int Inputs, int Outputs, int Kernel, int Stride, int Padding)> mirrored = [];
        var enlarged = 1;
        foreach (var (place, layer) in layers.Index())
        {
            enlarged *= layer is UpsampleLayer up ? up.Factor : 1;
            if (layer is UnflattenLayer { Side: > 1 } rows)
                mirrored.Add((rows.Maps, 1, rows.Side, 1, 0));
            if (layer is not ConvolutionLayer convolution)
                continue;

            var stride = convolution.Transposed ? convolution.Stride : enlarged;
            var (leaves, before) = (shapes[place + 1].Side, shapes[place].Side / enlarged);
            if ((convolution.Transposed && enlarged > 1)
                || (!convolution.Transposed && convolution.Stride > 1)
                || (leaves + 2 * convolution.Padding - convolution.Kernel) / stride + 1 != before)
                throw new ArgumentException(
                    string.Create(CultureInfo.InvariantCulture, $"layer {layer.Number} has no counterpart in a discriminator"));
            mirrored.Add((convolution.Outputs, convolution.Inputs, convolution.Kernel, stride, convolution.Padding));
            enlarged = 1;
        }

        mirrored.Reverse();
        return [.. mirrored.Select((layer, index) => new DcganLayer(
            2 * index,
            layer.Inputs,
            index == mirrored.Count - 1 ? 1 : layer.Outputs,
            layer.Kernel,
            layer.Stride,
            layer.Padding,
            Bias: true,
            Normalised: false))];
    }

    // Down to the 4×4 pixels that the last convolution covers, as those projects have it.
    private static bool Takes(StoredNetwork discriminator, ImageShape images)
    {
        try
        {
            return DiscriminatorLayers(discriminator, images)[^1].Stride == 1;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    // It begins with a convolution of an image's channels and goes on from there, which transposed convolutions do the other way
    // round.
    private static bool IsDiscriminator(StoredSequence sequence)
    {
        var convolutions = sequence.InOrder.Where(part => part.IsConvolution).ToList();
        return sequence.InOrder.First().IsConvolution
            && convolutions[0].Size(1) is 1 or 3
            && convolutions.Zip(convolutions.Skip(1)).All(pair => pair.First.Size(0) == pair.Second.Size(1))
            && (convolutions.Count > 1 || convolutions[0].Size(0) == 1);
    }
}

/// <summary>One convolution of a DCGAN's discriminator.</summary>
/// <param name="Number">Its place in the sequence.</param>
/// <param name="Inputs">Feature maps that come in.</param>
/// <param name="Outputs">Feature maps that go out.</param>
/// <param name="Kernel">Pixels a side.</param>
/// <param name="Stride">Pixels between two outputs.</param>
/// <param name="Padding">Pixels around the input.</param>
/// <param name="Bias">Whether it has one.</param>
/// <param name="Normalised">Whether batch normalisation follows.</param>
public sealed record DcganLayer(
    int Number, int Inputs, int Outputs, int Kernel, int Stride, int Padding, bool Bias, bool Normalised);
