using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Threading;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>What annotators, students and the discriminator say of many images of the original generator.</summary>
internal sealed class DescribedSamples : IDisposable
{
    private const int Batch = 100;   // images that are described together

    private DescribedSamples(IReadOnlyList<Tensor> retainedFeatures, Tensor probabilities, Tensor retained) =>
        (RetainedFeatures, Probabilities, Retained) = (retainedFeatures, probabilities, retained);

    /// <summary>
    /// Features of the images that show nothing undesired, <c>[N, d]</c>: of each annotator and student that training follows,
    /// and of the discriminator where it was asked.
    /// </summary>
    public IReadOnlyList<Tensor> RetainedFeatures { get; }

    /// <summary>Probabilities of the first annotator's classes, <c>[N, K]</c>, for every image.</summary>
    public Tensor Probabilities { get; }

    /// <summary><c>[N]</c>, bool: which images show nothing undesired.</summary>
    public Tensor Retained { get; }

    /// <summary>Draws and describes samples.</summary>
    /// <param name="original">In eval mode; stays the caller's.</param>
    /// <param name="annotation">Describes them.</param>
    /// <param name="discriminator">Its features are taken, too; null for none.</param>
    /// <param name="samples">At least 1.</param>
    /// <param name="random">Source of the images.</param>
    /// <returns>Belongs to the caller; the same for any number of threads.</returns>
    /// <exception cref="FeedbackException">Fewer than 2 of them show nothing undesired.</exception>
    public static DescribedSamples Draw(
        ImageGenerator original, Annotation annotation, ImageDiscriminator? discriminator, int samples, RandomStreams random)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var device = original.parameters().First().device;
        List<IReadOnlyList<Tensor>> described = [];
        using var workers = WorkerThreads.For(device, original is Checkpoints.IProbedProgram || annotation.RunsProgram);
        var batches = Enumerable.Range(0, (samples + Batch - 1) / Batch);
        foreach (var tensors in workers.InOrder(batches, Describe, Release))
        {
            scope.Attach(tensors);
            described.Add(tensors);
        }

        if (described.Sum(tensors => tensors[1].sum().item<long>()) < 2)
            throw new FeedbackException(
                $"of {samples} images of the original generator fewer than 2 show nothing undesired, so 'frechetLoss' and "
                    + "'classBalance.guidance' have no distribution to keep");

        // One tensor of each kind, with the rows of all batches.
        List<Tensor> all = [.. described[0].Index().Select(
            one => cat([.. described.Select(batch => batch[one.Index])]).MoveToOuterDisposeScope())];
        return new DescribedSamples(all[2..], all[0], all[1]);

        // Probabilities, what is retained, and the features of that; detached from the scope of the thread that made them.
        IReadOnlyList<Tensor> Describe(int batch)
        {
            using var each = NewDisposeScope();
            using var __ = no_grad();
            using var source = random.At("described samples", batch);
            var images = LatentDraw.Sample(original, Math.Min(Batch, samples - batch * Batch), source, device).Images(original);
            var seen = annotation.Describe(images);
            var retained = seen.ShowsAny.logical_not();
            List<Tensor> features = [.. seen.Features];
            if (discriminator is not null)
                features.Add(discriminator.Features(images));
            List<Tensor> tensors =
                [annotation.FirstProbabilities(seen), retained, .. features.Select(one => one[retained])];
            return [.. tensors.Select(tensor => tensor.DetachFromDisposeScope())];
        }

        static void Release(IReadOnlyList<Tensor> tensors)
        {
            foreach (var tensor in tensors)
                tensor.Dispose();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var features in RetainedFeatures)
            features.Dispose();
        Probabilities.Dispose();
        Retained.Dispose();
    }
}
