using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>Images as an 8-bit picture file keeps them, so that what was generated and what was read are treated alike.</summary>
public static class ImageQuantizer
{
    /// <summary>Rounds to the 256 levels of a picture file.</summary>
    /// <param name="images">Any shape, nominally [-1, 1]; what lies beyond is clipped.</param>
    /// <returns>Whole numbers 0 to 255, float32; belongs to the caller's scope.</returns>
    public static Tensor ToLevels(Tensor images)
    {
        using var scope = NewDisposeScope();
        return ((images.detach().to(float32).clamp(-1, 1) + 1) * 127.5).round().MoveToOuterDisposeScope();
    }

    /// <summary>The same as bytes, to keep many images in little memory.</summary>
    /// <param name="images">Any shape, nominally [-1, 1]; what lies beyond is clipped.</param>
    /// <returns>uint8; belongs to the caller's scope.</returns>
    public static Tensor ToBytes(Tensor images)
    {
        using var scope = NewDisposeScope();
        return ToLevels(images).to(uint8).MoveToOuterDisposeScope();
    }

    /// <summary>Images as who opens their picture file sees them: what is measured, judged and chosen by.</summary>
    /// <param name="images">Any shape, nominally [-1, 1]; what lies beyond is clipped. NaN stays NaN.</param>
    /// <returns>The 256 levels in [-1, 1], float32, without gradient; belongs to the caller's scope.</returns>
    public static Tensor Quantize(Tensor images)
    {
        using var scope = NewDisposeScope();
        return (ToLevels(images) / 127.5 - 1).MoveToOuterDisposeScope();
    }

    /// <summary>Images as networks take them.</summary>
    /// <param name="images">uint8, 0 to 255, or floating point, which is returned as it is.</param>
    /// <returns>Bytes as float32 in [-1, 1]; belongs to the caller's scope.</returns>
    public static Tensor FromBytes(Tensor images)
    {
        if (images.dtype != uint8)
            return images;

        using var scope = NewDisposeScope();
        return (images.to(float32) / 127.5 - 1).MoveToOuterDisposeScope();
    }

    /// <summary>The 256 levels, in three channels: a grey one is repeated.</summary>
    /// <param name="images"><c>[N, 1 or 3, H, W]</c>, nominally [-1, 1].</param>
    /// <returns><c>[N, 3, H, W]</c>, whole numbers 0 to 255, float32; belongs to the caller's scope.</returns>
    public static Tensor ToRgbLevels(Tensor images)
    {
        using var scope = NewDisposeScope();
        return ToLevels(images).expand(images.shape[0], 3, images.shape[2], images.shape[3]).MoveToOuterDisposeScope();
    }
}
