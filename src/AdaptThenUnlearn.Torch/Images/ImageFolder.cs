using SkiaSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>Reads the PNG and JPEG files of a folder as one batch of images.</summary>
public static class ImageFolder
{
    private static readonly string[] _endings = [".png", ".jpg", ".jpeg"];

    /// <summary>Reads every image, in ordinal order of the names.</summary>
    /// <param name="folder">Its sub-folders are read too.</param>
    /// <param name="channels">1 turns colours into grey (Rec. 601 luma), 3 repeats grey; null takes 1 when every image is grey.</param>
    /// <returns><c>[N, 1 or 3, H, W]</c>, float32 in [-1, 1]; belongs to the caller's scope.</returns>
    /// <exception cref="ImageFileException">There are no images, one cannot be decoded, or their sizes differ.</exception>
    public static Tensor Read(string folder, int? channels = null) => Read(Files(folder), channels);

    /// <summary>Reads some images, in the order given.</summary>
    /// <param name="files">At least one.</param>
    /// <param name="channels">As for a folder.</param>
    /// <returns>As of a folder.</returns>
    /// <exception cref="ImageFileException">One cannot be decoded, or their sizes differ.</exception>
    public static Tensor Read(IReadOnlyList<string> files, int? channels = null)
    {
        using var scope = NewDisposeScope();
        long[]? size = null;
        var colours = Decode(files, ref size);
        return Values(colours, grey: channels == 1 || (channels is null && IsGrey(colours))).MoveToOuterDisposeScope();
    }

    /// <summary>Reads the images of a folder a batch at a time, so that there may be more of them than the memory holds.</summary>
    /// <param name="folder">Its sub-folders are read too, in ordinal order of the names.</param>
    /// <param name="channels">1 turns colours into grey (Rec. 601 luma), 3 repeats grey.</param>
    /// <param name="size">Images in a full batch; at least 1.</param>
    /// <returns>Each <c>[n, channels, H, W]</c>, float32 in [-1, 1]; belongs to the scope of whoever asks for it.</returns>
    /// <exception cref="ImageFileException">There are no images, one cannot be decoded, or their sizes differ.</exception>
    public static IEnumerable<Tensor> Batches(string folder, int channels, int size) => Batches(Files(folder), channels, size);

    /// <summary>Reads some images a batch at a time, in the order given.</summary>
    /// <inheritdoc cref="Batches(string, int, int)"/>
    /// <param name="files">At least one.</param>
    /// <param name="channels">As for a folder.</param>
    /// <param name="size">As for a folder.</param>
    public static IEnumerable<Tensor> Batches(IReadOnlyList<string> files, int channels, int size)
    {
        long[]? first = null;
        foreach (var some in files.Chunk(size))
            yield return Batch(some);

        Tensor Batch(string[] some)
        {
            using var scope = NewDisposeScope();
            return Values(Decode(some, ref first), grey: channels == 1).MoveToOuterDisposeScope();
        }
    }

    /// <summary>The PNG and JPEG files of a folder and its sub-folders, in ordinal order of the names; at least one.</summary>
    /// <exception cref="ImageFileException">There are none, or the folder cannot be read.</exception>
    public static IReadOnlyList<string> Files(string folder)
    {
        try
        {
            string[] files = [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Where(file => _endings.Contains(Path.GetExtension(file).ToLowerInvariant())).Order(StringComparer.Ordinal)];
            return files.Length > 0 ? files : throw new ImageFileException(folder, "holds no PNG or JPEG images");
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            throw new ImageFileException(folder, $"the folder cannot be read: {failed.Message}", failed);
        }
    }

    /// <summary>The first image of a folder that has another size than it should, by the files' headers alone.</summary>
    /// <param name="folder">Its sub-folders too, in ordinal order of the names.</param>
    /// <param name="resolution">Width and height that they should have, pixels.</param>
    /// <returns>The file and its size in pixels; null when every size is right.</returns>
    /// <exception cref="ImageFileException">There are no images, or one cannot be decoded.</exception>
    public static (string File, int Width, int Height)? FirstUnfit(string folder, int resolution)
    {
        foreach (var file in Files(folder))
        {
            using var codec = Opened(file);
            if (codec.Info.Width != resolution || codec.Info.Height != resolution)
                return (file, codec.Info.Width, codec.Info.Height);
        }

        return null;
    }

    // [N, 3, H, W], uint8; the first image of all says what size the others must have.
    private static Tensor Decode(IReadOnlyList<string> files, ref long[]? size)
    {
        List<Tensor> images = [];
        foreach (var file in files)
        {
            var image = Decode(file);
            size ??= image.shape;
            if (!image.shape.SequenceEqual(size))
                throw new ImageFileException(file, $"is {image.shape[2]}×{image.shape[1]} pixels, the images before it are {size[2]}×{size[1]}; all must have the same size");
            images.Add(image);
        }

        return stack(images);
    }

    private static Tensor Values(Tensor colours, bool grey)
    {
        var values = EightBit.Values(colours);
        return grey ? values.mul(tensor([0.299f, 0.587f, 0.114f]).view(1, 3, 1, 1)).sum(1, keepdim: true) : values;
    }

    private static bool IsGrey(Tensor colours)
    {
        using var scope = NewDisposeScope();
        return colours.eq(colours.narrow(1, 0, 1)).all().item<bool>();
    }

    private static SKCodec Opened(string file) => SKCodec.Create(file) ?? throw new ImageFileException(file, "is no image that can be decoded");

    // [3, H, W], uint8
    private static Tensor Decode(string file)
    {
        using var scope = NewDisposeScope();
        using var codec = Opened(file);
        var info = new SKImageInfo(codec.Info.Width, codec.Info.Height, SKColorType.Rgba8888, SKAlphaType.Unpremul);
        using var bitmap = new SKBitmap(info);
        if (codec.GetPixels(info, bitmap.GetPixels()) != SKCodecResult.Success)
            throw new ImageFileException(file, "is a damaged image");

        return tensor(bitmap.GetPixelSpan().ToArray()).view(info.Height, info.Width, 4).narrow(2, 0, 3).permute(2, 0, 1).contiguous().MoveToOuterDisposeScope();
    }
}
