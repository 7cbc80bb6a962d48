using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>
/// A linear layer on the features of a network that was trained for another task and is not trained further; <c>atu label</c>
/// makes it.
/// </summary>
/// <remarks>
/// A discriminator's features serve classification well: Radford, Metz and Chintala 2016 (arXiv:1511.06434), section 5. The
/// checkpoint holds that network too, so that it needs no other file.
/// </remarks>
public sealed class FrozenFeaturesHead : FeatureClassifier
{
    /// <summary>Its name in checkpoints.</summary>
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
        _network.Attributes.Select(pair => KeyValuePair.Create(Prefix + pair.Key, pair.Value))
            .Prepend(KeyValuePair.Create(FeaturesKey, _network.Kind))
            .ToDictionary();

    /// <inheritdoc/>
    public override Tensor Features(Tensor images) => _network.Features(images);

    /// <inheritdoc/>
    public override Tensor Logits(Tensor features) => output.call(features);

    /// <summary>
    /// Sets the last layer of two classes, so that the probability of the second is a logistic function of the features.
    /// </summary>
    /// <param name="weights"><c>[FeatureSize]</c>.</param>
    /// <param name="bias">The logistic function is σ(weights·features + bias).</param>
    public void SetWeights(Tensor weights, double bias)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        output.weight.copy_(stack([-weights / 2, weights / 2]));   // softmax sees the difference alone
        output.bias!.copy_(tensor([-bias / 2, bias / 2]));
    }

    /// <summary>Hands the network below to the caller; this head must not be used afterwards.</summary>
    internal FrozenNetwork ReleaseNetwork()
    {
        output.Dispose();
        return _network;
    }

    /// <summary>Builds the one that a checkpoint describes, with fresh weights; belongs to the caller.</summary>
    /// <param name="file">A checkpoint whose metadata name the network and whose tensors have its sizes.</param>
    /// <param name="shape">The images it takes.</param>
    /// <param name="classes">Names of its outputs, in order.</param>
    /// <param name="outputs">Whether one class holds, or several may.</param>
    /// <exception cref="KeyNotFoundException">The metadata lack a key.</exception>
    /// <exception cref="ArgumentException">The network is unknown, or the weights are not of it.</exception>
    /// <exception cref="FormatException">An attribute is not a number.</exception>
    internal static FrozenFeaturesHead Build(
        TensorFile file, ImageShape shape, IReadOnlyList<string> classes, ClassifierOutputs outputs)
    {
        var shapes = file.Tensors.Where(tensor => tensor.Name.StartsWith(Prefix, StringComparison.Ordinal))
            .ToDictionary(tensor => tensor.Name[Prefix.Length..], tensor => tensor.Shape);
        var attributes = file.Metadata.Where(pair => pair.Key.StartsWith(Prefix, StringComparison.Ordinal))
            .ToDictionary(pair => pair.Key[Prefix.Length..], pair => pair.Value);
        return new FrozenFeaturesHead(
            FrozenNetwork.Build(file.Metadata[FeaturesKey], new StoredNetwork(shapes, attributes), shape),
            classes)
        { Outputs = outputs };
    }
}
