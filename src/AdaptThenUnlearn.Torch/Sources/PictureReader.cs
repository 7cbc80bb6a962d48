using System.Buffers;
using System.Globalization;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Sources;

/// <summary>Reads pictures as images of one shape. What the policy does not say is not guessed: it is refused.</summary>
/// <param name="shape">What the pictures become.</param>
/// <param name="resize">How they become it; null where each has that size already.</param>
internal sealed class PictureReader(ImageShape shape, ImageResize? resize)
{
    private readonly Preprocessor? _resizer = resize is null
        ? null
        : new Preprocessor(new ImagePreprocessing(Resize: resize.Size, Filter: resize.Filter), shape);

    /// <summary>The images that are given.</summary>
    public ImageShape Shape => shape;

    /// <summary>Whether the images have the 256 levels of the pictures; resized ones have others between them.</summary>
    public bool IsEightBit => resize is null;

    /// <summary>The shape, and what is done to the pictures, in words.</summary>
    public string Description => resize is null
        ? $"{shape}"
        : string.Create(
            CultureInfo.InvariantCulture,
            $"{shape}, resized ({resize.Filter}{resize.Fit switch
            {
                ImageResize.Crop => "; of one that is not square, the centre alone is looked at",
                ImageResize.Stretch => "; one that is not square is stretched",
                _ => "",
            }})");

    /// <summary>Finds the shape of a policy's pictures, by their headers.</summary>
    /// <param name="folder">Of the pictures, for messages.</param>
    /// <param name="files">At least one.</param>
    /// <param name="choice">Says whether they are grey, and how they are resized.</param>
    /// <exception cref="ImageFileException">The sizes differ, or a picture is not square, and the policy does not say what to do.
    /// </exception>
    public static PictureReader For(string folder, IReadOnlyList<PictureFile> files, GeneratorChoice choice)
    {
        var channels = choice.Channels is ImagePreprocessing.Grey ? 1 : 3;
        var first = files[0];
        if (choice.Resize is { } resize)
            return resize.Fit is not null || files.FirstOrDefault(file => file.Width != file.Height) is not { } oblong
                ? new PictureReader(new ImageShape(channels, resize.Size), resize)
                : throw new ImageFileException(
                    oblong.Path,
                    $"is {Size(oblong)} pixels, and images are square: say generator.resize.fit, '{ImageResize.Crop}' to look at "
                        + $"the centre alone or '{ImageResize.Stretch}' to change the proportions");

        if (files.FirstOrDefault(file => file.Width != first.Width || file.Height != first.Height) is { } other)
            throw new ImageFileException(
                folder,
                $"holds images of different sizes: {Path.GetRelativePath(folder, first.Path)} is {Size(first)} pixels, "
                    + $"{Path.GetRelativePath(folder, other.Path)} is {Size(other)}; say how they are made equal, such as "
                    + FormattableString.Invariant(
                        $"\"resize\": {{ \"size\": {Math.Min(first.Width, other.Width)}, \"filter\": \"bicubic\" }}"));
        return first.Width == first.Height
            ? new PictureReader(new ImageShape(channels, first.Width), resize: null)
            : throw new ImageFileException(
                folder,
                $"holds images of {Size(first)} pixels, and images are square: say generator.resize with its 'fit'");
    }

    /// <summary>Decodes pictures.</summary>
    /// <param name="files">In order; none gives no images.</param>
    /// <param name="hashed">Their folder, so that no other bytes are decoded; null to decode the files as they are.</param>
    /// <returns><c>[N, C, H, H]</c>, float32 in [-1, 1]; belongs to the caller's scope.</returns>
    /// <exception cref="ImageFileException">
    /// A picture is damaged, has changed, or has colours where the policy says grey.
    /// </exception>
    public Tensor Read(IReadOnlyList<PictureFile> files, HashedFolder? hashed)
    {
        using var scope = NewDisposeScope();
        if (_resizer is not null && files.Count > 0)
            return stack([.. files.Select(file => Resized(file, hashed))]).MoveToOuterDisposeScope();

        var bytes = empty([files.Count, shape.Channels, shape.Resolution, shape.Resolution], uint8, device: CPU);
        foreach (var (number, file) in files.Index())
            Read(file, bytes.select(0, number).bytes, hashed);
        // As ImageQuantizer.FromBytes.
        return bytes.to(float32).div_(Scalars.Of(127.5)).sub_(Scalars.Of(1)).MoveToOuterDisposeScope();
    }

    // [C, H, H]
    private Tensor Resized(PictureFile file, HashedFolder? hashed)
    {
        using var scope = NewDisposeScope();
        var image = empty([shape.Channels, file.Height, file.Width], uint8, device: CPU);
        Read(file, image.bytes, hashed);
        return _resizer!.Prepare(Cropped(ImageQuantizer.FromBytes(image)).unsqueeze(0)).squeeze(0).MoveToOuterDisposeScope();
    }

    // The planes of the picture: three, or the one that all three are.
    private void Read(PictureFile file, Span<byte> planes, HashedFolder? hashed)
    {
        if (shape.Channels == 3)
        {
            file.Decode(planes, hashed, asSeen: true);
            return;
        }

        var size = file.Width * file.Height;
        var colours = ArrayPool<byte>.Shared.Rent(3 * size);
        try
        {
            var all = colours.AsSpan(0, 3 * size);
            file.Decode(all, hashed, asSeen: true);
            if (!all[..size].SequenceEqual(all.Slice(size, size)) || !all[..size].SequenceEqual(all[(2 * size)..]))
                throw new ImageFileException(
                    file.Path, $"has colours, and generator.channels is '{ImagePreprocessing.Grey}'; leave 'channels' out");
            all[..size].CopyTo(planes);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(colours);
        }
    }

    // The square in the centre; of an odd rest, the smaller half lies before it.
    private Tensor Cropped(Tensor image)
    {
        if (resize!.Fit is not ImageResize.Crop)
            return image;

        var side = Math.Min(image.shape[1], image.shape[2]);
        return image.narrow(1, (image.shape[1] - side) / 2, side).narrow(2, (image.shape[2] - side) / 2, side);
    }

    private static string Size(PictureFile file) => FormattableString.Invariant($"{file.Width}×{file.Height}");
}
