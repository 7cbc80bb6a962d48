using AdaptThenUnlearn.Torch.Backend;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>
/// Converts images to the 256 levels of an 8-bit picture file and back, so that generated images and images from files are
/// treated alike.
/// </summary>
public static class ImageQuantizer
{
    /// <summary>Rounds to the 256 levels of a picture file.</summary>
    /// <param name="images">Any shape, nominally [-1, 1]; values beyond are clipped.</param>
    /// <returns>Whole numbers 0 to 255, float32; belongs to the caller's scope.</returns>
    public static Tensor ToLevels(Tensor images)
    {
        using var scope = NewDisposeScope();
        return ((images.detach().to(float32).clamp(Scalars.Of(-1), Scalars.Of(1)) + 1) * 127.5).round().MoveToOuterDisposeScope();
    }

    /// <summary>Rounds to the 256 levels, as bytes, to keep many images in little memory.</summary>
    /// <param name="images">Any shape, nominally [-1, 1]; values beyond are clipped.</param>
    /// <returns>uint8; belongs to the caller's scope.</returns>
    public static Tensor ToBytes(Tensor images)
    {
        using var scope = NewDisposeScope();
        return ToLevels(images).to(uint8).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Clips and rounds images as their picture files would. Images are measured, judged and chosen in this form.
    /// </summary>
    /// <param name="images">Any shape, nominally [-1, 1]; values beyond are clipped. NaN stays NaN.</param>
    /// <returns>The 256 levels in [-1, 1], float32, without gradient; belongs to the caller's scope.</returns>
    public static Tensor Quantize(Tensor images)
    {
        using var scope = NewDisposeScope();
        return (ToLevels(images) / 127.5 - 1).MoveToOuterDisposeScope();
    }

    /// <summary>Converts bytes to the numbers that networks take.</summary>
    /// <param name="images">uint8, 0 to 255; or floating point, which is returned as it is.</param>
    /// <returns>float32 in [-1, 1]; belongs to the caller's scope.</returns>
    public static Tensor FromBytes(Tensor images)
    {
        if (images.dtype != uint8)
            return images;

        using var scope = NewDisposeScope();
        return (images.to(float32) / 127.5 - 1).MoveToOuterDisposeScope();
    }

    /// <summary>Rounds to the 256 levels, in three channels; a grey channel is repeated.</summary>
    /// <param name="images"><c>[N, 1 or 3, H, W]</c>, nominally [-1, 1].</param>
    /// <returns><c>[N, 3, H, W]</c>, whole numbers 0 to 255, float32; belongs to the caller's scope.</returns>
    public static Tensor ToRgbLevels(Tensor images)
    {
        using var scope = NewDisposeScope();
        return ToLevels(images).expand(images.shape[0], 3, images.shape[2], images.shape[3]).MoveToOuterDisposeScope();
    }
}
