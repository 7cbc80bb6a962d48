using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Features;

/// <summary>What every classifier architecture must do.</summary>
public sealed class ClassifierTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-classifiers-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<string> Architectures => [.. ClassifierArchitectures.Names];

    [Theory]
    [MemberData(nameof(Architectures))]
    public void Probabilities_AnyImages_SumToOne(string architecture)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var classifier = Built(architecture);
        var images = randn(3, 1, 32, 32);

        Assert.Equal([3, classifier.FeatureSize], classifier.Features(images).shape);
        Assert.True(allclose(classifier.Probabilities(images).sum(1), ones(3), atol: 1e-5));
        Assert.Equal(1, classifier.IndexOf("b"));
        Assert.Contains(
            "it has: a, b, c", Assert.Throws<ArgumentException>(() => classifier.IndexOf("d")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Architectures))]
    public void Load_WhatWasSaved_SaysTheSame(string architecture)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var classifier = Built(architecture);
        var path = Path.Combine(_folder, "classifier.safetensors");
        ClassifierCheckpoint.Save(path, classifier);
        var images = randn(3, 1, 32, 32);

        using var loaded = ClassifierCheckpoint.Load(path, CheckpointDigest.Compute(path), ["x", "y", "z"], CPU);

        Assert.Equal(["x", "y", "z"], loaded.Classifier.Classes);
        Assert.Equal(Small.Bytes(classifier.Probabilities(images)), Small.Bytes(loaded.Classifier.Probabilities(images)));
        Assert.Contains(
            "has 3 classes, the policy names 2",
            Assert.Throws<CheckpointException>(() => ClassifierCheckpoint.Load(path, null, ["x", "y"], CPU)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Build_UnknownArchitecture_NamesTheKnown() =>
        Assert.Contains(
            LeNet5.Name,
            Assert.Throws<ArgumentException>(() => ClassifierArchitectures.Build("oracle", new ImageShape(1, 32), ["a"])).Message,
            StringComparison.Ordinal);

    [Theory]
    [InlineData("lenet5.safetensors")]
    [InlineData("auditor.safetensors")]
    public void Embedded_Classifier_LoadsAsThePoliciesSay(string file)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "AdaptThenUnlearn.sln")))
            folder = folder.Parent;

        using var loaded = ClassifierCheckpoint.Load(Path.Combine(folder.FullName, "models", "mnist", file), null, null, CPU);

        Assert.Equal(Enumerable.Range(0, 10).Select(digit => $"{digit}"), loaded.Classifier.Classes);
        Assert.Equal(new ImageShape(1, 32), loaded.Classifier.Shape);
    }

    private static FeatureClassifier Built(string architecture)
    {
        manual_seed(2);
        var classifier = Weights.Detach(ClassifierArchitectures.Build(architecture, new ImageShape(1, 32), ["a", "b", "c"]));
        classifier.eval();
        return classifier;
    }
}
