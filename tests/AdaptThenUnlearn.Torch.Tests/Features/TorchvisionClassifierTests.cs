using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Features;

/// <summary>Checks that a state dict of torchvision's becomes the classifier that it was saved from.</summary>
public sealed class TorchvisionClassifierTests : IDisposable
{
    private static readonly ImageShape _grey = new(1, 8);
    private static readonly ImagePreprocessing _steps = new("rgb", 40, Range: "0..1", Normalization: "imagenet");

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-").FullName;

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("")]
    [InlineData("module.")]
    [InlineData("state_dict/model.")]
    public void Load_StateDict_SeesWhatTheNetworkDoes(string prefix)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var network = Network();
        using var loaded = Load(Write(network, prefix));
        var images = rand(3, 1, 8, 8) * 2 - 1;

        var features = loaded.Classifier.Features(images);

        Assert.Equal([3, 512], features.shape);
        Assert.Equal(
            Small.Bytes(network.call(new Preprocessor(_steps, _grey).Prepare(images))),
            Small.Bytes(loaded.Classifier.Logits(features)));
        Assert.Equal(("resnet18", _grey), (loaded.Classifier.Architecture, loaded.Classifier.Shape));
        Assert.False(loaded.Classifier.training);
    }

    [Fact]
    public void Load_OtherNumberOfClasses_SaysHowMany()
    {
        using var network = Network();
        var file = Write(network, "");

        Refused(() => Load(file, classes: ["a", "b"]), "has 3 classes, the policy names 2");
    }

    [Fact]
    public void Load_ImagesWithoutColours_SaysWhatToWrite()
    {
        using var network = Network();
        var file = Write(network, "");

        Refused(
            () => Load(file, new ImagePreprocessing(Resize: 40)),
            "takes colours, and it would get 1×40×40",
            "\"channels\": \"rgb\"");
    }

    [Fact]
    public void Load_AnotherNetwork_IsRefused()
    {
        using var network = Network();
        var file = Write(network, "");

        Refused(() => Load(file, architecture: "resnet34"), "has no tensor");
        Refused(() => Load(file, architecture: "resnet50"), "shape");
    }

    // resnet34 has the shapes of resnet18 and more layers: without the check, most of the file would be left out.
    [Fact]
    public void Load_DeeperNetwork_IsRefusedForWhatWouldBeLeftOut()
    {
        using var deeper = torchvision.models.resnet34(3);
        var file = Write(deeper, "");

        Refused(() => Load(file), "has no place for");
    }

    [Theory]
    [InlineData("resnet34", 512)]
    [InlineData("resnet50", 2048)]
    public void Build_OtherDepths_HaveTheirFeatures(string architecture, int features)
    {
        using var scope = NewDisposeScope();
        using var network = architecture == "resnet34" ? torchvision.models.resnet34(3) : torchvision.models.resnet50(3);
        using var loaded = Load(Write(network, ""), architecture: architecture);

        Assert.Equal(features, loaded.Classifier.FeatureSize);
    }

    private static TorchSharp.Modules.ResNet Network()
    {
        manual_seed(3);
        var network = torchvision.models.resnet18(3);
        network.eval();
        return network;
    }

    private string Write(nn.Module network, string prefix)
    {
        var path = Path.Combine(_folder, "net.safetensors");
        SafetensorsFile.Write(
            path,
            network.state_dict().Select(pair => KeyValuePair.Create(prefix + pair.Key, pair.Value)),
            new Dictionary<string, string>());
        return path;
    }

    private static LoadedClassifier Load(
        string file, ImagePreprocessing? steps = null, string[]? classes = null, string architecture = "resnet18") =>
        ClassifierCheckpoint.Load(
            file, null, classes ?? ["a", "b", "c"], CPU, "softmax", "auto", _grey,
            new Preprocessor(steps ?? _steps, _grey), architecture);

    private static void Refused(Func<LoadedClassifier> load, params string[] words)
    {
        var refused = Assert.Throws<CheckpointException>(() => load().Dispose());
        Assert.All(words, word => Assert.Contains(word, refused.Message, StringComparison.Ordinal));
    }
}
