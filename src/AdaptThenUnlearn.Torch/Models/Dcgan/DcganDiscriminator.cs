using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Torch.Models.Dcgan;

/// <summary>Strided convolutions with batch normalisation and leaky ReLU; its score is what the original puts through a sigmoid.</summary>
/// <remarks>Radford, Metz and Chintala 2016 (arXiv:1511.06434), section 3.</remarks>
public sealed class DcganDiscriminator : ImageDiscriminator
{
    private readonly Sequential main;
    private readonly IReadOnlyList<DcganLayer> _layers;

    /// <summary>Builds it with fresh weights from torch's default random source.</summary>
    /// <param name="images">What it takes.</param>
    /// <param name="layers">Down to one pixel.</param>
    public DcganDiscriminator(ImageShape images, IReadOnlyList<DcganLayer> layers) : base(nameof(DcganDiscriminator), images)
    {
        _layers = layers;
        main = Sequential([.. layers.SelectMany(Parts)]);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor Score(Tensor images)
    {
        using var scope = NewDisposeScope();
        return main.call(images).flatten(1).MoveToOuterDisposeScope();   // [N, 1]
    }

    /// <inheritdoc/>
    /// <remarks>The last maps with their places, as Radford et al. (section 5) classify by them.</remarks>
    public override int FeatureSize
    {
        get
        {
            var size = _layers.SkipLast(1).Aggregate(Shape.Resolution, (before, layer) => (before + 2 * layer.Padding - layer.Kernel) / layer.Stride + 1);
            return _layers[^1].Inputs * size * size;
        }
    }

    /// <inheritdoc/>
    public override Tensor Features(Tensor images)
    {
        using var scope = NewDisposeScope();
        return main.children().SkipLast(1).Cast<Module<Tensor, Tensor>>().Aggregate(images, (maps, layer) => layer.call(maps)).flatten(1).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override ImageDiscriminator Copy() => Weights.CopiedTo(new DcganDiscriminator(Shape, _layers), this);

    private IEnumerable<(string, Module<Tensor, Tensor>)> Parts(DcganLayer layer)
    {
        yield return ($"{layer.Number}", Conv2d(layer.Inputs, layer.Outputs, layer.Kernel, stride: layer.Stride, padding: layer.Padding, bias: layer.Bias));
        if (layer.Normalised)
            yield return ($"{layer.Number + 1}", BatchNorm2d(layer.Outputs));
        if (layer != _layers[^1])
            yield return ($"{layer.Number + (layer.Normalised ? 2 : 1)}", LeakyReLU(0.2));
    }
}
