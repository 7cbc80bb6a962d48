using AdaptThenUnlearn.Torch.Images;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>Gives an extractor a few images at a time, rounded to the levels of a picture file.</summary>
internal static class QuantizedChunks
{
    private const int Size = 16;   // the first maps of Inception-v3 take 5.5 MB an image

    /// <summary>Features of all images.</summary>
    /// <param name="images"><c>[N, 1 or 3, H, W]</c>, nominally [-1, 1]; none is allowed.</param>
    /// <param name="featureSize">d.</param>
    /// <param name="extract">Turns <c>[n, 3, H, W]</c>, whole numbers 0 to 255 in float32, into <c>[n, d]</c>.</param>
    /// <returns><c>[N, d]</c>; belongs to the caller's scope.</returns>
    public static Tensor Features(Tensor images, int featureSize, Func<Tensor, Tensor> extract)
    {
        using var scope = NewDisposeScope();
        List<Tensor> features = [zeros([0, featureSize], device: images.device)];
        for (var start = 0L; start < images.shape[0]; start += Size)
        {
            using var inner = NewDisposeScope();
            features.Add(extract(ImageQuantizer.ToRgbLevels(images.narrow(0, start, Math.Min(Size, images.shape[0] - start))))
                .MoveToOuterDisposeScope());
        }

        return cat(features).MoveToOuterDisposeScope();
    }
}
