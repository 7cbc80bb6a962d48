using System.Globalization;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.Dcgan;
using AdaptThenUnlearn.Torch.Models.Mlp;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>A trained network whose features are taken as they are: a discriminator, or another classifier.</summary>
/// <param name="Kind">In checkpoints.</param>
/// <param name="Network">In eval mode.</param>
/// <param name="Shape">Images it takes.</param>
/// <param name="FeatureSize">Length of a feature vector.</param>
/// <param name="Features">From <c>[N, C, H, W]</c>, nominally [-1, 1], to <c>[N, FeatureSize]</c>.</param>
/// <param name="Attributes">What its weights do not tell of it, by key.</param>
public sealed record FrozenNetwork(
    string Kind, nn.Module Network, ImageShape Shape, int FeatureSize, Func<Tensor, Tensor> Features, IReadOnlyDictionary<string, string> Attributes) : IDisposable
{
    private const string StyleGan2 = "stylegan2-discriminator";
    private const string Dcgan = "dcgan-discriminator";
    private const string Mlp = "mlp-discriminator";
    private const string UnitRange = "unit-range";
    private const string Clamp = "clamp";

    /// <summary>The features that a discriminator scores.</summary>
    /// <param name="discriminator">Copied; stays the caller's.</param>
    /// <returns>Belongs to the caller.</returns>
    /// <exception cref="ArgumentException">It is of a family whose features are not known.</exception>
    public static FrozenNetwork From(ImageDiscriminator discriminator) => Freeze(discriminator switch
    {
        StyleGan2Discriminator { Settings.Classes: > 0 } conditional => conditional.WithoutClasses(),
        _ => discriminator.Copy(),
    });

    /// <summary>The features of a classifier.</summary>
    /// <param name="classifier">Belongs to the network from here on.</param>
    /// <returns>Belongs to the caller; of a head on frozen features, the network below it.</returns>
    public static FrozenNetwork From(FeatureClassifier classifier)
    {
        if (classifier is FrozenFeaturesHead head)
            return head.ReleaseNetwork();

        classifier.eval();
        return new FrozenNetwork(
            classifier.Architecture, classifier, classifier.Shape, classifier.FeatureSize, classifier.Features,
            classifier is LeNet5 { UnitRange: true } ? new Dictionary<string, string> { [UnitRange] = "true" } : []);
    }

    /// <summary>Builds one with fresh weights; belongs to the caller.</summary>
    /// <param name="kind">As <see cref="Kind"/>.</param>
    /// <param name="stored">Shapes of its weights by the network's own names, and its <see cref="Attributes"/>.</param>
    /// <param name="shape">Images it takes.</param>
    /// <exception cref="ArgumentException">There is no such kind, or the weights are not of it.</exception>
    /// <exception cref="FormatException">An attribute is no number.</exception>
    public static FrozenNetwork Build(string kind, StoredNetwork stored, ImageShape shape) => kind switch
    {
        StyleGan2 => Freeze(new StyleGan2Discriminator(StyleGan2Discriminator.SettingsOf(stored))).RequireShape(shape),
        Dcgan => Freeze(DcganArchitecture.BuildDiscriminator(stored, shape)),
        Mlp => Freeze(MlpArchitecture.BuildDiscriminator(stored, shape)),
        LeNet5.Name when stored.Attributes.ContainsKey(UnitRange) => From(new LeNet5(shape, ClassesOf(stored), unitRange: true)),
        _ when ClassifierArchitectures.Names.Contains(kind) => From(ClassifierArchitectures.Build(kind, shape, ClassesOf(stored))),
        _ => throw new ArgumentException($"'{kind}' is no network whose features are known; {string.Join(", ", [StyleGan2, Dcgan, Mlp, .. ClassifierArchitectures.Names])} are"),
    };

    /// <inheritdoc/>
    public void Dispose() => Network.Dispose();

    private FrozenNetwork RequireShape(ImageShape shape)
    {
        if (Shape == shape)
            return this;

        Dispose();
        throw new ArgumentException($"its features are of {Shape} images, and it says {shape}");
    }

    private static FrozenNetwork Freeze(ImageDiscriminator discriminator)
    {
        discriminator.eval();
        var (kind, attributes) = discriminator switch
        {
            StyleGan2Discriminator { Settings.Clamp: { } clamp } => (StyleGan2, new Dictionary<string, string> { [Clamp] = clamp.ToString("R", CultureInfo.InvariantCulture) }),
            StyleGan2Discriminator => (StyleGan2, []),
            DcganDiscriminator => (Dcgan, []),
            MlpDiscriminator => (Mlp, []),
            _ => throw new ArgumentException($"the features of a {discriminator.GetName()} are not known"),
        };
        return new FrozenNetwork(kind, discriminator, discriminator.Shape, discriminator.FeatureSize, discriminator.Features, attributes);
    }

    // Their names are of no use to the features.
    private static IReadOnlyList<string> ClassesOf(StoredNetwork stored) =>
        [.. Enumerable.Range(0, stored.Size("output.weight", 0)).Select(number => number.ToString(CultureInfo.InvariantCulture))];
}
