using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>Images as an 8-bit picture file keeps them, so that what was generated and what was read are treated alike.</summary>
public static class EightBit
{
    /// <summary>Rounds to the 256 levels of a picture file.</summary>
    /// <param name="images">Any shape, nominally [-1, 1]; what lies beyond is clipped.</param>
    /// <returns>Whole numbers 0 to 255, float32; belongs to the caller's scope.</returns>
    public static Tensor Levels(Tensor images)
    {
        using var scope = NewDisposeScope();
        return ((images.detach().to(float32).clamp(-1, 1) + 1) * 127.5).round().MoveToOuterDisposeScope();
    }

    /// <summary>The same, in three channels: a grey one is repeated.</summary>
    /// <param name="images"><c>[N, 1 or 3, H, W]</c>, nominally [-1, 1].</param>
    /// <returns><c>[N, 3, H, W]</c>, whole numbers 0 to 255, float32; belongs to the caller's scope.</returns>
    public static Tensor RgbLevels(Tensor images)
    {
        using var scope = NewDisposeScope();
        return Levels(images).expand(images.shape[0], 3, images.shape[2], images.shape[3]).MoveToOuterDisposeScope();
    }
}
