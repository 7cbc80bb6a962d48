using System.Globalization;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>The features of real images with their labels; statistics are made from them.</summary>
/// <param name="Source">The folder or file that the images come from.</param>
/// <param name="Classes">Names of the classes, or of the combinations of labels; empty where the images have no classes.</param>
/// <param name="Features"><c>[N, d]</c>; belongs to the caller's dispose scope, as do the other tensors.</param>
/// <param name="Labels"><c>[N]</c>, int64, positions among the classes.</param>
/// <param name="Confusion"><c>[C, C]</c>, int64, of real test images: row the true class, column what the extractor said; zeros
/// where there are none.</param>
/// <param name="Floor">Fréchet distance of real training images to real test images; NaN where there are no test images.</param>
public sealed record ReferenceFeatures(
    string Source, IReadOnlyList<string> Classes, Tensor Features, Tensor Labels, Tensor Confusion, double Floor)
{
    /// <summary>The labels of each combination; null where the classes are not combinations.</summary>
    public IReadOnlyList<IReadOnlyList<string>>? Combinations { get; init; }

    /// <summary>
    /// How the extractor did on labelled images that it was not trained on; null where there are none, or it is no classifier.
    /// </summary>
    public ExtractorTest? Test { get; init; }

    /// <summary>The classes or labels that can be left out.</summary>
    public IReadOnlyList<string> ExcludableNames { get; init; } = Classes;

    /// <summary>Files that were not read, and why.</summary>
    public IReadOnlyList<SkippedFiles> SkippedFiles { get; init; } = [];

    /// <summary>Warnings about the images, one sentence each.</summary>
    public IReadOnlyList<string> Doubts { get; init; } = [];

    /// <summary>The number of images of each class.</summary>
    public IReadOnlyList<long> Counts =>
        [.. Classes.Select((_, number) => Labels.eq(Scalars.Of((long)number)).sum().item<long>())];

    /// <summary>The number of images, in all and of each class.</summary>
    public string Description
    {
        get
        {
            var all = string.Create(CultureInfo.InvariantCulture, $"{Features.shape[0]} images");
            var each = Classes.Zip(Counts, (name, count) => FormattableString.Invariant($"{name} ({count})"));
            return Classes.Count == 0 ? all : string.Create(CultureInfo.InvariantCulture,
                $"{all} in {Classes.Count} {(Combinations is null ? "classes" : "combinations of labels")}: " +
                $"{string.Join(", ", each)}");
        }
    }

    /// <summary>Statistics that keep the classes apart.</summary>
    /// <param name="samplesPerClass">See <see cref="ReferenceStatistics.Build"/>.</param>
    /// <param name="extractor">Which made the features.</param>
    /// <returns>Belongs to the caller.</returns>
    public ReferenceStatistics ToStatistics(int samplesPerClass, LoadedExtractor extractor) => ReferenceStatistics.Build(
        Classes, Features, Labels, samplesPerClass, extractor.Sha256AsUsed, Confusion, Floor, Combinations,
        extractor.Use.Describe(), Test);

    /// <summary>Mean and covariance of all images but those of some classes, or with some labels.</summary>
    /// <param name="excluded">Names of the classes or labels to leave out.</param>
    /// <param name="extractor">Which made the features.</param>
    /// <returns>Belongs to the caller.</returns>
    /// <exception cref="InvalidDataException">Too few images are left to determine a covariance.</exception>
    public FeatureMoments ToMoments(IReadOnlyCollection<string> excluded, LoadedExtractor extractor)
    {
        var dropped = Enumerable.Range(0, Classes.Count)
            .Where(number => (Combinations?[number] ?? [Classes[number]]).Any(excluded.Contains))
            .Select(number => (long)number);
        var kept = isin(Labels, tensor(dropped.ToArray())).logical_not();
        using var statistics = FeatureStatistics.FromFeatures(Features[kept]);
        if (statistics.Count <= statistics.FeatureSize)
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture,
                $"{statistics.Count} images do not determine a covariance of {statistics.FeatureSize} features; " +
                $"more than {statistics.FeatureSize} are needed"));

        return FeatureMoments.FromStatistics(statistics) with { ExtractorSha256 = extractor.Sha256AsUsed };
    }
}
