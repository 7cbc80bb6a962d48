using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>Judges candidates with the annotators alone, against the policy's limits: rates against a part of theirs, shares of classes against the whole.</summary>
/// <remarks>
/// The auditors mark the exam and so have no part in choosing. Rates, and shares of classes, are relative to the original
/// generator on the same latents; the Fréchet distance is to the original's clean images from other latents.
/// </remarks>
public sealed class CandidateJudge : ICandidateJudge, IDisposable
{
    // Rates are compared by a mild upper bound, so that a candidate is not chosen for its luck with a small sample.
    private const double Confidence = 0.9;

    private readonly UnlearningPolicy _policy;
    private readonly Annotation _annotation;
    private readonly EvaluationImages _images;
    private readonly Tally _original;
    private readonly FeatureStatistics? _reference;   // null where the features are too many for a distance

    /// <summary>Looks at the original generator.</summary>
    /// <param name="policy">The limits.</param>
    /// <param name="annotation">Labels images.</param>
    /// <param name="original">In eval mode; stays the caller's.</param>
    /// <param name="device">Where the generators are.</param>
    public CandidateJudge(UnlearningPolicy policy, Annotation annotation, ImageGenerator original, Device device)
    {
        (_policy, _annotation) = (policy, annotation);
        _images = Images("candidates");
        using var scope = NewDisposeScope();
        _original = Look(original, _images);
        var elsewhere = Look(original, Images("candidate-reference"));
        var clean = Compared(elsewhere.Clean);
        _reference = clean.shape[0] > clean.shape[1] ? FeatureStatistics.Of(clean) : null;

        EvaluationImages Images(string purpose) => new(new RandomStreams(policy.Unlearning.Seed, purpose), Truncation: 1, device, policy.Evaluation.IsRaw);
    }

    /// <inheritdoc/>
    public Candidate Judge(ImageGenerator generator, int step)
    {
        using var scope = NewDisposeScope();
        var tally = Look(generator, _images);
        var samples = _policy.Unlearning.CandidateSamples;
        var excess = _policy.UndesiredFeatures.Select((feature, number) =>
        {
            var limit = Math.Min(feature.MaxRate ?? 1, feature.MinUnlearned is { } unlearned && _annotation.Features[number].Violated ? (1 - unlearned) * _original.Hits[number] / samples : 1);
            return Math.Max(0, ClopperPearson.UpperBound(tally.Hits[number], samples, Confidence) - _policy.Unlearning.CandidateMarginOrDefault * limit);
        }).Sum();
        var kept = SmallestShareKept(tally);
        return new Candidate(
            step,
            (double)tally.Hits.Max() / samples,
            excess + Math.Max(0, (_policy.Quality?.MinShareKept ?? 0) - kept),
            DistanceOf(Compared(tally.Clean)),
            kept);
    }

    /// <inheritdoc/>
    public void Dispose() => _reference?.Dispose();

    private double SmallestShareKept(Tally tally)
    {
        var first = _annotation.First;
        var undesired = _annotation.Features.Where(feature => feature.Rule.Classifier == first).Select(feature => feature.Rule.Index).ToHashSet();
        return Enumerable.Range(0, first.Classes.Count)
            .Where(number => !undesired.Contains(number) && _original.ByClass[number] > 0)
            .Select(number => (double)tally.ByClass[number] / _original.ByClass[number])
            .DefaultIfEmpty(1)
            .Min();
    }

    // Of features as wide as this, covariances would fill the memory to say nothing.
    private double? DistanceOf(Tensor features)
    {
        if (_reference is null || features.shape[0] <= features.shape[1])
            return null;

        using var statistics = FeatureStatistics.Of(features);
        return FrechetDistance.Between(statistics, _reference).Value;
    }

    // The same number for every candidate, because the distance is biased by it.
    private Tensor Compared(Tensor clean) => clean.narrow(0, 0, Math.Min(clean.shape[0], _policy.Unlearning.CandidateSamples / 2));

    private Tally Look(ImageGenerator generator, EvaluationImages images)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var first = _annotation.First;
        var hits = new long[_annotation.Features.Count];
        var byClass = new long[first.Classes.Count];
        List<Tensor> clean = [];
        foreach (var batch in EvaluationImages.UpTo(_policy.Unlearning.CandidateSamples))
        {
            using var batchScope = NewDisposeScope();
            var drawn = images.Draw(generator, batch);
            var labels = _annotation.Label(drawn);
            for (var number = 0; number < hits.Length; number++)
                hits[number] += labels.Shows[number].sum().item<long>();
            var features = first.Features(drawn);
            var counts = first.Count(first.Logits(features));
            for (var number = 0; number < byClass.Length; number++)
                byClass[number] += counts[number];
            clean.Add(features[labels.ShowsAny.logical_not()].MoveToOuterDisposeScope());
        }

        return new Tally(hits, byClass, cat(clean).MoveToOuterDisposeScope());
    }

    private sealed record Tally(long[] Hits, long[] ByClass, Tensor Clean);
}
