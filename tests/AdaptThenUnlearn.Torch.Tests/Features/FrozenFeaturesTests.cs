using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.Dcgan;
using AdaptThenUnlearn.Torch.Models.Mlp;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Features;

/// <summary>What every network must do whose features are taken as they are, and the checkpoint with a head on them.</summary>
public sealed class FrozenFeaturesTests : IDisposable
{
    private static readonly Dictionary<string, Func<FrozenNetwork>> _networks = new()
    {
        ["stylegan2"] = () => Of(new StyleGan2Discriminator(Small.Settings)),
        ["stylegan2, clamped and plain"] =
            () => Of(new StyleGan2Discriminator(Small.Settings with { Clamp = 0.25, Residual = false })),
        ["stylegan2, conditional"] = () => Of(new StyleGan2Discriminator(Small.Settings with { Classes = 3 })),
        ["dcgan"] = () => Of(new DcganDiscriminator(
            Small.Shape,
            [new(0, 1, 4, 4, 2, 1, false, false), new(2, 4, 6, 4, 2, 1, false, true), new(5, 6, 1, 4, 1, 0, false, false)])),
        ["mlp"] = () => Of(new MlpDiscriminator(Small.Shape, [new(0, 256, 12), new(2, 12, 6), new(4, 6, 1)])),
        ["strided-convnet"] = () => FrozenNetwork.From(Weights.Detach(new StridedConvNet(Small.Shape, ["a", "b"]))),
        ["lenet-5"] = () => FrozenNetwork.From(Weights.Detach(new LeNet5(new ImageShape(1, 32), ["a", "b", "c"]))),
        ["lenet-5, unit range"] =
            () => FrozenNetwork.From(Weights.Detach(new LeNet5(new ImageShape(1, 32), ["a", "b"], unitRange: true))),
        ["a head on another"] =
            () => FrozenNetwork.From(new FrozenFeaturesHead(Of(new StyleGan2Discriminator(Small.Settings)), ["a", "b"])),
    };

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-frozen-").FullName;

    public static TheoryData<string> Networks => [.. _networks.Keys];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(Networks))]
    public void Features_OneImageOrMany_AreTheSame(string network)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var frozen = Built(network);
        var images = randn([5, frozen.Shape.Channels, frozen.Shape.Resolution, frozen.Shape.Resolution]);

        var together = frozen.Features(images);

        Assert.Equal([5, frozen.FeatureSize], together.shape);
        Assert.True(allclose(together[2], frozen.Features(images[2].unsqueeze(0))[0], rtol: 1e-4, atol: 1e-5));
        Assert.False(allclose(together[2], together[3], rtol: 1e-4, atol: 1e-5));
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void Load_WhatWasSaved_SaysTheSameAndStandsAlone(string network)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var classifier = new FrozenFeaturesHead(Built(network), ["other", "hat"]);
        var weights = randn(classifier.FeatureSize, dtype: float64);
        classifier.SetWeights(weights, bias: 0.5);
        var path = Path.Combine(_folder, "hat.safetensors");
        ClassifierCheckpoint.Save(path, classifier);
        var images = randn([4, classifier.Shape.Channels, classifier.Shape.Resolution, classifier.Shape.Resolution]);

        using var loaded = ClassifierCheckpoint.Load(path, sha256: null, classes: null, CPU);

        Assert.Equal(["other", "hat"], loaded.Classifier.Classes);
        Assert.Equal(Small.Bytes(classifier.Probabilities(images)), Small.Bytes(loaded.Classifier.Probabilities(images)));
        var logistic = (loaded.Classifier.Features(images).to(float64).mv(weights) + 0.5).sigmoid();
        Assert.True(allclose(logistic, loaded.Classifier.Probabilities(images).select(1, 1).to(float64), atol: 1e-4));
    }

    [Theory]
    [InlineData("features", "oracle", "'oracle' is not a network whose features are known")]
    [InlineData("features", "dcgan-discriminator", "only discriminators that end in a convolution to one pixel")]
    [InlineData("resolution", "32", "it says 1×32×32")]
    [InlineData("features", null, "does not say what classifier it is")]
    public void Load_MetadataOfAnotherNetwork_IsRefused(string key, string? text, string expected)
    {
        var path = Path.Combine(_folder, "hat.safetensors");
        using (var classifier = new FrozenFeaturesHead(Built("stylegan2"), ["other", "hat"]))
            ClassifierCheckpoint.Save(path, classifier);
        var file = SafetensorsFile.Read(path);
        var metadata = file.Metadata.Where(pair => pair.Key != key).ToDictionary();
        if (text is not null)
            metadata[key] = text;
        using (var scope = NewDisposeScope())
            SafetensorsFile.Write(path, file.Tensors.ToDictionary(tensor => tensor.Name, tensor => tensor.Load()), metadata);

        Assert.Contains(
            expected,
            Assert.Throws<CheckpointException>(() => ClassifierCheckpoint.Load(path, null, null, CPU)).Message,
            StringComparison.Ordinal);
    }

    private static FrozenNetwork Built(string network)
    {
        manual_seed(9);
        return _networks[network]();
    }

    private static FrozenNetwork Of(ImageDiscriminator discriminator)
    {
        using (discriminator)
            return FrozenNetwork.From(discriminator);
    }
}
