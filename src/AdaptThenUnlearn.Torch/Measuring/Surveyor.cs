using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>Takes every reading that a policy asks for off one generator.</summary>
/// <remarks>
/// Images come from the evaluation seed, apart from anything training ever draws, and are the same latents and noise for
/// every generator. Half of the first look's retained images are compared with the reference, so that before and after
/// compare the same number.
/// </remarks>
/// <param name="policy">Says what to read.</param>
/// <param name="classifiers">Of the policy.</param>
/// <param name="reference">Of the policy; null where it asks for no quality.</param>
/// <param name="images">Draws evaluation images.</param>
public sealed class Surveyor(UnlearningPolicy policy, PolicyClassifiers classifiers, QualityReference? reference, EvaluationImages images)
{
    private const int KernelSubsets = 50;
    private const int KernelSubsetSize = 500;

    /// <summary>Measures.</summary>
    /// <param name="generator">In eval mode; stays the caller's.</param>
    /// <param name="sha256">Digest of its checkpoint.</param>
    /// <param name="progress">Told of the images looked at so far.</param>
    /// <param name="cancel">Ends the measurement between two batches.</param>
    public Measurement Measure(ImageGenerator generator, string sha256, IProgress<long> progress, CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        var evaluation = policy.Evaluation;
        var count = new Count(policy, classifiers);
        var looks = policy.UndesiredFeatures.Select(_ => new List<Look>()).ToList();
        List<Tensor> retained = [];
        FirstLook? first = null;
        foreach (var size in SequentialSampling.Looks(evaluation.Samples, evaluation.MaxSamples))
        {
            foreach (var batch in EvaluationImages.UpTo(size, from: count.Samples))
            {
                cancel.ThrowIfCancellationRequested();
                using var batchScope = NewDisposeScope();
                var features = count.Add(images.Draw(generator, batch), alsoAnnotate: first is null);
                if (first is null && features is not null)
                    retained.Add(features.MoveToOuterDisposeScope());
                progress.Report(count.Samples);
            }

            for (var number = 0; number < looks.Count; number++)
                looks[number].Add(new Look(count.Samples, count.Hits[number]));
            first ??= new FirstLook([.. count.AnnotatorHits], count.Shares(), retained.Count == 0 ? null : cat(retained));
            if (!policy.UndesiredFeatures.Zip(looks).Any(pair => SequentialSampling.WorthGoingOn(
                pair.Second[^1], pair.First.MaxRate, evaluation.Samples, evaluation.MaxSamples, evaluation.Confidence)))
                break;
        }

        return new Measurement(
            sha256,
            evaluation.Seed,
            evaluation.Truncation,
            [.. policy.UndesiredFeatures.Select((feature, number) => new FeatureReading(
                feature.Name, feature.Auditor ?? feature.Annotator, feature.Class, looks[number], feature.Auditor is null ? null : first!.AnnotatorHits[number]))],
            Quality(first!.Retained),
            first.Shares);
    }

    private QualityReading? Quality(Tensor? retained)
    {
        if (policy.Quality is not { } quality || reference is null)
            return null;

        using var scope = NewDisposeScope();
        var wanted = policy.Evaluation.Samples / 2;
        var found = retained?.shape[0] ?? 0;
        var reading = new QualityReading(
            "classifier Fréchet distance", quality.Extractor, classifiers.Sha256(quality.Extractor), reference.Sha256, reference.Excluded,
            Math.Min(found, wanted), reference.Statistics.Count, null, null, null, null, null, null, null, null);
        if (retained is null || found < wanted)
            return reading with { NotMeasured = FormattableString.Invariant($"only {found} of {policy.Evaluation.Samples} images are free of undesired features, and {wanted} are compared") };

        var generated = retained.narrow(0, 0, wanted);
        using var statistics = FeatureStatistics.Of(generated);
        var distance = FrechetDistance.Between(statistics, reference.Statistics);
        if (distance.Value is null)
            return reading with { NotMeasured = distance.NotMeasured };

        var kernel = KernelDistance.Between(reference.Samples, generated, KernelSubsets, KernelSubsetSize, policy.Evaluation.Seed);
        var some = generated.narrow(0, 0, Math.Min(generated.shape[0], reference.Samples.shape[0]));
        var manifold = ManifoldMetrics.Of(reference.Samples, some);
        return reading with
        {
            FrechetDistance = distance.Value,
            KernelDistance = kernel.Mean,
            KernelDistanceDeviation = kernel.Deviation,
            Precision = manifold.Precision,
            Recall = manifold.Recall,
            Density = manifold.Density,
            Coverage = manifold.Coverage,
        };
    }

    private sealed record FirstLook(IReadOnlyList<long> AnnotatorHits, IReadOnlyList<ClassShare> Shares, Tensor? Retained);

    /// <summary>Counts while images go by; each classifier looks at each image once.</summary>
    private sealed class Count(UnlearningPolicy policy, PolicyClassifiers classifiers)
    {
        private readonly string? _extractor = policy.Quality?.Extractor;
        private readonly long[] _byClass = new long[policy.Quality is { } quality ? classifiers[quality.Extractor].Classes.Count : 0];

        public long Samples { get; private set; }

        public long[] Hits { get; } = new long[policy.UndesiredFeatures.Count];

        public long[] AnnotatorHits { get; } = new long[policy.UndesiredFeatures.Count];

        /// <summary>Counts one batch.</summary>
        /// <returns>The extractor's features of images without undesired features, <c>[≤ N, d]</c>; null without an extractor. Belongs to the caller's scope.</returns>
        public Tensor? Add(Tensor batch, bool alsoAnnotate)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            Dictionary<string, (Tensor Features, Tensor Classes)> seen = [];
            var clean = ones(batch.shape[0], dtype: @bool, device: batch.device);
            for (var number = 0; number < Hits.Length; number++)
            {
                var feature = policy.UndesiredFeatures[number];
                var shown = Shown(feature.Auditor ?? feature.Annotator, feature.Class);
                Hits[number] += shown.sum().item<long>();
                clean = clean.logical_and(shown.logical_not());
                if (alsoAnnotate)
                    AnnotatorHits[number] += Shown(feature.Annotator, feature.Class).sum().item<long>();
            }

            Samples += batch.shape[0];
            if (_extractor is null)
                return null;

            var extracted = See(_extractor);
            var classes = extracted.Classes.bincount(null, _byClass.Length).cpu().data<long>().ToArray();
            for (var number = 0; number < _byClass.Length; number++)
                _byClass[number] += classes[number];
            return extracted.Features[clean].cpu().MoveToOuterDisposeScope();

            Tensor Shown(string classifier, string name) => See(classifier).Classes.eq(classifiers[classifier].IndexOf(name));

            (Tensor Features, Tensor Classes) See(string name)
            {
                if (!seen.TryGetValue(name, out var looked))
                {
                    var features = classifiers[name].Features(batch);
                    seen[name] = looked = (features, classifiers[name].Logits(features).argmax(1));
                }

                return looked;
            }
        }

        /// <summary>How often each class of the extractor was seen so far.</summary>
        public IReadOnlyList<ClassShare> Shares() => _extractor is null
            ? []
            : [.. classifiers[_extractor].Classes.Select((name, number) => new ClassShare(
                _extractor, name, policy.UndesiredFeatures.Any(feature => feature.Class == name), _byClass[number], Samples))];
    }
}
