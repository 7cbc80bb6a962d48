using System.Globalization;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Models.Sequence;

namespace AdaptThenUnlearn.Torch.Models.Dcgan;

/// <summary>The layers of PyTorch's own DCGAN example, and which stored sequences can be nothing else.</summary>
/// <remarks>
/// Each layer is a transposed convolution, batch normalisation and ReLU, the last a transposed convolution and tanh. The first
/// makes kernel × kernel pixels of one; every other has a kernel of 4 and doubles. Names and shapes of weights tell the order of
/// convolutions and normalisations and the kernels; strides, paddings, activations and the ε of the normalisation they do not
/// tell.
/// </remarks>
internal static class DcganLayout
{
    private const int DoublingKernel = 4;
    private const int LayersOfMnistVariant = 4;

    /// <summary>Why a sequence is not of this layout, or null where it is.</summary>
    public static string? ExplainMismatch(StoredSequence sequence)
    {
        var convolutions = Convolutions(sequence);
        var last = convolutions[^1].Number;
        var unexpected = sequence.InOrder.Where(part => !part.IsConvolution && !(part.IsBatchNorm
            && part.Number < last
            && convolutions.Any(before => before.Number + 1 == part.Number))).ToList();
        if (unexpected.Count > 0)
            return $"the layout '{LayerText.DcganTutorial}' (convolution, batch normalisation, ReLU) has no place for "
                + $"{Names(sequence, unexpected)}";
        foreach (var (convolution, next) in convolutions.Zip(convolutions.Skip(1)))
        {
            if (!sequence.Parts.ContainsKey(convolution.Number + 1))
                return $"no batch normalisation follows '{sequence.NameOf(convolution.Number, "weight")}'";
            if (next.Number != convolution.Number + 3)
                return $"between '{sequence.NameOf(convolution.Number + 1, "weight")}' and "
                    + $"'{sequence.NameOf(next.Number, "weight")}' lie "
                    + $"{(next.Number - convolution.Number - 2).ToString(CultureInfo.InvariantCulture)} layers without "
                    + "weights, not one";
            if (convolution.Size(1) != next.Size(0))
                return $"'{sequence.NameOf(convolution.Number, "weight")}' gives {convolution.Size(1)} maps, "
                    + $"'{sequence.NameOf(next.Number, "weight")}' takes {next.Size(0)}";
        }

        if (convolutions.Count < 2 || convolutions[0].Number != 0 || convolutions[0].Size(2) < 2)
            return "it does not begin with a convolution that makes an image of one pixel";
        return convolutions.Skip(1).FirstOrDefault(convolution => convolution.Size(2) != DoublingKernel) is { } other
            ? $"'{sequence.NameOf(other.Number, "weight")}' has a kernel of "
                + $"{other.Size(2).ToString(CultureInfo.InvariantCulture)}, whose stride and padding are not known; of "
                + "kernels of 4 they are 2 and 1"
            : null;
    }

    /// <summary>The layers of a sequence that has no <see cref="ExplainMismatch"/>.</summary>
    public static IReadOnlyList<SequenceLayer> Layers(StoredSequence sequence) => [.. Layers(sequence, secondEnlarges: false)];

    /// <summary>Reads a sequence that nobody has stated the layers of.</summary>
    /// <param name="sequence">As stored.</param>
    /// <param name="takenBy">Whether the discriminator that goes with it takes such images; null where none is known.</param>
    /// <exception cref="UnclearLayersException">It may be more than one network.</exception>
    public static SequenceInterpretation Assumed(StoredSequence sequence, Func<ImageShape, bool>? takenBy)
    {
        if (ExplainMismatch(sequence) is { } misfit)
            throw new UnclearLayersException(misfit, [SequenceInterpretation.SuggestLayers(sequence)]);

        var usual = Layers(sequence);
        var other = MnistVariant(sequence);
        if (other is null || takenBy?.Invoke(SequenceShape.Images(other)) == false)
            return new SequenceInterpretation(
                sequence.Prefix, usual, new AssumedLayers(Sentence(usual), [LayerText.DcganTutorial]));
        if (takenBy?.Invoke(SequenceShape.Images(usual)) == false)
            return new SequenceInterpretation(sequence.Prefix, other, new AssumedLayers(Sentence(other), Texts(other)));

        throw new UnclearLayersException(
            $"four kernels of 4 make {SequenceShape.Images(usual)} images with the strides of the layout "
                + $"'{LayerText.DcganTutorial}', and {SequenceShape.Images(other)} where the second layer has stride 1, as is "
                + "usual for MNIST",
            [[LayerText.DcganTutorial], Texts(other)]);
    }

    // Projects that made MNIST's 28×28 of it kept the kernels: 4, 7, 14, 28 pixels.
    private static List<SequenceLayer>? MnistVariant(StoredSequence sequence)
    {
        var convolutions = Convolutions(sequence);
        return convolutions.Count == LayersOfMnistVariant
            && convolutions[0].Size(2) == DoublingKernel
            && convolutions[^1].Size(1) == 1
            ? [.. Layers(sequence, secondEnlarges: true)]
            : null;
    }

    private static IEnumerable<SequenceLayer> Layers(StoredSequence sequence, bool secondEnlarges)
    {
        var convolutions = Convolutions(sequence);
        foreach (var (index, part) in convolutions.Index())
        {
            var (stride, padding) = index == 0 || (index == 1 && secondEnlarges) ? (1, 0) : (2, 1);
            yield return new ConvolutionLayer(
                part.Number,
                part.Size(0),
                part.Size(1),
                part.Size(2),
                stride,
                padding,
                OutputPadding: 0,
                part.HasBias,
                Transposed: true);
            if (index == convolutions.Count - 1)
                break;

            yield return new BatchNormLayer(
                part.Number + 1,
                part.Size(1),
                Epsilon: 1e-5,
                Rows: false,
                Affine: sequence.Parts[part.Number + 1].Tensors.ContainsKey("weight"));
            yield return new ReluLayer(part.Number + 2, 0);
        }

        yield return new TanhLayer(convolutions[^1].Number + 1);
    }

    private static string Sentence(IReadOnlyList<SequenceLayer> layers)
    {
        var geometries = layers
            .OfType<ConvolutionLayer>()
            .Select(layer => FormattableString.Invariant($"{layer.Kernel}/{layer.Stride}/{layer.Padding}"));
        return $"transposed convolutions with kernel, stride and padding {string.Join(", ", geometries)}; "
            + "after each but the last batch normalisation with eps 1e-5 and then ReLU; tanh at the end";
    }

    private static string[] Texts(IReadOnlyList<SequenceLayer> layers) => [.. layers.Select(layer => layer switch
    {
        ConvolutionLayer convolution => FormattableString.Invariant(
            $"ConvTranspose2d(kernel_size={convolution.Kernel}, stride={convolution.Stride}, padding={convolution.Padding})"),
        BatchNormLayer => "BatchNorm2d",
        ReluLayer => "ReLU",
        _ => "Tanh",
    })];

    private static string Names(StoredSequence sequence, IEnumerable<StoredPart> parts) =>
        string.Join(
            ", ", parts.SelectMany(part => part.Tensors.Keys.Select(name => $"'{sequence.NameOf(part.Number, name)}'")).Take(8));

    private static List<StoredPart> Convolutions(StoredSequence sequence) =>
        [.. sequence.InOrder.Where(part => part.IsConvolution)];
}
