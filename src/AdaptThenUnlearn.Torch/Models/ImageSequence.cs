using AdaptThenUnlearn.Torch.Randomness;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Models;

/// <summary>
/// A generator that gives its images by number: those of a folder, or of another program. It has no latents and no weights, so
/// that it can be measured and judged, and nothing else.
/// </summary>
/// <param name="name">Name of the module.</param>
/// <param name="shape">The images it gives.</param>
public abstract class ImageSequence(string name, ImageShape shape) : ImageGenerator(name, shape, latentSize: 0)
{
    /// <summary>How many images there are; null where there is no end to them.</summary>
    public abstract long? Count { get; }

    /// <summary>
    /// Whether the same numbers give the same images in another process too; otherwise nobody can repeat a measurement.
    /// </summary>
    public virtual bool IsRepeatable => true;

    /// <summary>Whether the images have the 256 levels of picture files, so that rounding to them changes nothing.</summary>
    public virtual bool IsEightBit => false;

    /// <summary>Gives some of the images of a sample; the same numbers give the same images.</summary>
    /// <param name="random">Decides which images the sample is made of, and their order.</param>
    /// <param name="first">Number of the first image, from 0.</param>
    /// <param name="count">How many; at least 1.</param>
    /// <returns>
    /// <c>[count, Channels, Resolution, Resolution]</c>, float32, nominally [-1, 1], on the CPU; fewer where
    /// <see cref="Count"/> ends before. Belongs to the caller's scope.
    /// </returns>
    public abstract Tensor Take(RandomStreams random, long first, int count);

    /// <inheritdoc/>
    public sealed override bool SupportsTruncation => false;

    /// <inheritdoc/>
    public sealed override IReadOnlyList<int> NoiseSizes => [];

    /// <inheritdoc/>
    public sealed override IReadOnlyList<Tensor> StoredNoise => [];

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">Always: there are no latents.</exception>
    public sealed override Tensor Generate(Tensor latents, IReadOnlyList<Tensor>? noise, double truncation = 1) =>
        throw new NotSupportedException("images that are given by number are not made of latents");

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">Always: there is nothing to train.</exception>
    public sealed override ImageGenerator Copy() =>
        throw new NotSupportedException("images that are given by number have no weights to copy");
}
