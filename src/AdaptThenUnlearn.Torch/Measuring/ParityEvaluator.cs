using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Threading;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>Measures a file that ships in place of a generator, and compares it with the generator on the same latents.</summary>
/// <remarks>
/// The file is measured as a generator is, at as many images as its own rates need. At the first look, whose size does not depend
/// on what is seen, each image has its counterpart: the generator's, from the same latent and noise. Counts, the largest
/// difference of a pixel and sums of features are kept, and no image.
/// </remarks>
/// <param name="policy">Says what to read.</param>
/// <param name="classifiers">Of the policy.</param>
/// <param name="reference">Of the policy, for what it knows of the auditors; null where the policy asks for no quality.</param>
/// <param name="images">Draws the evaluation images.</param>
public sealed class ParityEvaluator(
    UnlearningPolicy policy, PolicyClassifiers classifiers, QualityReference? reference, EvaluationImages images)
{
    private readonly GeneratorEvaluator _evaluator = new(policy, classifiers, reference, images);

    /// <summary>Measures a file.</summary>
    /// <param name="form">Of the policy.</param>
    /// <param name="property">JSON path of the property that names it.</param>
    /// <param name="shipped">The file, loaded; takes the latents and the noise of the artifact. Stays the caller's.</param>
    /// <param name="artifact">The generator that it is compared with; stays the caller's.</param>
    /// <param name="before">Readings of the original generator, which show what the auditors can see.</param>
    /// <param name="progress">Receives the number of images looked at so far.</param>
    /// <param name="cancel">Ends the measurement between two batches.</param>
    /// <returns>Says why where the file could not be measured: it cannot be run, or its images are none.</returns>
    public ParityReading Measure(
        ShippedForm form,
        string property,
        LoadedGenerator shipped,
        LoadedGenerator artifact,
        Measurement before,
        IProgress<long> progress,
        CancellationToken cancel)
    {
        try
        {
            return Compare(form, property, shipped, artifact, before, progress, cancel);
        }
        catch (Exception failed) when (failed is CheckpointException or PolicyMismatchException)
        {
            return ParityReading.Failed(form.NameInEffect, shipped.Sha256, artifact.Sha256, failed.Message.TrimEnd('.'));
        }
    }

    private ParityReading Compare(
        ShippedForm form,
        string property,
        LoadedGenerator shipped,
        LoadedGenerator artifact,
        Measurement before,
        IProgress<long> progress,
        CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        using var check = ConsistencyCheck.Probe(shipped.Generator, policy, classifiers, images, property);
        using var workers = WorkerThreads.For(images.Device, policy.ProgramRoles().Count > 0);
        var comparesFeatures = form.MaxFrechetDifference is not null;
        using var sums = new Sums(policy.UndesiredFeatures.Count);
        using var pairs = workers.InOrder(
            _evaluator.AllBatches(),
            batch => Look(batch, property, shipped.Generator, artifact.Generator, comparesFeatures).Detached(),
            pair => pair.Dispose()).GetEnumerator();
        var measured = _evaluator.Assemble(
            shipped.Sha256,
            (batch, _) =>
            {
                cancel.ThrowIfCancellationRequested();
                _ = pairs.MoveNext();   // in the order in which they are asked for
                progress.Report(batch.First + batch.Size);
                using var pair = pairs.Current;
                sums.Add(pair);
                return pair.Reading;
            },
            before) with
        {
            Quality = null,
            Shares = [],   // of the artifact alone
        };
        check.ProbeAgain();
        var distance = comparesFeatures ? sums.Distance() : null;
        return new ParityReading(
            form.NameInEffect,
            shipped.Sha256,
            artifact.Sha256,
            [
                .. policy.UndesiredFeatures.Select((feature, number) => new AnswerDifference(
                    feature.Name, policy.Evaluation.Samples, sums.ArtifactOnly[number], sums.FormOnly[number])),
            ],
            measured,
            sums.PixelDifference,
            distance?.Value,
            distance?.NotMeasured);
    }

    private PairReading Look(
        EvaluationBatch batch, string property, ImageGenerator shipped, ImageGenerator artifact, bool comparesFeatures)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var own = new SeenImages(Drawn(shipped, batch, property, "it"));
        if (batch.First >= policy.Evaluation.Samples)
            return new PairReading(_evaluator.Read(own, batch, needsRetained: false), [], [], 0, null, null);

        // The file's answers are asked for in this scope, so that the reading below finds them.
        var its = new SeenImages(Drawn(artifact, batch, property, "the artifact that it is compared with"));
        List<(Tensor Artifact, Tensor Form)> answers =
        [
            .. policy.UndesiredFeatures.Select(feature => classifiers.Auditor(feature))
                .Select(auditor => (its.Show(auditor), own.Show(auditor))),
        ];
        var extractor = comparesFeatures ? classifiers.Extractor!.Extractor : null;
        return new PairReading(
            _evaluator.Read(own, batch, needsRetained: false),
            [.. answers.Select(answer => Count(answer.Artifact, answer.Form))],
            [.. answers.Select(answer => Count(answer.Form, answer.Artifact))],
            (int)(ImageQuantizer.ToLevels(own.Images) - ImageQuantizer.ToLevels(its.Images)).abs().max().item<float>(),
            extractor?.Features(its.Images).cpu().MoveToOuterDisposeScope(),
            extractor?.Features(own.Images).cpu().MoveToOuterDisposeScope());

        static long Count(Tensor shown, Tensor hidden) => shown.logical_and(hidden.logical_not()).sum().item<long>();
    }

    private Tensor Drawn(ImageGenerator generator, EvaluationBatch batch, string property, string who)
    {
        var drawn = images.Draw(generator, batch);
        return isfinite(drawn).all().item<bool>()
            ? drawn
            : throw new PolicyMismatchException(property, $"{who} makes images whose numbers are not all finite");
    }

    /// <summary>What one batch of the file shows, beside the artifact's where there is one.</summary>
    private sealed record PairReading(
        BatchReading Reading,
        IReadOnlyList<long> ArtifactOnly,
        IReadOnlyList<long> FormOnly,
        int PixelDifference,
        Tensor? ArtifactFeatures,
        Tensor? FormFeatures) : IDisposable
    {
        /// <summary>The same, whose tensors belong to no scope.</summary>
        public PairReading Detached()
        {
            ArtifactFeatures?.DetachFromDisposeScope();
            FormFeatures?.DetachFromDisposeScope();
            return this;
        }

        public void Dispose()
        {
            ArtifactFeatures?.Dispose();
            FormFeatures?.Dispose();
        }
    }

    /// <summary>What all batches show together.</summary>
    private sealed class Sums(int features) : IDisposable
    {
        private FeatureStatistics? _artifact, _form;

        public long[] ArtifactOnly { get; } = new long[features];

        public long[] FormOnly { get; } = new long[features];

        public int PixelDifference { get; private set; }

        public void Add(PairReading pair)
        {
            for (var number = 0; number < pair.ArtifactOnly.Count; number++)
            {
                ArtifactOnly[number] += pair.ArtifactOnly[number];
                FormOnly[number] += pair.FormOnly[number];
            }

            PixelDifference = Math.Max(PixelDifference, pair.PixelDifference);
            _artifact = Merged(_artifact, pair.ArtifactFeatures);
            _form = Merged(_form, pair.FormFeatures);
        }

        public MetricResult Distance() => FrechetDistance.Between(_artifact!, _form!);

        public void Dispose()
        {
            _artifact?.Dispose();
            _form?.Dispose();
        }

        private static FeatureStatistics? Merged(FeatureStatistics? sum, Tensor? more)
        {
            if (more is null)
                return sum;

            var added = FeatureStatistics.FromFeatures(more);
            if (sum is null)
                return added;

            using var _ = added;
            using var old = sum;
            return old.Merge(added);
        }
    }
}
