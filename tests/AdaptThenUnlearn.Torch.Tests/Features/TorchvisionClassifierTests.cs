using System.Text.Json;
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

    private static JsonDocument Reference { get; } = JsonDocument.Parse(
        File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Features", "TorchvisionData", "torchvision.json")));

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

    // Weights and images follow from a formula, so that only what Python made of them is stored.
    [Theory]
    [InlineData("resnet18")]
    [InlineData("mobilenet_v2")]
    [InlineData("mobilenet_v3_small")]
    [InlineData("mobilenet_v3_large")]
    [InlineData("efficientnet_b0")]
    public void Load_WeightsByFormula_SeesWhatTorchvisionSees(string architecture)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var expected = Reference.RootElement.GetProperty(architecture);
        var shape = new ImageShape(3, expected.GetProperty("size").GetInt32());
        using var network = Empty(architecture);
        Fill(network, expected.GetProperty("gain").GetDouble());
        using var loaded = ClassifierCheckpoint.Load(
            Write(network, ""), null, ["a", "b", "c", "d", "e"], CPU, "softmax", "auto", shape, null, architecture);

        var features = loaded.Classifier.Features(Images(shape));

        Assert.Equal(expected.GetProperty("featureSize").GetInt32(), loaded.Classifier.FeatureSize);
        AssertNear(expected.GetProperty("features"), features.narrow(1, 0, 16));
        AssertNear(expected.GetProperty("logits"), loaded.Classifier.Logits(features));
    }

    [Fact]
    public void VisionTransformer_WeightsByFormula_SeesWhatTorchvisionSees()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var expected = Reference.RootElement.GetProperty("vit_tiny");
        using var network =
            new VisionTransformer(resolution: 64, patch: 16, layers: 2, attentions: 4, width: 32, hidden: 64, classes: 5);
        network.eval();
        Fill(network, gain: 1);

        AssertNear(expected.GetProperty("features"), network.Features(Images(new ImageShape(3, 64))).narrow(1, 0, 16));
        AssertNear(expected.GetProperty("logits"), network.call(Images(new ImageShape(3, 64))));
    }

    [Fact]
    public void VisionTransformer_BaseOfSixteen_HasTorchvisionsTensors()
    {
        using var network = VisionTransformer.BaseOfSixteen(resolution: 224, classes: 1000);

        Assert.Equal(
            Reference.RootElement.GetProperty("vit_b_16").GetProperty("tensors").EnumerateObject()
                .Select(tensor => $"{tensor.Name} {string.Join(',', tensor.Value.EnumerateArray())}").Order(),
            network.state_dict().Select(pair => $"{pair.Key} {string.Join(',', pair.Value.shape)}").Order());
    }

    [Fact]
    public void Load_TransformerThatGetsOtherSizes_SaysWhatToWrite()
    {
        var path = Path.Combine(_folder, "vit.safetensors");
        using (var embedding = zeros(1, 197, 768))
            SafetensorsFile.Write(path, new Dictionary<string, Tensor> { ["encoder.pos_embedding"] = embedding });

        Refused(
            () => Load(path, architecture: "vit_b_16"),
            "takes images of 224×224 pixels, and it would get 40×40", "\"resize\": 224");
    }

    private static nn.Module Empty(string architecture) => architecture switch
    {
        "resnet18" => torchvision.models.resnet18(5),
        "mobilenet_v2" => torchvision.models.mobilenet_v2(5),
        "mobilenet_v3_small" => MobileNetwork.SmallV3(5),
        "mobilenet_v3_large" => MobileNetwork.LargeV3(5),
        _ => MobileNetwork.EfficientB0(5),
    };

    private static void Fill(nn.Module network, double gain)
    {
        foreach (var (index, (name, values)) in network.state_dict().OrderBy(pair => pair.Key, StringComparer.Ordinal).Index())
        {
            if (name.EndsWith("num_batches_tracked", StringComparison.Ordinal))
                continue;
            using var scope = NewDisposeScope();
            var noise = Noise(values.numel(), index).view(values.shape);
            values.copy_(name.Split('.')[^1] switch
            {
                "running_mean" => 0.1 * noise,
                "running_var" => 1 + 0.5 * noise * noise,
                "class_token" or "pos_embedding" => 0.5 * noise,
                "weight" when values.dim() == 1 => 1 + 0.1 * noise,
                _ when values.dim() == 1 => 0.1 * noise,
                _ => noise * (Math.Sqrt(6.0 / (values.numel() / values.shape[0])) * gain),
            });
        }
    }

    private static Tensor Images(ImageShape shape) => Noise(2L * 3 * shape.Resolution * shape.Resolution, 1000)
        .view(2, 3, shape.Resolution, shape.Resolution).to(float32);

    // Whole numbers, mixed; the same in every language. From -1 to 1.
    private static Tensor Noise(long count, int index)
    {
        const long Mask = 0x7fffffff;
        using var scope = NewDisposeScope();
        var mixed = (arange(count, dtype: int64) * 2654435761 + (index * 40503L + 12345)).bitwise_and(Mask);
        mixed = mixed.bitwise_xor(mixed.bitwise_right_shift(15));
        mixed = (mixed * 2246822519).bitwise_and(Mask);
        mixed = mixed.bitwise_xor(mixed.bitwise_right_shift(13));
        return (mixed.to(float64) / (1 << 30) - 1).MoveToOuterDisposeScope();
    }

    private static void AssertNear(JsonElement expected, Tensor actual)
    {
        float[] values =
            [.. expected.EnumerateArray().SelectMany(row => row.EnumerateArray().Select(each => each.GetSingle()))];
        var tolerance = 1e-4 * values.Max(Math.Abs);
        Assert.All(
            values.Zip(actual.contiguous().data<float>().ToArray()),
            pair => Assert.InRange(pair.Second, pair.First - tolerance, pair.First + tolerance));
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
