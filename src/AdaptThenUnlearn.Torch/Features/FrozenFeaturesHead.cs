using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>A linear layer on the features of a network that was trained for something else and stays as it is; what <c>atu label</c> makes.</summary>
/// <remarks>
/// A discriminator's features serve classification well: Radford, Metz and Chintala 2016 (arXiv:1511.06434), section 5. The checkpoint holds
/// the network too, so that it stands alone.
/// </remarks>
public sealed class FrozenFeaturesHead : FeatureClassifier
{
    /// <summary>In checkpoints.</summary>
    public const string Name = "frozen-features-head";

    private const string FeaturesKey = "features";
    private const string Prefix = FeaturesKey + ".";

    private readonly FrozenNetwork _network;
    private readonly Linear output;

    /// <summary>Builds it with a fresh last layer from torch's default random source.</summary>
    /// <param name="network">Belongs to this from here on.</param>
    /// <param name="classes">Names of its outputs, in order.</param>
    public FrozenFeaturesHead(FrozenNetwork network, IReadOnlyList<string> classes) : base(Name, network.Shape, classes)
    {
        _network = network;
        output = nn.Linear(network.FeatureSize, classes.Count);
        register_module(FeaturesKey, network.Network);
        register_module(nameof(output), output);
    }

    /// <inheritdoc/>
    public override int FeatureSize => _network.FeatureSize;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Settings =>
        _network.Attributes.Select(pair => KeyValuePair.Create(Prefix + pair.Key, pair.Value)).Prepend(KeyValuePair.Create(FeaturesKey, _network.Kind)).ToDictionary();

    /// <inheritdoc/>
    public override Tensor Features(Tensor images) => _network.Features(images);

    /// <inheritdoc/>
    public override Tensor Logits(Tensor features) => output.call(features);

    /// <summary>Gives the last layer of two classes what makes the second as likely as a logistic function of the features says.</summary>
    /// <param name="weights"><c>[FeatureSize]</c>.</param>
    /// <param name="bias">The logistic function is σ(weights·features + bias).</param>
    public void SetWeights(Tensor weights, double bias)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        output.weight.copy_(stack([-weights / 2, weights / 2]));   // softmax sees the difference alone
        output.bias!.copy_(tensor([-bias / 2, bias / 2]));
    }

    /// <summary>Gives the network below up to the caller; this is of no use from then on.</summary>
    internal FrozenNetwork ReleaseNetwork()
    {
        output.Dispose();
        return _network;
    }

    /// <summary>Builds the one that a checkpoint describes, with fresh weights; belongs to the caller.</summary>
    /// <param name="file">Its metadata name the network, its tensors have its sizes.</param>
    /// <param name="shape">Images it takes.</param>
    /// <param name="classes">Names of its outputs, in order.</param>
    /// <param name="outputs">Whether one class holds, or several may.</param>
    /// <exception cref="KeyNotFoundException">Something is not said.</exception>
    /// <exception cref="ArgumentException">There is no such network, or the weights are not of it.</exception>
    /// <exception cref="FormatException">A number is none.</exception>
    internal static FrozenFeaturesHead Build(TensorFile file, ImageShape shape, IReadOnlyList<string> classes, ClassifierOutputs outputs)
    {
        var shapes = file.Tensors.Where(tensor => tensor.Name.StartsWith(Prefix, StringComparison.Ordinal)).ToDictionary(tensor => tensor.Name[Prefix.Length..], tensor => tensor.Shape);
        var attributes = file.Metadata.Where(pair => pair.Key.StartsWith(Prefix, StringComparison.Ordinal)).ToDictionary(pair => pair.Key[Prefix.Length..], pair => pair.Value);
        return new FrozenFeaturesHead(FrozenNetwork.Build(file.Metadata[FeaturesKey], new StoredNetwork(shapes, attributes), shape), classes) { Outputs = outputs };
    }
}
