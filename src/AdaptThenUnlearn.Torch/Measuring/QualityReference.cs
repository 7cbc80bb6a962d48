using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Features;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>
/// What retained images are compared with: mean and covariance of features, and single features, all without the undesired
/// classes.
/// </summary>
/// <param name="Sha256">Digest of what it was made from; readings against different digests are never compared.</param>
/// <param name="Excluded">Names of the classes left out.</param>
/// <param name="Moments">For the Fréchet distance; owned by this.</param>
/// <param name="Samples">
/// <c>[M, d]</c>, float32, for KID, precision, recall, density and coverage; none where the reference has none; owned by this.
/// </param>
public sealed record QualityReference(
    string Sha256,
    IReadOnlyList<string> Excluded,
    FeatureMoments Moments,
    Tensor Samples) : IDisposable
{
    private const int MostSamples = 2000;

    /// <summary>What it says of the extractor's errors on labelled images.</summary>
    public ReferenceErrors Errors { get; init; } = ReferenceErrors.None;

    /// <summary>Takes the retained classes of reference statistics.</summary>
    /// <param name="reference">As loaded.</param>
    /// <param name="sha256">Of its file.</param>
    /// <param name="undesired">Names of the classes to leave out.</param>
    /// <param name="extractor">Whose features they must be.</param>
    /// <exception cref="PolicyMismatchException">
    /// They are features of another extractor, or lack an undesired class, so that it cannot be left out.
    /// </exception>
    public static QualityReference Create(
        ReferenceStatistics reference, string sha256, IReadOnlyList<string> undesired, LoadedExtractor extractor)
    {
        RequireSameExtractor(reference.ExtractorSha256, reference.ExtractorUse, extractor);
        if (reference.FeatureSize != extractor.Extractor.FeatureSize)
            throw OtherSize(reference.FeatureSize, extractor);
        foreach (var name in undesired)
            if (!reference.Names.Contains(name))
                throw new PolicyMismatchException(
                    "$.quality.reference",
                    $"the statistics have no class '{name}' to leave out; they have: {string.Join(", ", reference.Names)}");

        using var merged = reference.MergeExcept(undesired);
        if (merged.Count == 0)
            throw new PolicyMismatchException(
                "$.quality.reference",
                $"the statistics hold no image without {string.Join(", ", undesired)}; make them of images that show what "
                    + "must survive");

        return new QualityReference(
            sha256,
            undesired,
            FeatureMoments.FromStatistics(merged),
            reference.Samples(undesired))
        { Errors = reference.Errors };
    }

    /// <summary>
    /// Takes a mean and covariance from elsewhere. They have no classes: naming them asserts that the images were without the
    /// undesired features.
    /// </summary>
    /// <param name="moments">Owned by the result.</param>
    /// <param name="sha256">Of their file.</param>
    /// <param name="undesired">Names of the classes that their images are asserted to be without.</param>
    /// <param name="extractor">The extractor whose features they are asserted to be.</param>
    /// <exception cref="PolicyMismatchException">
    /// The extractor makes another number of features, or the file says that another one made them.
    /// </exception>
    public static QualityReference Create(
        FeatureMoments moments, string sha256, IReadOnlyList<string> undesired, LoadedExtractor extractor)
    {
        if (moments.FeatureSize != extractor.Extractor.FeatureSize)
            throw OtherSize(moments.FeatureSize, extractor);
        if (moments.ExtractorSha256 is { } maker)
            RequireSameExtractor(maker, use: null, extractor);

        return new QualityReference(
            sha256, undesired, moments, zeros(0, moments.FeatureSize).DetachFromDisposeScope());
    }

    private static PolicyMismatchException OtherSize(long size, LoadedExtractor extractor) => new(
        "$.quality.reference",
        $"the statistics are of {size} features, the extractor makes {extractor.Extractor.FeatureSize}; make them again with "
            + "`atu reference`");

    // The same file with other preprocessing, another output or another token makes other features.
    private static void RequireSameExtractor(string maker, string? use, LoadedExtractor extractor)
    {
        if (maker == extractor.Sha256AsUsed)
            return;

        var own = extractor.Use.Describe();
        var difference = use is null && own is null
            ? ""
            : $" (they say {use ?? "nothing of its use"}, the policy says {own ?? "nothing of it"})";
        throw new PolicyMismatchException(
            "$.quality.reference",
            $"the statistics were made with another extractor, or one that was used in another way{difference} (SHA-256 {maker}, "
                + $"this one is {extractor.Sha256AsUsed}); make them again with `atu reference`");
    }

    /// <summary>Makes a reference of images, leaving out those in which a judge sees an undesired class.</summary>
    /// <param name="batches">Each <c>[n, C, H, W]</c>, nominally [-1, 1]; disposed one after the other.</param>
    /// <param name="sha256">Digest of what they are.</param>
    /// <param name="extractor">Makes features.</param>
    /// <param name="exclusionRules">Decide; see <see cref="ExclusionRules"/>.</param>
    public static QualityReference Create(
        IEnumerable<Tensor> batches, string sha256, IFeatureExtractor extractor, IReadOnlyList<FeatureRule> exclusionRules)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var statistics = FeatureStatistics.FromFeatures(zeros(0, extractor.FeatureSize));
        List<Tensor> samples = [];
        foreach (var batch in batches)
        {
            using var inner = NewDisposeScope();
            var images = batch.to(extractor.Device);
            var features = extractor.Features(images);
            var shown = exclusionRules.Select(judge =>
            {
                var own = judge.Classifier == extractor ? features : judge.Classifier.Features(images);
                return judge.Shows(judge.Classifier.Logits(own));
            });
            var isRetained = shown.Aggregate(
                ones(images.shape[0], dtype: @bool, device: images.device), (mask, one) => mask.logical_and(one.logical_not()));
            var retained = features[isRetained].cpu();
            using var more = FeatureStatistics.FromFeatures(retained);
            using var former = statistics;
            statistics = former.Merge(more);
            var wanted = MostSamples - samples.Sum(some => some.shape[0]);
            if (wanted > 0 && retained.shape[0] > 0)
                samples.Add(retained.narrow(0, 0, Math.Min(wanted, retained.shape[0])).clone().MoveToOuterDisposeScope());
            batch.Dispose();
        }

        using var all = statistics;
        return new QualityReference(
            sha256,
            [.. exclusionRules.Select(judge => judge.Class).Distinct()],
            FeatureMoments.FromStatistics(all),
            (samples.Count == 0 ? zeros(0, extractor.FeatureSize) : cat(samples)).DetachFromDisposeScope());
    }

    /// <summary>
    /// The rules that leave images out of a reference: the extractor's where it is a classifier (unknown classes leave nothing
    /// out), the auditors' otherwise.
    /// </summary>
    /// <param name="policy">Names the features.</param>
    /// <param name="classifiers">Of the policy.</param>
    public static IReadOnlyList<FeatureRule> ExclusionRules(UnlearningPolicy policy, PolicyClassifiers classifiers)
    {
        return classifiers.Extractor?.Extractor is FeatureClassifier extractor
            ? [.. policy.UndesiredFeatures.Where(feature => extractor.Classes.Contains(feature.Class))
                .Select(feature => As(feature, extractor))
                .Distinct()]
            : [.. policy.UndesiredFeatures.Select(classifiers.Auditor).Distinct()];

        // With the feature's own threshold where the extractor is its auditor or its annotator.
        FeatureRule As(UndesiredFeature feature, FeatureClassifier judge) =>
            new[] { classifiers.Auditor(feature), classifiers.Annotator(feature) }
                .FirstOrDefault(rule => rule.Classifier == judge)
                ?? classifiers.Rule(policy.Quality!.Extractor, feature.Class, threshold: null);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Moments.Dispose();
        Samples.Dispose();
    }
}
