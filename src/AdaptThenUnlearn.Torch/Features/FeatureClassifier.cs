using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>Says which class an image shows: as <em>annotator</em> it labels training feedback, as <em>auditor</em> it measures for the gate.</summary>
/// <remarks>The layer before its logits serves as feature extractor for the Fréchet distance.</remarks>
public abstract class FeatureClassifier(string architecture, ImageShape shape, IReadOnlyList<string> classes) : nn.Module(architecture), IFeatureExtractor
{
    /// <summary>A name of the classifier catalogue.</summary>
    public string Architecture { get; } = architecture;

    /// <summary>Images it takes.</summary>
    public ImageShape Shape { get; } = shape;

    /// <summary>Names of its outputs, in order.</summary>
    public IReadOnlyList<string> Classes { get; } = classes;

    /// <summary>Length of a feature vector.</summary>
    public abstract int FeatureSize { get; }

    /// <inheritdoc/>
    public ImageShape Takes => Shape;

    /// <inheritdoc/>
    public Device Device => parameters().First().device;

    /// <summary>The activations before the last layer.</summary>
    /// <param name="images"><c>[N, Channels, Resolution, Resolution]</c>, nominally [-1, 1].</param>
    /// <returns><c>[N, FeatureSize]</c>; belongs to the caller's scope.</returns>
    public abstract Tensor Features(Tensor images);

    /// <summary>The last layer.</summary>
    /// <param name="features"><c>[N, FeatureSize]</c>.</param>
    /// <returns>Logits <c>[N, Classes]</c>; belong to the caller's scope.</returns>
    public abstract Tensor Logits(Tensor features);

    /// <summary>Class probabilities.</summary>
    /// <param name="images">As for <see cref="Features"/>.</param>
    /// <returns><c>[N, Classes]</c>, each row sums to 1; belongs to the caller's scope.</returns>
    public Tensor Probabilities(Tensor images)
    {
        using var scope = NewDisposeScope();
        return Logits(Features(images)).softmax(1).MoveToOuterDisposeScope();
    }

    /// <summary>The position of a class among <see cref="Classes"/>.</summary>
    /// <exception cref="ArgumentException">It is not one of them.</exception>
    public int IndexOf(string name)
    {
        var index = Classes.ToList().IndexOf(name);
        return index >= 0 ? index : throw new ArgumentException($"the classifier has no class '{name}'; it has: {string.Join(", ", Classes)}");
    }
}

/// <summary>Every classifier architecture that can be built. A new one: write its file, add its line.</summary>
public static class ClassifierArchitectures
{
    private static readonly Dictionary<string, Func<ImageShape, IReadOnlyList<string>, FeatureClassifier>> _builders = new()
    {
        [LeNet5.Name] = (shape, classes) => new LeNet5(shape, classes),
        [StridedConvNet.Name] = (shape, classes) => new StridedConvNet(shape, classes),
    };

    /// <summary>Their names.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. _builders.Keys];

    /// <summary>Builds one with fresh weights from torch's default random source.</summary>
    /// <exception cref="ArgumentException">There is no such architecture, or it does not take such images.</exception>
    public static FeatureClassifier Build(string architecture, ImageShape shape, IReadOnlyList<string> classes) =>
        _builders.TryGetValue(architecture, out var build)
            ? build(shape, classes)
            : throw new ArgumentException($"'{architecture}' is not a classifier architecture; use one of: {string.Join(", ", Names)}");
}
