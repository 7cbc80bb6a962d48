using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>Runs a classifier or another extractor over many images, a batch at a time, each as its 8-bit picture.</summary>
public static class FeaturePass
{
    private const int BatchSize = 100;

    /// <summary>Features and logits of all images.</summary>
    /// <param name="classifier">In eval mode.</param>
    /// <param name="images"><c>[N, C, H, W]</c>, float32 nominally [-1, 1], or uint8 0 to 255; N ≥ 1; any device.</param>
    /// <returns>
    /// <c>[N, d]</c> and <c>[N, classes]</c>, float32 on the CPU, without gradient; belong to the caller's scope.
    /// </returns>
    public static (Tensor Features, Tensor Logits) Run(FeatureClassifier classifier, Tensor images)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var device = classifier.Device;
        List<Tensor> features = [], logits = [];
        for (var start = 0L; start < images.shape[0]; start += BatchSize)
        {
            using var batchScope = NewDisposeScope();
            var batch = images.narrow(0, start, Math.Min(BatchSize, images.shape[0] - start)).to(device);
            var seen = classifier.Features(ToEightBit(batch));
            features.Add(seen.cpu().MoveToOuterDisposeScope());
            logits.Add(classifier.Logits(seen).cpu().MoveToOuterDisposeScope());
        }

        return (cat(features).MoveToOuterDisposeScope(), cat(logits).MoveToOuterDisposeScope());
    }

    /// <summary>Features of images that come in batches, so that only the features need the memory.</summary>
    /// <param name="extractor">In eval mode.</param>
    /// <param name="batches">
    /// Each <c>[n, C, H, W]</c>, float32 nominally [-1, 1], or uint8 0 to 255; at least one; each is disposed.
    /// </param>
    /// <param name="reportCount">Receives how many images were seen so far.</param>
    /// <param name="cancel">Ends it between two batches.</param>
    /// <returns><c>[N, d]</c>, float32 on the CPU, without gradient; belongs to the caller's scope.</returns>
    public static Tensor Features(
        IFeatureExtractor extractor, IEnumerable<Tensor> batches, Action<long> reportCount, CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        List<Tensor> features = [];
        var count = 0L;
        foreach (var batch in batches)
        {
            cancel.ThrowIfCancellationRequested();
            using var batchScope = NewDisposeScope();
            var images = batch.to(extractor.Device);
            features.Add(extractor.Features(ToEightBit(images)).cpu().MoveToOuterDisposeScope());
            reportCount(count += batch.shape[0]);
            batch.Dispose();
        }

        return cat(features).MoveToOuterDisposeScope();
    }

    private static Tensor ToEightBit(Tensor images) =>
        images.dtype == uint8 ? ImageQuantizer.FromBytes(images) : ImageQuantizer.Quantize(images);

    /// <summary>An array of images in batches.</summary>
    /// <param name="images"><c>[N, C, H, W]</c>; stays the caller's.</param>
    public static IEnumerable<Tensor> Batches(Tensor images)
    {
        for (var start = 0L; start < images.shape[0]; start += BatchSize)
            yield return images.narrow(0, start, Math.Min(BatchSize, images.shape[0] - start));
    }
}
