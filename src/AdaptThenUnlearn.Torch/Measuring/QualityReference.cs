using AdaptThenUnlearn.Torch.Features;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>What retained images should look like: feature statistics and single features, both without the undesired classes.</summary>
/// <param name="Sha256">Digest of what it was made from; readings against different digests are never compared.</param>
/// <param name="Excluded">Names of the classes left out.</param>
/// <param name="Statistics">For the Fréchet distance.</param>
/// <param name="FalsePositiveRates">For classes: how often the extractor sees them in real images of other classes; empty where the reference does not say.</param>
/// <param name="Samples"><c>[M, d]</c>, float32, for KID, precision, recall, density and coverage; owned by this.</param>
public sealed record QualityReference(string Sha256, IReadOnlyList<string> Excluded, FeatureStatistics Statistics, IReadOnlyDictionary<string, double> FalsePositiveRates, Tensor Samples) : IDisposable
{
    private const int MostSamples = 2000;

    /// <summary>Takes the retained classes of reference statistics.</summary>
    /// <param name="reference">As loaded.</param>
    /// <param name="sha256">Of its file.</param>
    /// <param name="undesired">Names of the classes to leave out.</param>
    /// <param name="extractor">Whose features they must be.</param>
    /// <param name="extractorSha256">Its digest.</param>
    /// <exception cref="PolicyMismatchException">They are features of another extractor, or lack an undesired class, so that it cannot be left out.</exception>
    public static QualityReference Of(
        ReferenceStatistics reference, string sha256, IReadOnlyList<string> undesired, FeatureClassifier extractor, string extractorSha256)
    {
        if (reference.ExtractorSha256 != extractorSha256 || reference.FeatureSize != extractor.FeatureSize)
            throw new PolicyMismatchException(
                "$.quality.reference", $"the statistics were made with another extractor (SHA-256 {reference.ExtractorSha256}, this one is {extractorSha256}); make them anew with `atu reference`");
        foreach (var name in undesired)
            if (!reference.Classes.Contains(name))
                throw new PolicyMismatchException(
                    "$.quality.reference", $"the statistics have no class '{name}' to leave out; they have: {string.Join(", ", reference.Classes)}");

        return new QualityReference(sha256, undesired, reference.Merged(undesired), reference.Classes.ToDictionary(name => name, reference.FalsePositiveRate), reference.Samples(undesired));
    }

    /// <summary>Makes a reference of images, leaving out those in which the extractor sees an undesired class.</summary>
    /// <param name="images"><c>[N, C, H, W]</c>, nominally [-1, 1]; stays the caller's.</param>
    /// <param name="sha256">Digest of what they are.</param>
    /// <param name="undesired">Classes to leave out; those the extractor does not know leave nothing out.</param>
    /// <param name="extractor">Makes features and decides.</param>
    public static QualityReference Of(Tensor images, string sha256, IReadOnlyList<string> undesired, FeatureClassifier extractor)
    {
        using var scope = NewDisposeScope();
        var (features, logits) = FeaturePass.Run(extractor, images);
        var excluded = undesired.Where(extractor.Classes.Contains).ToList();
        var classes = logits.argmax(1);
        var kept = excluded.Aggregate(ones_like(classes).to(@bool), (mask, name) => mask.logical_and(classes.ne(extractor.IndexOf(name))));
        var retained = features[kept];
        return new QualityReference(
            sha256, excluded, FeatureStatistics.Of(retained), new Dictionary<string, double>(), retained.narrow(0, 0, Math.Min(MostSamples, retained.shape[0])).clone().DetachFromDisposeScope());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Statistics.Dispose();
        Samples.Dispose();
    }
}
