using System.Globalization;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Threading;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>Takes every reading that a policy asks for from one generator.</summary>
/// <remarks>
/// Images come from the evaluation seed, apart from anything training ever draws, and are the same latents and noise for
/// every generator. Of the first look's retained images <see cref="EvaluationOptions.ComparedImages"/> are compared with the
/// reference, so that before and after compare the same number. Memory holds their features and sums, so it does not grow with
/// the sample beyond that.
/// </remarks>
/// <param name="policy">Says what to read.</param>
/// <param name="classifiers">Of the policy.</param>
/// <param name="reference">Of the policy; null where it asks for no quality.</param>
/// <param name="images">Draws evaluation images.</param>
public sealed class GeneratorEvaluator(
    UnlearningPolicy policy, PolicyClassifiers classifiers, QualityReference? reference, EvaluationImages images)
{
    private readonly AuditorCheck _check = new(policy, classifiers, reference);

    /// <summary>Retained images that are compared with the reference.</summary>
    internal int ComparedImages => policy.Evaluation.ComparedImages;

    // Whether a distance of so many can be computed.
    private bool IsEnough => reference is not null && ComparedImages > reference.Moments.FeatureSize;

    /// <summary>Measures a generator.</summary>
    /// <param name="generator">In eval mode; stays the caller's.</param>
    /// <param name="sha256">Digest of its checkpoint.</param>
    /// <param name="progress">Receives the number of images looked at so far.</param>
    /// <param name="cancel">Ends the measurement between two batches.</param>
    /// <param name="before">Readings of the original generator; null where this is it.</param>
    /// <exception cref="PolicyMismatchException">
    /// A classifier's outputs are not what the policy says, or a program answers differently from one time to the next.
    /// </exception>
    public Measurement Measure(
        ImageGenerator generator, string sha256, IProgress<long> progress, CancellationToken cancel, Measurement? before = null)
    {
        using var scope = NewDisposeScope();
        using var consistencyCheck = StartConsistencyCheck(generator);
        var needsRetained = true;
        using var readings = ReadInOrder(generator, AllBatches(), () => needsRetained).GetEnumerator();
        var measured = Assemble(sha256, (batch, retained) =>
        {
            cancel.ThrowIfCancellationRequested();
            needsRetained = retained;
            _ = readings.MoveNext();   // in the order in which they are asked for
            progress.Report(batch.First + batch.Size);
            return readings.Current;
        }, before);
        consistencyCheck.ProbeAgain();
        return measured;
    }

    /// <summary>
    /// Runs the programs among generator, classifiers and extractor twice on the same inputs; probe again when the readings are
    /// taken.
    /// </summary>
    /// <param name="generator">That is measured.</param>
    /// <returns>Belongs to the caller.</returns>
    /// <exception cref="PolicyMismatchException">A program answers differently.</exception>
    public ConsistencyCheck StartConsistencyCheck(ImageGenerator generator) =>
        ConsistencyCheck.Probe(generator, policy, classifiers, images);

    /// <summary>
    /// Every batch that a measurement could come to look at, in order, so that several machines can share the work.
    /// </summary>
    public IEnumerable<EvaluationBatch> AllBatches()
    {
        var done = 0L;
        foreach (var size in policy.Evaluation.Looks())
        {
            foreach (var batch in EvaluationImages.EnumerateBatches(size, from: done))
                yield return batch;
            done = size;
        }
    }

    /// <summary>
    /// Puts readings of batches together; the same readings give the same measurement, wherever they were taken.
    /// </summary>
    /// <param name="sha256">Digest of the generator's checkpoint.</param>
    /// <param name="read">
    /// Gives the reading of a batch; asked in order, and only while more images are needed. Receives whether features of retained
    /// images are still needed.
    /// </param>
    /// <param name="before">Readings of the original generator; null where this is it.</param>
    /// <exception cref="PolicyMismatchException">A classifier's outputs are not what the policy says.</exception>
    public Measurement Assemble(string sha256, Func<EvaluationBatch, bool, BatchReading> read, Measurement? before = null)
    {
        using var scope = NewDisposeScope();

        // Look at growing samples, and stop as soon as more images cannot change the answer.
        var evaluation = policy.Evaluation;
        var looks = policy.UndesiredFeatures.Select(_ => new List<Look>()).ToList();
        var first = new FirstLook(looks.Count);
        var hits = new long[looks.Count];
        var samples = 0L;
        using var copies = new MemoryStream();
        foreach (var size in evaluation.Looks())
        {
            foreach (var batch in EvaluationImages.EnumerateBatches(size, from: samples))
            {
                var reading = read(batch, IsEnough && first.Retained < ComparedImages);
                copies.Write(reading.Copies.Span);
                if (size == evaluation.Samples)
                    first.Add(reading);
                for (var number = 0; number < hits.Length; number++)
                    hits[number] += reading.Hits[number];
            }

            // Check the classifiers' outputs after the first look, before anything is concluded from them.
            samples = size;
            if (size == evaluation.Samples)
                _check.RequireOutputs(first.Evidence!);

            // Record this look, and stop unless a rate is within its limit while its bound is not.
            for (var number = 0; number < hits.Length; number++)
                looks[number].Add(new Look(samples, hits[number]));
            if (!policy.UndesiredFeatures.Zip(looks).Any(pair => SequentialSampling.ShouldContinue(
                pair.Second[^1], pair.First.MaxRate, evaluation.Looks(), evaluation.Confidence,
                _check.CountedErrors(pair.First))))
                break;
        }

        // Put the readings together; everything but the rates is of the first look alone.
        return new Measurement(
            sha256,
            evaluation.Seed,
            evaluation.Truncation,
            [.. policy.UndesiredFeatures.Select((feature, number) => _check.Complete(number, new FeatureReading(
                feature.Name,
                feature.Auditor ?? feature.Annotator,
                feature.Class,
                looks[number],
                feature.Auditor is null ? null : first.AnnotatorHits[number],
                NoiseFloor(feature)), first.Evidence!, before))],
            Quality(first),
            Shares(first),
            evaluation.RangeOrDefault,
            first.Evidence!.Images.ToReading(),
            Repeats: policy.Generator.MaxDuplicatesInEffect is { } limit ? Repeats(copies, samples, limit) : null);
    }

    private static RepeatedImages Repeats(MemoryStream copies, long samples, double limit)
    {
        if (copies.Length != samples * SmallCopies.Bytes)
            throw new MeasurementPartsException(
                "the small copies of some images are missing, by which images that repeat others are found: measure again");

        return new RepeatedImages(
            samples, SmallCopies.CountRepeats(copies.GetBuffer().AsSpan(0, (int)copies.Length)), limit);
    }

    /// <summary>Looks at batches, at several at once where there are threads; the readings are the same for any number.</summary>
    /// <param name="generator">In eval mode; stays the caller's.</param>
    /// <param name="batches">Which.</param>
    /// <param name="needsRetained">Whether features of retained images are wanted; asked before each batch.</param>
    /// <returns>Readings in the order of the batches; the tensor of each belongs to the scope in which it is asked for.</returns>
    public IEnumerable<BatchReading> ReadInOrder(
        ImageGenerator generator, IEnumerable<EvaluationBatch> batches, Func<bool> needsRetained)
    {
        using var workers = WorkerThreads.For(images.Device, policy.ProgramRoles().Count > 0);
        foreach (var reading in workers.InOrder(
            batches, batch => Read(generator, batch, needsRetained()).Detached(), reading => reading.Retained?.Dispose()))
            yield return needsRetained() ? reading.Attached() : reading.WithoutRetained();
    }

    /// <summary>Looks at one batch; each classifier looks at each image once.</summary>
    /// <param name="generator">In eval mode; stays the caller's.</param>
    /// <param name="batch">Which.</param>
    /// <param name="needsRetained">
    /// Whether features of retained images are wanted: an extractor may take a hundred times as long as all else.
    /// </param>
    /// <returns>Its tensor belongs to the caller's scope.</returns>
    public BatchReading Read(ImageGenerator generator, EvaluationBatch batch, bool needsRetained = true)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var drawn = images.Draw(generator, batch);
        if (drawn.shape[0] != batch.Size)
            throw new InvalidOperationException("there are fewer images than the policy's sample");
        var reading = Read(new SeenImages(drawn), batch, needsRetained) with
        {
            Copies = generator is ImageSequence ? SmallCopies.Make(drawn) : default,
        };
        reading.Retained?.MoveToOuterDisposeScope();
        return reading;
    }

    /// <summary>Looks at one batch that was drawn.</summary>
    /// <param name="seen">Its images; no classifier looks at them again that has looked already.</param>
    /// <param name="batch">Which.</param>
    /// <param name="needsRetained">As for <see cref="Read(ImageGenerator, EvaluationBatch, bool)"/>.</param>
    /// <returns>Its tensor belongs to the caller's scope.</returns>
    internal BatchReading Read(SeenImages seen, EvaluationBatch batch, bool needsRetained)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();

        // Count the images that show each feature, to its auditor and to its annotator.
        var drawn = seen.Images;
        var features = policy.UndesiredFeatures;
        var shown = features.Select(feature => Shown(classifiers.Auditor(feature))).ToList();
        long[] hits = [.. shown.Select(mask => mask.sum().item<long>())];
        long[] annotatorHits = [.. features.Select(feature => Shown(classifiers.Annotator(feature)).sum().item<long>())];
        var evidence = batch.First < policy.Evaluation.Samples ? Evidence() : null;

        // Count each class, and extract the features of images without undesired features.
        if (policy.Quality?.CountingClassifier(policy) is not { } counter)
            return new BatchReading(batch, hits, annotatorHits, [], null, [], evidence);

        var byClass = classifiers[counter].Count(Classify(classifiers[counter]).Logits);
        var isRetained = shown.Aggregate(
            ones(drawn.shape[0], dtype: @bool, device: drawn.device), (mask, one) => mask.logical_and(one.logical_not()));
        return needsRetained && batch.First < policy.Evaluation.Samples
            ? new BatchReading(
                batch,
                hits,
                annotatorHits,
                byClass,
                Extracted().cpu().MoveToOuterDisposeScope(),
                isRetained.nonzero().flatten().cpu().data<long>().ToArray(),
                evidence)
            : new BatchReading(batch, hits, annotatorHits, byClass, null, [], evidence);

        ReadingEvidence Evidence() => new(
            [.. _check.ClassifierNames.Select(name => OutputRange.FromLogits(Classify(classifiers[name]).Logits))],
            [.. features.Select(feature => ReadingEvidence.CountDifferences(
                Output(classifiers.Auditor(feature)), Output(classifiers.Annotator(feature))))],
            DiversityStatistics.FromImages(drawn, DiversityStatistics.IsHashed(batch)));

        Tensor Output(FeatureRule rule) => Classify(rule.Classifier).Logits.select(1, rule.Index);

        Tensor Extracted() => policy.Quality.Extractor == counter
            ? Classify(classifiers[counter]).Features[isRetained]
            : classifiers.Extractor!.Extractor.Features(drawn[isRetained]);

        Tensor Shown(FeatureRule rule) => seen.Show(rule);

        (Tensor Features, Tensor Logits) Classify(FeatureClassifier classifier) => seen.Classify(classifier);
    }

    // The reference knows the errors of its own extractor alone.
    private double? NoiseFloor(UndesiredFeature feature) =>
        policy.Quality?.Extractor == (feature.Auditor ?? feature.Annotator)
            && reference?.Errors.CountsOf(classifiers.Auditor(feature)) is { Without: > 0 } known
                ? (double)known.FalseAlarms / known.Without
                : null;

    private IReadOnlyList<ClassShare> Shares(FirstLook first) =>
        policy.Quality?.CountingClassifier(policy) is not { } counter
            ? []
            : [.. classifiers[counter].Classes.Select((name, number) => new ClassShare(
                counter,
                name,
                policy.Quality.UndesiredClasses(policy).Contains(name),
                first.ByClass[number],
                policy.Evaluation.Samples,
                _check.ErrorsOfClass(counter, name)))];

    private QualityReading? Quality(FirstLook first)
    {
        if (policy.Quality is not { } quality || reference is null || classifiers.Extractor is not { } extractor)
            return null;

        using var scope = NewDisposeScope();
        var wanted = ComparedImages;
        var found = first.Retained;

        // Give up where there are too few images for the Fréchet distance: nothing else is measured then.
        if (!IsEnough)
            return Reading(Unmeasured(string.Create(
                CultureInfo.InvariantCulture,
                $"{wanted} images are compared, and more than {reference.Moments.FeatureSize} are needed, one for each "
                    + $"dimension of the features: 'evaluation.samples' must be at least "
                    + $"{2 * (reference.Moments.FeatureSize + 1)}")));
        if (found < wanted)
            return Reading(Unmeasured(string.Create(
                CultureInfo.InvariantCulture,
                $"only {found} of {policy.Evaluation.Samples} images are free of undesired features, "
                    + $"and {wanted} are compared")));

        // Compute every metric of the catalogue on the same features.
        var generated = first.Features(wanted);
        using var statistics = FeatureStatistics.FromFeatures(generated);
        using var moments = FeatureMoments.FromStatistics(statistics);
        var compared = new ComparedFeatures(
            generated, reference.Samples, moments, reference.Moments, MetricSettings.ForPolicy(policy.Evaluation));
        var distance = QualityMetrics.All[0].Compute(compared);
        if (distance.NotMeasured is { } why)
            return Reading(Unmeasured(why));
        var others = QualityMetrics.All.Skip(1).Select(metric => metric.Compute(compared).ToValue(metric));

        // Estimate the error of the distance from the distances without each group of latents.
        return Reading([distance.ToValue(QualityMetrics.All[0]), .. others]) with
        {
            Groups = FrechetDistance.ComputeLeavingOutGroups(generated, [.. first.Latents.Take(wanted)], reference.Moments),
        };

        QualityReading Reading(IReadOnlyList<MetricValue> values) => new(
            extractor.Metric, quality.Extractor, extractor.Sha256, reference.Sha256, reference.Excluded,
            Math.Min(found, wanted), reference.Moments.Count, values);
    }

    // The Fréchet distance has the reason; the other metrics have no value for the same reason.
    private static IReadOnlyList<MetricValue> Unmeasured(string why) =>
        [.. QualityMetrics.All.Select(
            (metric, index) => new MetricValue(metric.Metric, null, NotMeasured: index == 0 ? why : null))];
}

