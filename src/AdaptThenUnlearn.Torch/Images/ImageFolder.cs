using System.Globalization;
using AdaptThenUnlearn.Files;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>Reads picture files as batches of images.</summary>
public static class ImageFolder
{
    private const int BatchSize = 500;
    private const long MostPixelsABatch = 1L << 24;

    /// <summary>Reads every image of a folder, in ordinal order of the names.</summary>
    /// <param name="folder">
    /// The folder; its sub-folders are read too. <see cref="PictureFolder.List"/> says what is passed over.
    /// </param>
    /// <param name="channels">1 turns colours into grey (Rec. 601 luma), 3 repeats grey.</param>
    /// <param name="hashed">
    /// The folder as it was hashed before, so that no other bytes are decoded; null to decode the files as they are.
    /// </param>
    /// <returns><c>[N, channels, H, W]</c>, float32 in [-1, 1]; belongs to the caller's scope.</returns>
    /// <exception cref="ImageFileException">
    /// There are no images, some are of a kind that is not read, an image cannot be decoded, or their sizes differ.
    /// </exception>
    public static Tensor Read(string folder, int channels, HashedFolder? hashed = null)
    {
        using var scope = NewDisposeScope();
        return cat([.. Batches(PictureFolder.List(folder).Files, channels, BatchSize, hashed)]).MoveToOuterDisposeScope();
    }

    /// <summary>Reads images as bytes, in the order of the files.</summary>
    /// <param name="files">At least one.</param>
    /// <param name="hashed">
    /// The files' folder as it was hashed before, so that no other bytes are decoded; null to decode the files as they are.
    /// </param>
    /// <returns><c>[N, 1 or 3, H, W]</c>, uint8; one channel where every image is grey. Belongs to the caller's scope.</returns>
    /// <exception cref="ImageFileException">An image cannot be decoded, or their sizes differ.</exception>
    public static Tensor ReadBytes(IReadOnlyList<string> files, HashedFolder? hashed = null)
    {
        using var scope = NewDisposeScope();
        var images = cat([.. Decoded(files, BatchSize, hashed)]);
        var grey = images.eq(images.narrow(1, 0, 1)).all().item<bool>();
        return (grey ? images.narrow(1, 0, 1).clone() : images).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Reads images in batches, in the order of the files, so that there may be more images than fit into memory.
    /// </summary>
    /// <param name="files">At least one.</param>
    /// <param name="channels">1 turns colours into grey (Rec. 601 luma), 3 repeats grey.</param>
    /// <param name="size">Number of images in a full batch, at least 1. Batches of large images are smaller.</param>
    /// <param name="hashed">
    /// The files' folder as it was hashed before, so that no other bytes are decoded; null to decode the files as they are.
    /// </param>
    /// <returns>
    /// Batches <c>[n, channels, H, W]</c>, float32 in [-1, 1]; each belongs to the scope in which it is enumerated.
    /// </returns>
    /// <exception cref="ImageFileException">An image cannot be decoded, or their sizes differ.</exception>
    public static IEnumerable<Tensor> Batches(IReadOnlyList<string> files, int channels, int size, HashedFolder? hashed = null)
    {
        foreach (var colours in Decoded(files, size, hashed))
        {
            var values = Values(colours, grey: channels == 1);
            colours.Dispose();
            yield return values;
        }
    }

    /// <summary>Size of the first image, from its header. All images must have this size.</summary>
    /// <param name="files">At least one.</param>
    /// <returns>Width and height in pixels.</returns>
    /// <exception cref="ImageFileException">The file cannot be read, is not a picture, or is too large.</exception>
    public static (int Width, int Height) SizeOf(IReadOnlyList<string> files)
    {
        var first = PictureFile.Open(files[0]);
        return (first.Width, first.Height);
    }

    /// <summary>Finds the first image of another size than the wanted one, from the files' headers.</summary>
    /// <param name="files">The files, in this order.</param>
    /// <param name="resolution">Wanted width and height, in pixels.</param>
    /// <returns>The file and its size in pixels; null where every image has the wanted size.</returns>
    /// <exception cref="ImageFileException">A file cannot be read, is not a picture, or is too large.</exception>
    public static (string File, int Width, int Height)? FirstUnfit(IReadOnlyList<string> files, int resolution) =>
        files.Select(PictureFile.Open).Where(file => file.Width != resolution || file.Height != resolution)
            .Select(file => ((string, int, int)?)(file.Path, file.Width, file.Height)).FirstOrDefault();

    // Each [n, 3, H, W], uint8; the first image of all says what size the others must have.
    private static IEnumerable<Tensor> Decoded(IReadOnlyList<string> files, int size, HashedFolder? hashed)
    {
        var (width, height) = SizeOf(files);
        foreach (var some in files.Chunk((int)Math.Clamp(MostPixelsABatch / ((long)width * height), 1, size)))
            yield return Batch(some);

        Tensor Batch(string[] some)
        {
            using var scope = NewDisposeScope();
            return stack([.. some.Select(file => Fitting(PictureFile.Open(file)).Decode(hashed))]).MoveToOuterDisposeScope();
        }

        PictureFile Fitting(PictureFile file) => file.Width == width && file.Height == height
            ? file
            : throw new ImageFileException(
                file.Path,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"is {file.Width}×{file.Height} pixels, the images before it are {width}×{height}; "
                        + $"all must have the same size"));
    }

    private static Tensor Values(Tensor colours, bool grey)
    {
        using var scope = NewDisposeScope();
        var values = ImageQuantizer.FromBytes(colours);
        return (grey
            ? values.mul(tensor([0.299f, 0.587f, 0.114f]).view(1, 3, 1, 1)).sum(1, keepdim: true)
            : values).MoveToOuterDisposeScope();
    }
}
