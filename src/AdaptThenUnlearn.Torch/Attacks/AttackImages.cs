using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Attacks;

/// <summary>Real images that show a feature, which <see cref="InversionAttack"/> tries to reconstruct.</summary>
/// <param name="Folder">Where they come from.</param>
/// <param name="Sha256">Digest of the folder.</param>
/// <param name="Images"><c>[N, C, H, W]</c>, float32 in [-1, 1]; owned by this.</param>
public sealed record AttackImages(string Folder, string Sha256, Tensor Images) : IDisposable
{
    /// <summary>Reads a folder, and refuses images of another size than the generator's.</summary>
    /// <param name="folder">PNG, JPEG, WebP and BMP files, also in sub-folders.</param>
    /// <param name="shape">Of the images that the generator makes.</param>
    /// <param name="device">Where the images go.</param>
    /// <param name="hashed">The folder as it was hashed before; null to hash it now.</param>
    /// <returns>Belongs to the caller.</returns>
    /// <exception cref="ImageFileException">
    /// The folder is missing or holds no images, or an image cannot be decoded or has another size.
    /// </exception>
    public static AttackImages Load(string folder, ImageShape shape, Device device, HashedFolder? hashed = null)
    {
        using var scope = NewDisposeScope();
        var pictures = PictureFolder.List(folder);
        if (ImageFolder.FirstUnfit(pictures.Files, shape.Resolution) is { } unfit)
            throw new ImageFileException(
                unfit.File,
                FormattableString.Invariant(
                    $"is {unfit.Width}×{unfit.Height} pixels, the generator makes {shape.Resolution}×{shape.Resolution}; bring ")
                    + "the folder's images to that size");

        hashed ??= HashedFolder.Create(folder);
        var images = ImageFolder.Read(folder, shape.Channels, hashed).to(device).DetachFromDisposeScope();
        return new AttackImages(folder, hashed.Sha256, images);
    }

    /// <inheritdoc/>
    public void Dispose() => Images.Dispose();
}
