using System.Globalization;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Models.Sequence;

namespace AdaptThenUnlearn.Torch.Models.Mlp;

/// <summary>
/// Rebuilds a GAN of fully connected layers from its weights, and from its layers where the policy states them.
/// </summary>
/// <remarks>
/// Goodfellow et al. 2014 (arXiv:1406.2661), with the names of an <c>nn.Sequential</c> whose layers and activations alternate:
/// <c>0.weight</c>, <c>2.weight</c> and on, as csinva's pre-trained MNIST GAN has them.
/// </remarks>
public sealed class MlpArchitecture : SequenceArchitecture
{
    private const int MnistSide = 28;
    private const int SmallestAssumedSide = 16;

    /// <inheritdoc/>
    public override string Name => "mlp-gan";

    /// <inheritdoc/>
    protected override string Layout => LayerText.MlpTutorial;

    /// <inheritdoc/>
    public override bool Recognises(StoredNetwork stored) =>
        StoredSequence.Parse(stored) is { Others: [] } sequence && sequence.Parts.Values.All(part => !part.IsConvolution)
            && sequence.InOrder.LastOrDefault(part => part.IsLinear) is { } last
                && SequenceShape.ImageOf(last.Size(0)) is not null;

    /// <inheritdoc/>
    public override ImageDiscriminator BuildDiscriminator(StoredNetwork stored, ImageGenerator generator) =>
        BuildDiscriminator(stored, generator.Shape);

    /// <summary>Builds the discriminator that these weights belong to, with fresh weights; belongs to the caller.</summary>
    /// <param name="stored">The discriminator's weights.</param>
    /// <param name="images">The images it takes.</param>
    /// <exception cref="ArgumentException">They do not take such images, or do not end at one score.</exception>
    public static MlpDiscriminator BuildDiscriminator(StoredNetwork stored, ImageShape images)
    {
        StoredSequence.RefuseSpectralNorm(stored);
        var sequence = StoredSequence.Parse(stored)
            ?? throw new ArgumentException("it is not a sequence of fully connected layers");
        if (sequence.InOrder.FirstOrDefault(part => !part.IsLinear || !part.HasBias) is { } other)
            throw new ArgumentException(
                $"'{sequence.NameOf(other.Number, other.Tensors.Keys.First())}' is of a layer that such a discriminator does "
                    + "not have: only fully connected layers with leaky ReLU between them are known");

        var layers = sequence.InOrder.Select(part => new MlpLayer(part.Number, part.Size(1), part.Size(0))).ToList();
        var pixels = images.Channels * images.Resolution * images.Resolution;
        return layers is [{ Inputs: var inputs }, ..] && inputs == pixels && layers[^1].Outputs == 1
            ? new MlpDiscriminator(images, layers, sequence.Prefix)
            : throw new ArgumentException($"the discriminator does not take {images} images, or does not end at one score");
    }

    /// <inheritdoc/>
    public override ImageDiscriminator MirrorDiscriminator(ImageGenerator generator)
    {
        var layers = ((SequentialGenerator)generator).Layers.OfType<LinearLayer>().Reverse().ToList();
        return new MlpDiscriminator(generator.Shape, [.. layers.Select(
            (layer, index) => new MlpLayer(2 * index, layer.Outputs, index == layers.Count - 1 ? 1 : layer.Inputs))]);
    }

    /// <inheritdoc/>
    public override string FeatureKind => MlpDiscriminator.Kind;

    /// <inheritdoc/>
    public override ImageDiscriminator BuildFeatureNetwork(StoredNetwork stored, ImageShape images) =>
        BuildDiscriminator(stored, images);

    /// <inheritdoc/>
    protected override string Describe(IReadOnlyList<SequenceLayer> layers) => string.Create(
        CultureInfo.InvariantCulture,
        $"GAN of fully connected layers, {SequenceShape.Images(layers)}, latent {SequenceShape.LatentSize(layers)}, layers "
            + $"{string.Join(" ", layers.OfType<LinearLayer>().Select(layer => layer.Outputs))}");

    /// <inheritdoc/>
    protected override SequenceInterpretation Assumed(StoredSequence sequence, StoredNetwork? discriminator) =>
        ExplainMismatch(sequence) is { } misfit
            ? throw new UnclearLayersException(misfit, [SequenceInterpretation.SuggestLayers(sequence)])
            : new SequenceInterpretation(
                sequence.Prefix,
                StandardLayers(sequence),
                new AssumedLayers("ReLU between its fully connected layers, and tanh at the end", [Layout]));

    /// <inheritdoc/>
    protected override IReadOnlyList<SequenceLayer> StandardLayers(StoredSequence sequence) => [.. Alternating(sequence)];

    private static IEnumerable<SequenceLayer> Alternating(StoredSequence sequence)
    {
        foreach (var part in sequence.InOrder.Where(part => part.IsLinear))
        {
            if (part.Number > 0)
                yield return new ReluLayer(part.Number - 1, 0);
            yield return new LinearLayer(part.Number, part.Size(1), part.Size(0), part.HasBias);
        }

        yield return new TanhLayer(sequence.Parts.Keys.Max() + 1);
    }

    /// <inheritdoc/>
    protected override string? ExplainMismatch(StoredSequence sequence)
    {
        if (sequence.InOrder.FirstOrDefault(part => !part.IsLinear) is { } other)
            return $"the layout '{LayerText.MlpTutorial}' has no place for "
                + $"{string.Join(", ", other.Tensors.Keys.Select(name => $"'{sequence.NameOf(other.Number, name)}'"))}";
        var numbers = sequence.InOrder.Select(part => part.Number).ToList();
        if (numbers.Count < 2 || !numbers.SequenceEqual(Enumerable.Range(0, numbers.Count).Select(index => 2 * index)))
            return $"layers and activations do not alternate in its numbers ({string.Join(", ", numbers)})";
        var side = SequenceShape.ImageOf(sequence.Parts[numbers[^1]].Size(0))?.Resolution ?? 0;
        return side == MnistSide || (side >= SmallestAssumedSide && int.IsPow2(side))
            ? null
            : string.Create(
                CultureInfo.InvariantCulture,
                $"{sequence.Parts[numbers[^1]].Size(0)} outputs need not be an image: only sides of 28 pixels and of powers "
                    + $"of two from 16 on are taken for one");
    }
}

/// <summary>One fully connected layer of a discriminator.</summary>
/// <param name="Number">Its place in the sequence.</param>
/// <param name="Inputs">Length of a row that comes in.</param>
/// <param name="Outputs">Length of a row that goes out.</param>
public sealed record MlpLayer(int Number, int Inputs, int Outputs);
