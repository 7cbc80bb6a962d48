using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Labelling;

/// <summary>
/// Features of all images with mean 0, and a deviation that makes a row's length about 1 for any number of features.
/// </summary>
/// <param name="Rows"><c>[M, d]</c>, float64.</param>
/// <param name="Mean"><c>[d]</c>; what was subtracted.</param>
/// <param name="Scale"><c>[d]</c>; what was multiplied with: 1/(σ √d), and 0 for a constant feature.</param>
internal sealed record ScaledFeatures(Tensor Rows, Tensor Mean, Tensor Scale)
{
    /// <summary>Scales features; the tensors belong to the caller's scope.</summary>
    /// <param name="features"><c>[M, d]</c>, of all images; stays the caller's.</param>
    public static ScaledFeatures From(Tensor features)
    {
        var all = features.detach().cpu().to(float64);
        var mean = all.mean([0]);
        var deviation = all.std(0, unbiased: false);
        var varies = deviation.gt(1e-6 * deviation.max());
        var scale = where(varies, 1 / (deviation * Math.Sqrt(all.shape[1])), zeros_like(deviation));
        return new ScaledFeatures((all - mean) * scale, mean, scale);
    }

    /// <summary>The rows of some images.</summary>
    /// <param name="images">Numbers of the images.</param>
    /// <returns><c>[N, d]</c>; belongs to the caller's scope.</returns>
    public Tensor Of(IEnumerable<int> images) => Rows.index_select(0, tensor(images.Select(image => (long)image).ToArray()));
}
