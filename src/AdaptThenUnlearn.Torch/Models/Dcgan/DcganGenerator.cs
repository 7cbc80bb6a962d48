using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Torch.Models.Dcgan;

/// <summary>Transposed convolutions with batch normalisation and ReLU, tanh at the end.</summary>
/// <remarks>
/// Radford, Metz and Chintala 2016 (arXiv:1511.06434), figure 1. The statistics of batch normalisation stay as they were stored, in training
/// too: what is trained is then what is measured, and an average of weights has statistics that fit it.
/// </remarks>
public sealed class DcganGenerator : ImageGenerator
{
    private readonly Sequential main;

    /// <summary>Builds it with fresh weights from torch's default random source.</summary>
    /// <exception cref="ArgumentException">The layers do not end in images of 1 or 3 channels.</exception>
    public DcganGenerator(IReadOnlyList<DcganLayer> layers) : base(nameof(DcganGenerator), ShapeOf(layers), layers[0].Inputs)
    {
        Layers = layers;
        main = Sequential([.. layers.SelectMany(Parts)]);
        RegisterComponents();
    }

    /// <summary>Its transposed convolutions, in order.</summary>
    public IReadOnlyList<DcganLayer> Layers { get; }

    /// <inheritdoc/>
    public override bool Truncates => false;

    /// <inheritdoc/>
    public override IReadOnlyList<int> NoiseSizes => [];

    /// <inheritdoc/>
    public override IReadOnlyList<Tensor> StoredNoise => [];

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">Truncation other than 1: there is no mean image to come nearer to.</exception>
    public override Tensor Generate(Tensor latents, IReadOnlyList<Tensor>? noise, double truncation = 1)
    {
        if (truncation != 1)
            throw new NotSupportedException("a DCGAN has no truncation; leave it at 1");

        using var scope = NewDisposeScope();
        return main.call(latents.unsqueeze(-1).unsqueeze(-1)).tanh().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override ImageGenerator Copy() => Weights.CopiedTo(new DcganGenerator(Layers), this);

    /// <inheritdoc/>
    public override void train(bool train = true)
    {
        base.train(train);
        foreach (var layer in main.children().OfType<BatchNorm2d>())
            layer.train(false);
    }

    /// <summary>What images these layers make of one pixel.</summary>
    /// <exception cref="ArgumentException">None of 1 or 3 channels.</exception>
    internal static ImageShape ShapeOf(IReadOnlyList<DcganLayer> layers)
    {
        var size = layers.Aggregate(1, (size, layer) => (size - 1) * layer.Stride - 2 * layer.Padding + layer.Kernel);
        return layers is [_, _, ..] && size is >= 8 and <= 16384 && layers[^1].Outputs is 1 or 3
            ? new ImageShape(layers[^1].Outputs, size)
            : throw new ArgumentException("the layers do not make images of 1 or 3 channels");
    }

    private static IEnumerable<(string, Module<Tensor, Tensor>)> Parts(DcganLayer layer)
    {
        yield return ($"{layer.Number}", ConvTranspose2d(layer.Inputs, layer.Outputs, layer.Kernel, stride: layer.Stride, padding: layer.Padding, bias: layer.Bias));
        if (!layer.Normalised)
            yield break;

        yield return ($"{layer.Number + 1}", BatchNorm2d(layer.Outputs));
        yield return ($"{layer.Number + 2}", ReLU());
    }
}
