using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Labelling;

/// <summary>Generated images for a person to label: as pictures to look at, and as features to train on.</summary>
/// <param name="Pictures">The images as PNG files, pixel for pixel.</param>
/// <param name="Features"><c>[N, FeatureSize]</c> on the CPU; owned by this.</param>
public sealed record LabelledSamples(IReadOnlyList<byte[]> Pictures, Tensor Features) : IDisposable
{
    /// <summary>The images of a seed: never those of a measurement or a training, and without truncation.</summary>
    /// <param name="seed">Seed of latents and noise.</param>
    /// <param name="device">Where the generator is.</param>
    public static EvaluationImages Images(long seed, Device device) =>
        new(new RandomStreams(seed, "labelling"), Truncation: 1, device);

    /// <summary>
    /// Generates the images. One seed always gives the same images, and never those of a measurement or a training.
    /// </summary>
    /// <param name="generator">In eval mode.</param>
    /// <param name="classifier">Computes the features of the generator's images.</param>
    /// <param name="count">Number of images.</param>
    /// <param name="seed">Seed of latents and noise.</param>
    /// <param name="device">Where generator and classifier are.</param>
    /// <param name="progress">Receives the number of images so far.</param>
    /// <param name="cancel">Ends generation between two batches.</param>
    /// <returns>Belongs to the caller.</returns>
    public static LabelledSamples Generate(
        ImageGenerator generator,
        FeatureClassifier classifier,
        int count,
        long seed,
        Device device,
        IProgress<StageProgress> progress,
        CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var drawn = Images(seed, device);
        List<byte[]> pictures = [];
        List<Tensor> features = [];
        foreach (var batch in EvaluationImages.EnumerateBatches(count))
        {
            cancel.ThrowIfCancellationRequested();
            using var inner = NewDisposeScope();
            var images = drawn.Draw(generator, batch);
            for (var number = 0; number < batch.Size; number++)
                pictures.Add(ImageGrid.SinglePng(images, number));
            features.Add(classifier.Features(images).cpu().MoveToOuterDisposeScope());
            progress.Report(new StageProgress("generating", pictures.Count, count, Losses: null));
        }

        return new LabelledSamples(pictures, cat(features).DetachFromDisposeScope());
    }

    /// <inheritdoc/>
    public void Dispose() => Features.Dispose();
}