/// <summary>The reading of one batch of images.</summary>
/// <param name="Batch">Which.</param>
/// <param name="Hits">For each undesired feature of the policy: images that show it, to its auditor.</param>
/// <param name="AnnotatorHits">For each undesired feature: images that show it, to its annotator.</param>
/// <param name="ByClass">
/// For each class of the classifier that counts them: images of it (where several classes may hold, an image counts for each);
/// empty where the policy asks for no quality.
/// </param>
/// <param name="Retained">
/// The extractor's features of images without undesired features, <c>[≤ Size, d]</c>, on the CPU; null beyond the first look,
/// where enough were seen before, or where the policy asks for no quality.
/// </param>
/// <param name="RetainedPositions">
/// Place in the batch of each image whose features are <paramref name="Retained"/>, ascending from 0; none where that is null.
/// </param>
/// <param name="Evidence">What the batch shows about the classifiers and the images; null beyond the first look.</param>
public sealed record BatchReading(
    EvaluationBatch Batch,
    IReadOnlyList<long> Hits,
    IReadOnlyList<long> AnnotatorHits,
    IReadOnlyList<long> ByClass,
    Tensor? Retained,
    IReadOnlyList<long> RetainedPositions,
    ReadingEvidence? Evidence)
{
    /// <summary><see cref="SmallCopies"/> of an <see cref="ImageSequence"/>'s images; empty for any other generator.</summary>
    public ReadOnlyMemory<byte> Copies { get; init; }

    /// <summary>The same reading, whose tensor belongs to no scope.</summary>
    internal BatchReading Detached()
    {
        Retained?.DetachFromDisposeScope();
        return this;
    }

    /// <summary>The same reading, whose tensor belongs to the caller's scope.</summary>
    internal BatchReading Attached()
    {
        if (Retained is not null)
            TorchSharp.torch.CurrentDisposeScope?.Attach(Retained);
        return this;
    }

    /// <summary>The reading of a batch whose retained images were not needed after all.</summary>
    internal BatchReading WithoutRetained()
    {
        Retained?.Dispose();
        return this with { Retained = null, RetainedPositions = [] };
    }
}
