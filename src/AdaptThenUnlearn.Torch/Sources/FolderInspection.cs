using System.Security.Cryptography;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Sources;

/// <summary>What a folder of images holds, as <c>atu inspect</c> shows it.</summary>
/// <param name="Path">The folder.</param>
/// <param name="Images">Number of images.</param>
/// <param name="Summary">The number, and the files that are passed over.</param>
/// <param name="Sizes">The sizes of the images, the most frequent first.</param>
/// <param name="AreGrey">Whether no image has colours.</param>
/// <param name="Distinct">Images that differ in a pixel, or in their size.</param>
/// <param name="Repeated">Images that are the same as another one, or nearly so, as <see cref="SmallCopies"/> finds them.</param>
/// <param name="Sha256">Digest of the folder: as a generator's, it can be pinned.</param>
public sealed record FolderInspection(
    string Path, int Images, string Summary, IReadOnlyList<PictureSize> Sizes, bool AreGrey, int Distinct, long Repeated,
    string Sha256)
{
    /// <summary>Reads every image of a folder, one after another on each core; none is kept.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="cancel">Ends it between two images.</param>
    /// <exception cref="ImageFileException">The folder holds no images, or an image cannot be read.</exception>
    public static FolderInspection Inspect(string path, CancellationToken cancel)
    {
        var pictures = PictureFolder.List(path, bitmaps: true);
        var hashed = HashedFolder.Create(path, cancel);
        var found = PictureFiles.LookAt(pictures.Files, file => Look(file, hashed), cancel);
        return new FolderInspection(
            path, found.Count, pictures.Summary,
            [
                .. found.GroupBy(image => (image.Width, image.Height)).OrderByDescending(same => same.Count())
                    .Select(same => new PictureSize(same.Key.Width, same.Key.Height, same.Count())),
            ],
            found.TrueForAll(image => image.IsGrey), found.Select(image => image.Key).Distinct().Count(),
            SmallCopies.CountRepeats(found.SelectMany(image => image.Copy.ToArray()).ToArray()), hashed.Sha256);
    }

    private static (int Width, int Height, bool IsGrey, string Key, ReadOnlyMemory<byte> Copy) Look(
        PictureFile file, HashedFolder hashed)
    {
        using var scope = NewDisposeScope();
        var colours = file.Decode(hashed);
        var key = FormattableString.Invariant($"{file.Width}×{file.Height} ")
            + Convert.ToHexString(SHA256.HashData(colours.bytes));
        return (
            file.Width, file.Height, colours.eq(colours.narrow(0, 0, 1)).all().item<bool>(), key,
            SmallCopies.Make(ImageQuantizer.FromBytes(colours).unsqueeze(0)));
    }
}

/// <summary>How many images of a folder have a size.</summary>
/// <param name="Width">In pixels.</param>
/// <param name="Height">In pixels.</param>
/// <param name="Images">Of this size.</param>
public sealed record PictureSize(int Width, int Height, int Images);
