using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>
/// Classifiers of torchvision that a policy can name, so that their state dict is enough. A new one: add its name and its line.
/// </summary>
/// <remarks>
/// ResNets (He et al. 2016, arXiv:1512.03385) and MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381) are those of the package
/// TorchVision, which has torchvision's names. It has no vision transformer, no EfficientNet, and of MobileNetV3 only one with
/// 1000 classes: those are <see cref="VisionTransformer"/> and <see cref="MobileNetwork"/>.
/// </remarks>
public static class TorchvisionClassifiers
{
    /// <summary>Their names, as torchvision has them. To list them loads no libtorch.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large",
        "efficientnet_b0", Transformer,
    ];

    private const string Transformer = "vit_b_16";

    /// <summary>Loads one in eval mode.</summary>
    /// <param name="architecture">One of <see cref="Names"/>.</param>
    /// <param name="file">Holds its state dict, which other names may wrap, such as <c>state_dict</c> and <c>module.</c></param>
    /// <param name="images">What the generator makes.</param>
    /// <param name="classes">Names of its outputs, in order.</param>
    /// <param name="outputs">What its outputs are.</param>
    /// <param name="preprocessor">Prepares the images; null where it takes them as they are.</param>
    /// <param name="device">Where it goes.</param>
    /// <returns>Belongs to the caller.</returns>
    /// <exception cref="CheckpointException">
    /// The file holds another network, or one with another number of classes; or the network gets images without colours.
    /// </exception>
    internal static FeatureClassifier Load(
        string architecture,
        TensorFile file,
        ImageShape images,
        IReadOnlyList<string> classes,
        ClassifierOutputs outputs,
        Preprocessor? preprocessor,
        Device device)
    {
        var given = preprocessor?.Shape ?? images;
        if (given.Channels != TorchvisionClassifier.Channels)
            throw new CheckpointException(
                file.Path,
                $"is a {architecture}, which takes colours, and it would get {given}",
                "say \"preprocessing\": { \"channels\": \"rgb\", … } in the policy");

        var weights = GanSections.WholeOf(file).In(file);
        if (architecture == Transformer)
            RequireResolution(file.Path, weights, given.Resolution);
        var built = Build(architecture, classes.Count, given.Resolution);
        if (weights.Find($"{built.LastLayer}.weight") is { Shape: [var stored, _] } && stored != classes.Count)
        {
            built.Network.Dispose();
            throw new CheckpointException(
                file.Path,
                $"has {stored} classes, the policy names {classes.Count}",
                "name all of them, in the order of its outputs");
        }

        var classifier = new TorchvisionClassifier(architecture, built, images, classes, preprocessor) { Outputs = outputs };
        return GeneratorCheckpoint.LoadStateDict(classifier, TorchvisionClassifier.Locate, weights, device);
    }

    // A transformer has an embedding for each patch of its images, and one more.
    private static void RequireResolution(string path, TensorFile weights, int given)
    {
        const int Patch = 16;
        if (weights.Find("encoder.pos_embedding") is not { Shape: [1, var tokens, _] })
            return;   // loading names the tensor that is missing

        var taken = (int)Math.Round(Math.Sqrt(tokens - 1)) * Patch;
        if (taken != given)
            throw new CheckpointException(
                path,
                $"takes images of {taken}×{taken} pixels, and it would get {given}×{given}",
                $"say \"preprocessing\": {{ …, \"resize\": {taken} }} in the policy, or \"resize\" and \"crop\" as in its "
                    + "training");
    }

    private static TorchvisionNetwork Build(string architecture, int classes, int resolution) => architecture switch
    {
        "resnet18" => Residual(torchvision.models.resnet18(classes)),
        "resnet34" => Residual(torchvision.models.resnet34(classes)),
        "resnet50" => Residual(torchvision.models.resnet50(classes)),
        "resnet101" => Residual(torchvision.models.resnet101(classes)),
        "resnet152" => Residual(torchvision.models.resnet152(classes)),
        "mobilenet_v2" => Mobile(torchvision.models.mobilenet_v2(classes), last: 1),
        "mobilenet_v3_small" => Mobile(MobileNetwork.SmallV3(classes), last: 3),
        "mobilenet_v3_large" => Mobile(MobileNetwork.LargeV3(classes), last: 3),
        "efficientnet_b0" => Mobile(MobileNetwork.EfficientB0(classes), last: 1),
        Transformer => Attentive(VisionTransformer.BaseOfSixteen(resolution, classes)),
        _ => throw new ArgumentException(
            $"'{architecture}' is not a classifier of torchvision; use one of: {string.Join(", ", Names)}"),
    };

    // Its layers are called in the order of their names; the last is linear.
    private static TorchvisionNetwork Residual(nn.Module<Tensor, Tensor> network)
    {
        const string Last = "fc";
        var layers = network.named_children().Where(layer => layer.name != Last)
            .Select(layer => (nn.Module<Tensor, Tensor>)layer.module).ToList();
        return new TorchvisionNetwork(
            network, Last, images => layers.Aggregate(images, (maps, layer) => layer.call(maps)));
    }

    private static TorchvisionNetwork Mobile(nn.Module<Tensor, Tensor> network, int last)
    {
        var children = network.named_children().ToDictionary(child => child.name, child => child.module);
        var features = (nn.Module<Tensor, Tensor>)children["features"];
        var hidden = children["classifier"].named_children().Take(last)
            .Select(layer => (nn.Module<Tensor, Tensor>)layer.module).ToList();
        return new TorchvisionNetwork(
            network, FormattableString.Invariant($"classifier.{last}"),
            images => hidden.Aggregate(features.call(images).mean([2, 3]), (rows, layer) => layer.call(rows)));
    }

    private static TorchvisionNetwork Attentive(VisionTransformer network) => new(network, "heads.head", network.Features);
}

