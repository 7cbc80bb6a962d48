using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Pretraining;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Threading;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>
/// Students of the annotators: further classifiers, which learn within the run from the generator's own samples and what the
/// annotators say about them.
/// </summary>
/// <remarks>
/// Hinton, Vinyals, Dean 2015 (arXiv:1503.02531): the student's targets are the annotator's probabilities, at temperature 1. A
/// student errs elsewhere than its annotator. So what deceives the annotator seldom deceives both, and an image counts as showing
/// a feature when either sees it. The students need no other data, and they take no part in judging.
/// </remarks>
public sealed class AnnotatorStudents : IDisposable
{
    /// <summary>The stage's name in progress and times.</summary>
    public const string Name = "students of the annotators";

    private const int LabelledBatch = 100;   // samples that are made and labelled at once
    private const int HeldOut = 10;          // every tenth sample tells how well a student agrees
    private const int BatchSize = 64;
    private const double LearningRate = 0.002;

    private readonly List<AnnotatorStudent> _all = [];

    private AnnotatorStudents()
    {
    }

    /// <summary>The students of the first annotator, then those of the next.</summary>
    public IReadOnlyList<AnnotatorStudent> All => _all;

    /// <summary>
    /// Number of further students that learned nothing: they agree no more often than the commonest answer would.
    /// </summary>
    public int LeftOut { get; private set; }

    /// <summary>Trains the students.</summary>
    /// <param name="original">Makes the samples; in eval mode.</param>
    /// <param name="annotation">Has the annotators.</param>
    /// <param name="options">How many students an annotator gets, and from how much they learn.</param>
    /// <param name="seed">Seed of samples, weights and order.</param>
    /// <param name="device">Where the generator and the annotators are.</param>
    /// <param name="progress">Receives every epoch.</param>
    /// <param name="cancel">Ends the work between two batches.</param>
    /// <returns>Belongs to the caller. The same arguments give the same weights, bit for bit.</returns>
    /// <exception cref="FeedbackException">An annotator gives no finite answer about most of the samples.</exception>
    public static AnnotatorStudents Train(
        ImageGenerator original,
        Annotation annotation,
        StudentsOptions options,
        long seed,
        Device device,
        IProgress<StageProgress> progress,
        CancellationToken cancel)
    {
        var random = new RandomStreams(seed, Name);
        var trained = new AnnotatorStudents();
        try
        {
            var steps = annotation.Annotators.Count * options.Count * options.EpochsOrDefault;
            var done = 0;
            foreach (var annotator in annotation.Annotators)
            {
                // What the annotator says about samples is the same for all of its students.
                using var scope = NewDisposeScope();
                var (images, probabilities) = Label(original, annotator, annotation, options, random, device, cancel);
                var isHeldOut = arange(Scalars.Of(images.shape[0])).remainder(Scalars.Of(HeldOut)).eq(Scalars.Of(HeldOut - 1));
                var (learned, heldOut) = (Rows(isHeldOut.logical_not()), Rows(isHeldOut));

                // Train each with a seed of its own.
                for (var which = 0; which < options.Count; which++)
                    trained.Add(annotator, learned, heldOut, options, random, device, () =>
                        progress.Report(new StageProgress(Name, ++done, steps, Losses: null)), cancel);

                LabelledImages Rows(Tensor rows) => new(
                    annotator.Classes,
                    annotator.ClassesAreIndependent ? ClassifierOutputs.Sigmoid : ClassifierOutputs.Softmax,
                    images[rows],
                    probabilities[rows]);
            }

            return trained;
        }
        catch
        {
            trained.Dispose();
            throw;
        }
    }

