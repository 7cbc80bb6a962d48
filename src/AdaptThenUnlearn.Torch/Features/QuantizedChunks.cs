using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>Gives an extractor a few images at a time, rounded to the levels of a picture file.</summary>
internal static class QuantizedChunks
{
    private const int Size = 16;   // the first maps of Inception-v3 take 5.5 MB an image

    /// <summary>Features of all images.</summary>
    /// <param name="images"><c>[N, 1 or 3, H, W]</c>, nominally [-1, 1]; none is allowed.</param>
    /// <param name="featureSize">d.</param>
    /// <param name="input">Makes of the images what the extractor takes.</param>
    /// <param name="extract">Turns what <paramref name="input"/> makes of <c>[n, C, H, W]</c> into <c>[n, d]</c>.</param>
    /// <returns><c>[N, d]</c>; belongs to the caller's scope.</returns>
    public static Tensor Features(Tensor images, int featureSize, ExtractorInput input, Func<Tensor, Tensor> extract)
    {
        using var scope = NewDisposeScope();
        List<Tensor> features = [zeros([0, featureSize], device: images.device)];
        for (var start = 0L; start < images.shape[0]; start += Size)
        {
            using var inner = NewDisposeScope();
            var prepared = input.Prepare(images.narrow(0, start, Math.Min(Size, images.shape[0] - start)));
            features.Add(extract(prepared).MoveToOuterDisposeScope());
        }

        return cat(features).MoveToOuterDisposeScope();
    }
}