/// <summary>A network of torchvision in two parts.</summary>
/// <param name="Network">The whole.</param>
/// <param name="LastLayer">Name of its last layer, which is linear.</param>
/// <param name="Features">What comes before that, from images <c>[N, 3, H, H]</c> to <c>[N, features]</c>.</param>
internal sealed record TorchvisionNetwork(
    nn.Module<Tensor, Tensor> Network, string LastLayer, Func<Tensor, Tensor> Features);

/// <summary>A classifier of torchvision, whose last layer is linear.</summary>
internal sealed class TorchvisionClassifier : FeatureClassifier
{
    /// <summary>Channels of the images that it takes.</summary>
    public const int Channels = 3;

    private readonly nn.Module<Tensor, Tensor> network;
    private readonly Preprocessor? _preprocessor;
    private readonly Func<Tensor, Tensor> _features;    // no module, or it would be registered a second time
    private readonly Func<Tensor, Tensor> _lastLayer;

    /// <param name="architecture">Its name.</param>
    /// <param name="built">Belongs to the classifier from here on.</param>
    /// <param name="images">What the generator makes.</param>
    /// <param name="classes">Names of its outputs, in order.</param>
    /// <param name="preprocessor">Prepares the images; null where it takes them as they are.</param>
    public TorchvisionClassifier(
        string architecture,
        TorchvisionNetwork built,
        ImageShape images,
        IReadOnlyList<string> classes,
        Preprocessor? preprocessor) : base(architecture, images, classes)
    {
        network = built.Network;
        (_preprocessor, _features) = (preprocessor, built.Features);
        var last = (nn.Module<Tensor, Tensor>)network.named_modules().Single(layer => layer.name == built.LastLayer).module;
        _lastLayer = last.call;
        FeatureSize = (int)last.get_parameter("weight")!.shape[1];
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override int FeatureSize { get; }

    /// <summary>Name in torchvision's state dict of one of this module's tensors.</summary>
    public static StoredTensor Locate(string name) => new(name[(nameof(network).Length + 1)..]);

    /// <inheritdoc/>
    public override Tensor Features(Tensor images)
    {
        using var scope = NewDisposeScope();
        return _features(_preprocessor?.Prepare(images) ?? images).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor Logits(Tensor features) => _lastLayer(features);
}