    // Trains one student, and keeps it if it has learned anything.
    private void Add(
        FeatureClassifier annotator,
        LabelledImages learned,
        LabelledImages heldOut,
        StudentsOptions options,
        RandomStreams random,
        Device device,
        Action onEpoch,
        CancellationToken cancel)
    {
        var agreement = 0.0;
        var network = ClassifierTraining.Run(
            new ClassifierSettings(
                ArchitectureFor(annotator.Shape), options.EpochsOrDefault, BatchSize, LearningRate,
                (long)(random.SeedAt("student", _all.Count + LeftOut) >> 1)),
            learned,
            heldOut,
            device,
            new EpochProgress(epoch =>
            {
                agreement = epoch.TestAccuracy;
                onEpoch();
            }),
            cancel);
        if (agreement > AgreementOfCommonest(heldOut))
        {
            foreach (var parameter in network.parameters())
                parameter.requires_grad = false;
            _all.Add(new AnnotatorStudent(annotator, network, agreement));
        }
        else
        {
            network.Dispose();
            LeftOut++;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var student in All)
            student.Network.Dispose();
    }

    // How often the answer would agree that is the commonest among these labels: of independent classes, for each class.
    private static double AgreementOfCommonest(LabelledImages labelled)
    {
        using var scope = NewDisposeScope();
        if (labelled.Outputs is ClassifierOutputs.Softmax)
            return nn.functional.one_hot(labelled.Labels.argmax(1)).to(float64).mean([0]).max().item<double>();

        var shares = labelled.Labels.ge(Scalars.Of(0.5)).to(float64).mean([0]);
        return maximum(shares, 1 - shares).mean().item<double>();
    }

    // LeNet-5 takes a fifth of the other's time, and takes images of one size alone.
    private static string ArchitectureFor(ImageShape shape) => shape.Resolution == 32 ? LeNet5.Name : StridedConvNet.Name;

    // [N, C, H, W], uint8, and [N, K]: the annotator's probabilities. Samples without finite ones are left out.
    private static (Tensor Images, Tensor Probabilities) Label(
        ImageGenerator original,
        FeatureClassifier annotator,
        Annotation annotation,
        StudentsOptions options,
        RandomStreams random,
        Device device,
        CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        List<Tensor> images = [], probabilities = [];
        var samples = options.SamplesOrDefault;
        using var workers = WorkerThreads.For(device, original is IProbedProgram || annotation.RunsProgram);
        var batches = Enumerable.Range(0, (samples + LabelledBatch - 1) / LabelledBatch);
        foreach (var labelled in workers.InOrder(batches, Batch, Release))
        {
            scope.Attach(labelled.Images);
            scope.Attach(labelled.Probabilities);
            cancel.ThrowIfCancellationRequested();
            images.Add(labelled.Images);
            probabilities.Add(labelled.Probabilities);
        }

        var (all, answers) = (cat(images), cat(probabilities));
        return all.shape[0] * 2 > samples
            ? (all.MoveToOuterDisposeScope(), answers.MoveToOuterDisposeScope())
            : throw new FeedbackException(
                $"an annotator gives no finite answer about most of {samples} samples, so its students ('unlearning.students') "
                    + "have nothing to learn from");

        (Tensor Images, Tensor Probabilities) Batch(int batch)
        {
            using var batchScope = NewDisposeScope();
            using var _ = no_grad();
            using var source = random.At("samples", batch);
            var drawn = new GeneratorSamples(original).Draw(Math.Min(LabelledBatch, samples - batch * LabelledBatch), source);
            var bytes = ImageQuantizer.ToBytes(drawn);
            var said = annotator.Probabilities(annotation.IsRaw ? drawn : ImageQuantizer.FromBytes(bytes));
            var isFinite = said.isfinite().all(1);
            return (bytes[isFinite].cpu().DetachFromDisposeScope(), said[isFinite].cpu().DetachFromDisposeScope());
        }

        static void Release((Tensor Images, Tensor Probabilities) labelled)
        {
            labelled.Images.Dispose();
            labelled.Probabilities.Dispose();
        }
    }

    private sealed class EpochProgress(Action<ClassifierEpoch> report) : IProgress<ClassifierEpoch>
    {
        public void Report(ClassifierEpoch value) => report(value);
    }
}
