using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Threading;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>Judges candidates by the policy's limits, with the annotators alone.</summary>
/// <remarks>
/// The auditors judge the result and so take no part in choosing. Rate limits are multiplied by the policy's
/// <c>candidateMargin</c>; limits on shares of classes are not. Rates and shares are relative to the original generator on the
/// same latents. The Fréchet distance is to the original's retained images from other latents.
/// </remarks>
public sealed class CandidateEvaluator : ICandidateEvaluator, IDisposable
{
    private readonly UnlearningPolicy _policy;
    private readonly Annotation _annotation;
    private readonly EvaluationImages _images;
    private readonly Counts _original;
    private readonly FeatureStatistics? _reference;   // null where the features are too many for a distance

    /// <summary>Measures the original generator, with which candidates are compared.</summary>
    /// <param name="policy">Limits, and how many images are drawn.</param>
    /// <param name="annotation">Labels images.</param>
    /// <param name="original">In eval mode; stays the caller's.</param>
    /// <param name="device">Device of the generators.</param>
    public CandidateEvaluator(UnlearningPolicy policy, Annotation annotation, ImageGenerator original, Device device)
    {
        (_policy, _annotation) = (policy, annotation);
        _images = ImagesFor("candidates");
        using var scope = NewDisposeScope();
        _original = EvaluateImages(original, _images);
        var referenceCounts = EvaluateImages(original, ImagesFor("candidate-reference"));
        var retained = TakeForDistance(referenceCounts.Retained);
        _reference = retained.shape[0] > retained.shape[1] ? FeatureStatistics.FromFeatures(retained) : null;

        EvaluationImages ImagesFor(string purpose) =>
            new(new RandomStreams(policy.Unlearning.Seed, purpose), Truncation: 1, device, policy.Evaluation.IsRaw);
    }

    /// <inheritdoc/>
    public Candidate Evaluate(ImageGenerator generator, int step)
    {
        using var scope = NewDisposeScope();
        var counts = EvaluateImages(generator, _images);
        var samples = _policy.Unlearning.CandidateSamples;
        var rateViolation = _policy.UndesiredFeatures.Select((feature, number) => ConstraintViolation.OfRate(
            new Look(samples, counts.Hits[number]),
            ConstraintViolation
                .AllowedRate(feature, _annotation.Features[number].Violated, new Look(samples, _original.Hits[number])),
            _policy.Unlearning.CandidateMarginOrDefault)).Sum();
        var (kept, keptError) = SmallestShareKept(counts);
        var shareViolation = ConstraintViolation.OfShares(_policy.Quality?.MinShareKept, kept);
        return new Candidate(
            step,
            (double)counts.Hits.Max() / samples,
            rateViolation + shareViolation,
            DistanceOf(TakeForDistance(counts.Retained)),
            kept)
        {
            // Counts of rare images vary as Poisson's: by their root.
            ExcessError = double.Hypot(Math.Sqrt(counts.Hits.Sum()) / samples, shareViolation > 0 ? keptError : 0),
        };
    }

    /// <inheritdoc/>
    public void Dispose() => _reference?.Dispose();

    // With its standard error, by the counts after and before. A class without an image counts as one there.
    private (double Share, double Error) SmallestShareKept(Counts tally)
    {
        var first = _annotation.FirstClassifier;
        return Enumerable.Range(0, first.Classes.Count).Except(_annotation.UndesiredClasses)
            .Where(number => _original.ByClass[number] > 0)
            .Select(number => (After: (double)tally.ByClass[number], Before: (double)_original.ByClass[number]))
            .Select(images => (
                images.After / images.Before,
                Math.Sqrt(Math.Max(1, images.After) * (1 + images.After / images.Before)) / images.Before))
            .DefaultIfEmpty((1, 0))
            .Min();
    }

    // With no more images than features the covariance is singular, and a distance means nothing.
    private double? DistanceOf(Tensor features)
    {
        if (_reference is null || features.shape[0] <= features.shape[1])
            return null;

        using var statistics = FeatureStatistics.FromFeatures(features);
        return FrechetDistance.Between(statistics, _reference).Value;
    }

    // The same number of images for every candidate, because the bias of the distance depends on it.
    private Tensor TakeForDistance(Tensor retained) =>
        retained.narrow(0, 0, Math.Min(retained.shape[0], _policy.Unlearning.CandidateSamples / 2));

    private Counts EvaluateImages(ImageGenerator generator, EvaluationImages images)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var first = _annotation.FirstClassifier;
        var hits = new long[_annotation.Features.Count];
        var byClass = new long[first.Classes.Count];
        List<Tensor> retained = [];
        using var workers = WorkerThreads.For(images.Device, _policy.ProgramRoles().Count > 0);
        var batches = EvaluationImages.EnumerateBatches(_policy.Unlearning.CandidateSamples);
        foreach (var counts in workers.InOrder(
            batches, batch => EvaluateBatch(generator, images, batch), counts => counts.Retained.Dispose()))
        {
            for (var number = 0; number < hits.Length; number++)
                hits[number] += counts.Hits[number];
            for (var number = 0; number < byClass.Length; number++)
                byClass[number] += counts.ByClass[number];
            scope.Attach(counts.Retained);
            retained.Add(counts.Retained);
        }

        return new Counts(hits, byClass, cat(retained).MoveToOuterDisposeScope());
    }

    private Counts EvaluateBatch(ImageGenerator generator, EvaluationImages images, EvaluationBatch batch)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var first = _annotation.FirstClassifier;
        var drawn = images.Draw(generator, batch);
        var labels = _annotation.Label(drawn);
        var features = first.Features(drawn);
        return new Counts(
            [.. labels.Shows.Select(shows => shows.sum().item<long>())],
            first.Count(first.Logits(features)),
            features[labels.ShowsAny.logical_not()].DetachFromDisposeScope());
    }

    private sealed record Counts(long[] Hits, long[] ByClass, Tensor Retained);
}
