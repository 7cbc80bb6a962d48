using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Adaptation;

/// <summary>Images that a policy gives for training to learn from, instead of the generator's own samples of that kind.</summary>
/// <param name="Negatives">By the name of the feature that they show: <c>[N, C, H, W]</c>, float32 in [-1, 1], where the generator is; owned by this.</param>
/// <param name="Positives">Clean images, likewise; null where none are given; owned by this.</param>
public sealed record GivenImages(IReadOnlyDictionary<string, Tensor> Negatives, Tensor? Positives) : IDisposable
{
    /// <summary>Nothing is given: everything comes from the generator.</summary>
    public static GivenImages None { get; } = new(new Dictionary<string, Tensor>(), Positives: null);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var images in Negatives.Values)
            images.Dispose();
        Positives?.Dispose();
    }
}
