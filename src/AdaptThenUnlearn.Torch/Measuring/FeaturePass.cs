using AdaptThenUnlearn.Torch.Features;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>Runs a classifier over many images, a batch at a time.</summary>
public static class FeaturePass
{
    private const int BatchSize = 100;

    /// <summary>Features and logits of all images.</summary>
    /// <param name="classifier">In eval mode.</param>
    /// <param name="images"><c>[N, C, H, W]</c>, float32 nominally [-1, 1], or uint8 0 to 255; N ≥ 1; any device.</param>
    /// <returns><c>[N, d]</c> and <c>[N, classes]</c>, float32 on the CPU, without gradient; belong to the caller's scope.</returns>
    public static (Tensor Features, Tensor Logits) Run(FeatureClassifier classifier, Tensor images)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var device = classifier.parameters().First().device;
        List<Tensor> features = [], logits = [];
        for (var start = 0L; start < images.shape[0]; start += BatchSize)
        {
            using var batchScope = NewDisposeScope();
            var batch = images.narrow(0, start, Math.Min(BatchSize, images.shape[0] - start)).to(device);
            var seen = classifier.Features(batch.dtype == uint8 ? batch.to(float32) / 127.5 - 1 : batch);
            features.Add(seen.cpu().MoveToOuterDisposeScope());
            logits.Add(classifier.Logits(seen).cpu().MoveToOuterDisposeScope());
        }

        return (cat(features).MoveToOuterDisposeScope(), cat(logits).MoveToOuterDisposeScope());
    }
}
