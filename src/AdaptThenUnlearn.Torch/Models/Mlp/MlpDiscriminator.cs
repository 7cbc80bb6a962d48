using System.Globalization;
using AdaptThenUnlearn.Torch.Models.Sequence;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Torch.Models.Mlp;

/// <summary>Fully connected layers with leaky ReLU; its score is what the original puts through a sigmoid.</summary>
public sealed class MlpDiscriminator : ImageDiscriminator
{
    // Classifiers on its features are stored under this word: changing it makes them unreadable.
    internal const string Kind = "mlp-discriminator";

    private readonly IReadOnlyList<MlpLayer> _sizes;
    private readonly string _prefix;
    private readonly List<Linear> _layers = [];

    /// <summary>Builds it with fresh weights from torch's default random source.</summary>
    /// <param name="images">The images it takes.</param>
    /// <param name="layers">Layers from pixels to one score.</param>
    /// <param name="prefix">The name before its layers' numbers; empty where there is none.</param>
    public MlpDiscriminator(ImageShape images, IReadOnlyList<MlpLayer> layers, string prefix = "")
        : base(nameof(MlpDiscriminator), images)
    {
        (_sizes, _prefix) = (layers, prefix);
        var owner = prefix.Length == 0 ? (Module)this : new NumberedLayers();
        foreach (var (number, inputs, outputs) in layers)
        {
            _layers.Add(Linear(inputs, outputs));
            owner.register_module(number.ToString(CultureInfo.InvariantCulture), _layers[^1]);
        }

        if (prefix.Length > 0)
            register_module(prefix, owner);
    }

    /// <inheritdoc/>
    public override Tensor Score(Tensor images)
    {
        using var scope = NewDisposeScope();
        return Through(_layers, images).MoveToOuterDisposeScope();   // [N, 1]
    }

    /// <inheritdoc/>
    public override int FeatureSize => _sizes[^1].Inputs;

    /// <inheritdoc/>
    public override Tensor Features(Tensor images)
    {
        using var scope = NewDisposeScope();
        return Activated(Through(_layers[..^1], images)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override string Assumption => SequenceArchitecture.DiscriminatorAssumption;

    /// <inheritdoc/>
    public override string FeatureKind => Kind;

    /// <inheritdoc/>
    public override ImageDiscriminator Copy() => Weights.CopiedTo(new MlpDiscriminator(Shape, _sizes, _prefix), this);

    private static Tensor Activated(Tensor rows) => functional.leaky_relu(rows, 0.2);

    private static Tensor Through(IEnumerable<Linear> layers, Tensor images) =>
        layers.Index()
            .Aggregate(images.flatten(1), (current, layer) => layer.Item.call(layer.Index == 0 ? current : Activated(current)));
}
