using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Training;

/// <summary>Per-pixel noise maps for a generator.</summary>
public static class Noise
{
    /// <summary>Fresh standard normal maps, drawn on the CPU.</summary>
    /// <param name="generator">Says which sizes it takes.</param>
    /// <param name="images">Images the maps are for.</param>
    /// <param name="random">Where they come from.</param>
    /// <param name="device">Where they go.</param>
    /// <returns>One map <c>[images, 1, size, size]</c> a layer; they belong to the caller's scope.</returns>
    public static IReadOnlyList<Tensor> Draw(ImageGenerator generator, long images, Generator random, Device device) =>
        [.. generator.NoiseSizes.Select(size => randn([images, 1, size, size], generator: random).to(device))];
}
