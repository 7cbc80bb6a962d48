using AdaptThenUnlearn.Torch.Models.Sequence;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Torch.Models.Dcgan;

/// <summary>
/// Strided convolutions with batch normalisation and leaky ReLU; its score is what the original puts through a sigmoid.
/// </summary>
/// <remarks>Radford, Metz and Chintala 2016 (arXiv:1511.06434), section 3.</remarks>
public sealed class DcganDiscriminator : ImageDiscriminator
{
    // Classifiers on its features are stored under this word: changing it makes them unreadable.
    internal const string Kind = "dcgan-discriminator";

    private readonly List<Module<Tensor, Tensor>> _parts = [];
    private readonly IReadOnlyList<DcganLayer> _layers;
    private readonly string _prefix;

    /// <summary>Builds it with fresh weights from torch's default random source.</summary>
    /// <param name="images">The images it takes.</param>
    /// <param name="layers">Convolutions from the image down to one pixel.</param>
    /// <param name="prefix">The name before its layers' numbers; empty where there is none.</param>
    public DcganDiscriminator(ImageShape images, IReadOnlyList<DcganLayer> layers, string prefix = "main")
        : base(nameof(DcganDiscriminator), images)
    {
        (_layers, _prefix) = (layers, prefix);
        var owner = prefix.Length == 0 ? (nn.Module)this : new NumberedLayers();
        foreach (var (name, part) in layers.SelectMany(Parts))
        {
            owner.register_module(name, part);
            _parts.Add(part);
        }

        if (prefix.Length > 0)
            register_module(prefix, owner);
    }

    /// <inheritdoc/>
    public override Tensor Score(Tensor images)
    {
        using var scope = NewDisposeScope();
        return Through(_parts, images).flatten(1).MoveToOuterDisposeScope();   // [N, 1]
    }

    /// <inheritdoc/>
    /// <remarks>The last maps with their places, as Radford et al. (section 5) classify by them.</remarks>
    public override int FeatureSize
    {
        get
        {
            var size = _layers.SkipLast(1)
                .Aggregate(Shape.Resolution, (before, layer) => (before + 2 * layer.Padding - layer.Kernel) / layer.Stride + 1);
            return _layers[^1].Inputs * size * size;
        }
    }

    /// <inheritdoc/>
    public override Tensor Features(Tensor images)
    {
        using var scope = NewDisposeScope();
        return Through(_parts.SkipLast(1), images).flatten(1).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override string Assumption => SequenceArchitecture.DiscriminatorAssumption;

    /// <inheritdoc/>
    public override string FeatureKind => Kind;

    /// <inheritdoc/>
    public override ImageDiscriminator Copy() => Weights.CopiedTo(new DcganDiscriminator(Shape, _layers, _prefix), this);

    private static Tensor Through(IEnumerable<Module<Tensor, Tensor>> parts, Tensor images) =>
        parts.Aggregate(images, (maps, part) => part.call(maps));

    private IEnumerable<(string, Module<Tensor, Tensor>)> Parts(DcganLayer layer)
    {
        yield return ($"{layer.Number}", Conv2d(
            layer.Inputs, layer.Outputs, layer.Kernel, stride: layer.Stride, padding: layer.Padding, bias: layer.Bias));
        if (layer.Normalised)
            yield return ($"{layer.Number + 1}", BatchNorm2d(layer.Outputs));
        if (layer != _layers[^1])
            yield return ($"{layer.Number + (layer.Normalised ? 2 : 1)}", LeakyReLU(0.2));
    }
}
