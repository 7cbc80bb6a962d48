using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Adaptation;

/// <summary>Images that a policy gives for training, in place of the generator's own samples of their kind.</summary>
/// <param name="Negatives">
/// By the name of the feature that they show: <c>[N, C, H, W]</c>, float32 in [-1, 1], on the generator's device; owned by this.
/// </param>
/// <param name="Positives">
/// Clean images: <c>[N, C, H, W]</c>, float32 in [-1, 1], on the generator's device; owned by this. Null where none are given.
/// </param>
public sealed record GivenImages(IReadOnlyDictionary<string, Tensor> Negatives, Tensor? Positives) : IDisposable
{
    /// <summary>No images: training learns from the generator's samples alone.</summary>
    public static GivenImages None { get; } = new(new Dictionary<string, Tensor>(), Positives: null);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var images in Negatives.Values)
            images.Dispose();
        Positives?.Dispose();
    }
}
