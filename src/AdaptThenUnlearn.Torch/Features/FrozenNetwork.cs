using System.Globalization;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>A trained network whose features are used as they are: a discriminator, or another classifier.</summary>
/// <param name="Kind">
/// Its name in checkpoints: an architecture's <see cref="IGeneratorArchitecture.FeatureKind"/>, or a classifier architecture's
/// name.
/// </param>
/// <param name="Network">In eval mode; owned by this.</param>
/// <param name="Shape">The images it takes.</param>
/// <param name="FeatureSize">Length of a feature vector.</param>
/// <param name="Features">From <c>[N, C, H, W]</c>, nominally [-1, 1], to <c>[N, FeatureSize]</c>.</param>
/// <param name="Attributes">What its weights do not say about it, by key.</param>
public sealed record FrozenNetwork(
    string Kind,
    nn.Module Network,
    ImageShape Shape,
    int FeatureSize,
    Func<Tensor, Tensor> Features,
    IReadOnlyDictionary<string, string> Attributes) : IDisposable
{
    /// <summary>The features that a discriminator scores.</summary>
    /// <param name="discriminator">Copied; stays the caller's.</param>
    /// <returns>Belongs to the caller.</returns>
    /// <exception cref="ArgumentException">Its features are not known.</exception>
    public static FrozenNetwork From(ImageDiscriminator discriminator) => discriminator.FeatureKind is null
        ? throw new ArgumentException($"the features of a {discriminator.GetName()} are not known")
        : Freeze(discriminator.CopyForFeatures(), discriminator.FeatureKind);

    /// <summary>The features of a classifier.</summary>
    /// <param name="classifier">Belongs to the network from here on.</param>
    /// <returns>Belongs to the caller; of a head on frozen features, the network below it.</returns>
    public static FrozenNetwork From(FeatureClassifier classifier)
    {
        if (classifier is FrozenFeaturesHead head)
            return head.ReleaseNetwork();

        classifier.eval();
        return new FrozenNetwork(
            classifier.Architecture,
            classifier,
            classifier.Shape,
            classifier.FeatureSize,
            classifier.Features,
            classifier.FeatureAttributes);
    }

    /// <summary>Builds one with fresh weights; belongs to the caller.</summary>
    /// <param name="kind">As <see cref="Kind"/>.</param>
    /// <param name="stored">Shapes of its weights by the network's own names, and its <see cref="Attributes"/>.</param>
    /// <param name="shape">The images it takes.</param>
    /// <exception cref="ArgumentException">The kind is unknown, or the weights are not of it.</exception>
    /// <exception cref="FormatException">An attribute is not a number.</exception>
    public static FrozenNetwork Build(string kind, StoredNetwork stored, ImageShape shape)
    {
        if (GeneratorArchitectures.All.FirstOrDefault(architecture => architecture.FeatureKind == kind) is { } family)
            return Freeze(family.BuildFeatureNetwork(stored, shape), kind).RequireShape(shape);
        if (ClassifierArchitectures.Names.Contains(kind))
            return From(ClassifierArchitectures.Build(kind, shape, ClassesOf(stored), attributes: stored.Attributes));

        var known = GeneratorArchitectures.All
            .Select(architecture => architecture.FeatureKind)
            .Distinct()
            .Concat(ClassifierArchitectures.Names);
        throw new ArgumentException(
            $"'{kind}' is not a network whose features are known; use one of: {string.Join(", ", known)}");
    }

    /// <inheritdoc/>
    public void Dispose() => Network.Dispose();

    private FrozenNetwork RequireShape(ImageShape shape)
    {
        if (Shape == shape)
            return this;

        Dispose();
        throw new ArgumentException($"its features are of {Shape} images, and it says {shape}");
    }

    private static FrozenNetwork Freeze(ImageDiscriminator discriminator, string kind)
    {
        discriminator.eval();
        return new FrozenNetwork(
            kind,
            discriminator,
            discriminator.Shape,
            discriminator.FeatureSize,
            discriminator.Features,
            discriminator.FeatureAttributes);
    }

    // The features do not need the names of the classes: their numbers stand in.
    private static IReadOnlyList<string> ClassesOf(StoredNetwork stored) =>
        [.. Enumerable.Range(0, stored.Size("output.weight", 0)).Select(number => number.ToString(CultureInfo.InvariantCulture))];
}
