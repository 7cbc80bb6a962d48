using AdaptThenUnlearn.Torch.Images;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Training;

/// <summary>A source of training images.</summary>
public interface IImageSource
{
    /// <summary>Number of images; at least 1.</summary>
    long Count { get; }

    /// <summary>Draws images with replacement.</summary>
    /// <param name="count">Number of images to draw; at least 1.</param>
    /// <param name="random">Source of the random choice, on the CPU.</param>
    /// <returns><c>[count, C, H, W]</c> in [-1, 1] on the training device; belongs to the caller's scope.</returns>
    Tensor Draw(int count, Generator random);
}

/// <summary>Images held in one tensor: bytes (0 to 255, a quarter of the memory) or floats in [-1, 1].</summary>
/// <param name="images"><c>[N, C, H, W]</c>, uint8 or float32, N ≥ 1; owned and disposed by this source.</param>
public sealed class InMemoryImages(Tensor images) : IImageSource, IDisposable
{
    /// <inheritdoc/>
    public long Count => images.shape[0];

    /// <inheritdoc/>
    public Tensor Draw(int count, Generator random)
    {
        using var scope = NewDisposeScope();
        return Rows(randint(0, Count, [count], dtype: int64, generator: random)).MoveToOuterDisposeScope();
    }

    /// <summary>Gets images by their numbers.</summary>
    /// <param name="rows"><c>[n]</c>, int64, 0 to <see cref="Count"/> − 1.</param>
    /// <returns><c>[n, C, H, W]</c> in [-1, 1] on the device of the images; belongs to the caller's scope.</returns>
    public Tensor Rows(Tensor rows)
    {
        using var scope = NewDisposeScope();
        return ImageQuantizer.FromBytes(images.index_select(0, rows.to(images.device))).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => images.Dispose();
}
