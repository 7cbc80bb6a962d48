using AdaptThenUnlearn.Files;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>Reads picture files as batches of images: those of a <see cref="PictureFolder"/>, or others that are named.</summary>
public static class ImageFolder
{
    private const int BatchSize = 500;
    private const long MostPixelsABatch = 1L << 24;

    /// <summary>Reads every image of a folder, in ordinal order of the names.</summary>
    /// <param name="folder">Its sub-folders are read too; what is passed over is said by <see cref="PictureFolder.List"/>.</param>
    /// <param name="channels">1 turns colours into grey (Rec. 601 luma), 3 repeats grey.</param>
    /// <param name="hashed">The folder as it was hashed before, so that no other bytes are decoded; or null.</param>
    /// <returns><c>[N, channels, H, W]</c>, float32 in [-1, 1]; belongs to the caller's scope.</returns>
    /// <exception cref="ImageFileException">There are no images, some are of a kind that is not read, one cannot be decoded, or their sizes differ.</exception>
    public static Tensor Read(string folder, int channels, HashedFolder? hashed = null)
    {
        using var scope = NewDisposeScope();
        return cat([.. Batches(PictureFolder.List(folder).Files, channels, BatchSize, hashed)]).MoveToOuterDisposeScope();
    }

    /// <summary>Reads some images, in the order given, as bytes.</summary>
    /// <param name="files">At least one.</param>
    /// <param name="hashed">Their folder as it was hashed before, so that no other bytes are decoded; or null.</param>
    /// <returns><c>[N, 1 or 3, H, W]</c>, uint8; one channel where every image is grey. Belongs to the caller's scope.</returns>
    /// <exception cref="ImageFileException">One cannot be decoded, or their sizes differ.</exception>
    public static Tensor ReadBytes(IReadOnlyList<string> files, HashedFolder? hashed = null)
    {
        using var scope = NewDisposeScope();
        var images = cat([.. Decoded(files, BatchSize, hashed)]);
        var grey = images.eq(images.narrow(1, 0, 1)).all().item<bool>();
        return (grey ? images.narrow(1, 0, 1).clone() : images).MoveToOuterDisposeScope();
    }

    /// <summary>Reads some images a batch at a time, in the order given, so that there may be more of them than the memory holds.</summary>
    /// <param name="files">At least one.</param>
    /// <param name="channels">1 turns colours into grey (Rec. 601 luma), 3 repeats grey.</param>
    /// <param name="size">Images in a full batch, at least 1; fewer where they are large.</param>
    /// <param name="hashed">Their folder as it was hashed before, so that no other bytes are decoded; or null.</param>
    /// <returns>Each <c>[n, channels, H, W]</c>, float32 in [-1, 1]; belongs to the scope of whoever asks for it.</returns>
    /// <exception cref="ImageFileException">One cannot be decoded, or their sizes differ.</exception>
    public static IEnumerable<Tensor> Batches(IReadOnlyList<string> files, int channels, int size, HashedFolder? hashed = null)
    {
        foreach (var colours in Decoded(files, size, hashed))
        {
            var values = Values(colours, grey: channels == 1);
            colours.Dispose();
            yield return values;
        }
    }

    /// <summary>Size of the first of some images, which all must have, by its header alone.</summary>
    /// <param name="files">At least one.</param>
    /// <returns>Pixels.</returns>
    /// <exception cref="ImageFileException">It cannot be read, is no picture, or too large.</exception>
    public static (int Width, int Height) SizeOf(IReadOnlyList<string> files)
    {
        var first = PictureFile.Open(files[0]);
        return (first.Width, first.Height);
    }

    /// <summary>The first of some images that has another size than it should, by the files' headers alone.</summary>
    /// <param name="files">In this order.</param>
    /// <param name="resolution">Width and height that they should have, pixels.</param>
    /// <returns>The file and its size in pixels; null when every size is right.</returns>
    /// <exception cref="ImageFileException">One cannot be read, is no picture, or too large.</exception>
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
                file.Path, FormattableString.Invariant($"is {file.Width}×{file.Height} pixels, the images before it are {width}×{height}; all must have the same size"));
    }

    private static Tensor Values(Tensor colours, bool grey)
    {
        using var scope = NewDisposeScope();
        var values = ImageQuantizer.FromBytes(colours);
        return (grey ? values.mul(tensor([0.299f, 0.587f, 0.114f]).view(1, 3, 1, 1)).sum(1, keepdim: true) : values).MoveToOuterDisposeScope();
    }
}
