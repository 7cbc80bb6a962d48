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
/// He et al. 2016 (arXiv:1512.03385). The layers are those of the package TorchVision, which has torchvision's names.
/// </remarks>
public static class TorchvisionClassifiers
{
    /// <summary>Their names, as torchvision has them. To list them loads no libtorch.</summary>
    public static IReadOnlyList<string> Names { get; } = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"];

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
        if (weights.Find(TorchvisionClassifier.LastWeight) is { Shape: [var stored, _] } && stored != classes.Count)
            throw new CheckpointException(
                file.Path,
                $"has {stored} classes, the policy names {classes.Count}",
                "name all of them, in the order of its outputs");

        var network = Build(architecture, classes.Count);
        var classifier = new TorchvisionClassifier(architecture, network, images, classes, preprocessor) { Outputs = outputs };
        return GeneratorCheckpoint.LoadStateDict(classifier, TorchvisionClassifier.Locate, weights, device);
    }

    private static nn.Module<Tensor, Tensor> Build(string architecture, int classes) => architecture switch
    {
        "resnet18" => torchvision.models.resnet18(classes),
        "resnet34" => torchvision.models.resnet34(classes),
        "resnet50" => torchvision.models.resnet50(classes),
        "resnet101" => torchvision.models.resnet101(classes),
        "resnet152" => torchvision.models.resnet152(classes),
        _ => throw new ArgumentException(
            $"'{architecture}' is not a classifier of torchvision; use one of: {string.Join(", ", Names)}"),
    };
}

/// <summary>A network of torchvision whose last layer is linear and called <c>fc</c>.</summary>
internal sealed class TorchvisionClassifier : FeatureClassifier
{
    /// <summary>Channels of the images that it takes.</summary>
    public const int Channels = 3;

    /// <summary>Name of its last weights, <c>[classes, features]</c>.</summary>
    public const string LastWeight = "fc.weight";

    private const string LastLayer = "fc";

    private readonly nn.Module<Tensor, Tensor> network;
    private readonly Preprocessor? _preprocessor;
    private readonly nn.Module<Tensor, Tensor>[] _layers;   // all but the last
    private readonly Func<Tensor, Tensor> _lastLayer;       // no module, or it would be registered a second time

    /// <param name="architecture">Its name.</param>
    /// <param name="network">Belongs to the classifier from here on.</param>
    /// <param name="images">What the generator makes.</param>
    /// <param name="classes">Names of its outputs, in order.</param>
    /// <param name="preprocessor">Prepares the images; null where it takes them as they are.</param>
    public TorchvisionClassifier(
        string architecture,
        nn.Module<Tensor, Tensor> network,
        ImageShape images,
        IReadOnlyList<string> classes,
        Preprocessor? preprocessor) : base(architecture, images, classes)
    {
        this.network = network;
        _preprocessor = preprocessor;
        var layers = network.named_children().ToList();   // in the order in which they are called
        var last = (nn.Module<Tensor, Tensor>)layers.Single(layer => layer.name == LastLayer).module;
        _lastLayer = last.call;
        _layers = [.. layers.Where(layer => layer.name != LastLayer).Select(layer => (nn.Module<Tensor, Tensor>)layer.module)];
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
        var prepared = _preprocessor?.Prepare(images) ?? images;
        return _layers.Aggregate(prepared, (maps, layer) => layer.call(maps)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor Logits(Tensor features) => _lastLayer(features);
}
