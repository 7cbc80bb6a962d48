using AdaptThenUnlearn.Torch.Randomness;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Models;

/// <summary>Draws images from a generator; the same seed gives the same images.</summary>
/// <param name="generator">In eval mode; stays the caller's.</param>
/// <param name="seed">Seed for the latents and the noise.</param>
/// <param name="device">The generator's device.</param>
public sealed class ImageSampler(ImageGenerator generator, long seed, Device device)
{
    private const int BatchSize = 100;

    private readonly RandomStreams _random = new(seed, "sample");

    /// <summary>Draws latent vectors.</summary>
    /// <returns><c>[count, size]</c>, standard normal, on the CPU; belongs to the caller's scope.</returns>
    public Tensor DrawLatents(long count, long size)
    {
        using var random = _random.At("latents");
        return randn([count, size], generator: random);
    }

    /// <summary>Generates one image per latent vector, batch by batch.</summary>
    /// <param name="latents"><c>[N, LatentSize]</c>; N ≥ 1; any device.</param>
    /// <param name="noise">Which noise maps the generator gets.</param>
    /// <param name="truncation">See <see cref="ImageGenerator.Generate"/>.</param>
    /// <param name="cancel">Ends it between two batches.</param>
    /// <returns><c>[N, Channels, Resolution, Resolution]</c>, nominally [-1, 1], on the CPU; belongs to the caller's
    /// scope.</returns>
    public Tensor Generate(Tensor latents, NoiseMaps noise, double truncation, CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        List<Tensor> images = [];
        for (var start = 0L; start < latents.shape[0]; start += BatchSize)
        {
            cancel.ThrowIfCancellationRequested();
            using var batchScope = NewDisposeScope();
            var batch = latents.narrow(0, start, Math.Min(BatchSize, latents.shape[0] - start)).to(device);
            var maps = Noise(noise, batch.shape[0], start);
            images.Add(generator.Generate(batch, maps, truncation).cpu().MoveToOuterDisposeScope());
        }

        return cat(images).MoveToOuterDisposeScope();
    }

    private IReadOnlyList<Tensor>? Noise(NoiseMaps noise, long count, long start)
    {
        if (noise is NoiseMaps.None)
            return null;
        if (noise is NoiseMaps.Stored)
            return generator.StoredNoise;

        using var random = _random.At("noise", start);
        return [.. generator.NoiseSizes.Select(size => randn([count, 1, size, size], generator: random).to(device))];
    }
}

/// <summary>Which per-pixel noise maps a generator gets.</summary>
public enum NoiseMaps
{
    /// <summary>No noise.</summary>
    None,

    /// <summary>The maps that are stored with the weights.</summary>
    Stored,

    /// <summary>Maps drawn from the seed, others for each image.</summary>
    Random,
}
