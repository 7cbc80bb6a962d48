using System.Buffers;
using System.Text;
using AdaptThenUnlearn.Files;
using SkiaSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>
/// One picture file. Its header is read first, so that no memory is allocated for an impossible or unwanted size.
/// </summary>
/// <param name="Path">The file.</param>
/// <param name="Width">Width in pixels.</param>
/// <param name="Height">Height in pixels.</param>
internal sealed record PictureFile(string Path, int Width, int Height)
{
    private const int MostPixelsASide = 16384;
    private const long MostPixels = 1L << 26;
    private const long MostBytes = 1L << 30;
    private const int LongestPointer = 1024;   // bytes of a pointer of Git LFS, or of a link that became a file

    private static readonly SKEncodedImageFormat[] _kinds =
        [
            SKEncodedImageFormat.Png,
            SKEncodedImageFormat.Jpeg,
            SKEncodedImageFormat.Webp,
            SKEncodedImageFormat.Gif,
            SKEncodedImageFormat.Bmp
        ];

    /// <summary>Reads a file's header.</summary>
    /// <param name="path">
    /// A file whose name ends as a kind that is read. Its content may be of another kind that can be decoded.
    /// </param>
    /// <exception cref="ImageFileException">The file is missing, is not a picture, is an animation, or is too large.</exception>
    public static PictureFile Open(string path)
    {
        using var codec = Opened(path);
        return new PictureFile(path, codec.Info.Width, codec.Info.Height);
    }

    /// <summary>Decodes the picture.</summary>
    /// <param name="hashed">
    /// The file's folder as it was hashed before, so that no other bytes are decoded; null to decode the file as it is.
    /// </param>
    /// <returns><c>[3, H, W]</c>, uint8; belongs to the caller's scope.</returns>
    /// <exception cref="ImageFileException">The file is damaged, or has changed since its header was read.</exception>
    public Tensor Decode(HashedFolder? hashed = null)
    {
        using var scope = NewDisposeScope();
        var planes = empty([3, Height, Width], uint8, device: CPU);
        Decode(planes.bytes, hashed);
        return planes.MoveToOuterDisposeScope();
    }

    /// <summary>Decodes the picture into memory of the caller.</summary>
    /// <param name="planes">Receives the red, the green and the blue plane: 3 · H · W bytes.</param>
    /// <param name="hashed">As of the other overload.</param>
    /// <param name="asSeen">
    /// Whether to refuse a picture that viewers show otherwise than its pixels are stored: turned, or with transparency.
    /// </param>
    /// <exception cref="ImageFileException">
    /// The file is damaged, has changed since its header was read, or is shown otherwise than it is stored.
    /// </exception>
    public void Decode(Span<byte> planes, HashedFolder? hashed, bool asSeen = false)
    {
        using var codec = Opened(Path, hashed);
        if (asSeen && codec.EncodedOrigin is not SKEncodedOrigin.TopLeft)
            throw new ImageFileException(
                Path, "is stored turned, and viewers turn it back (Exif orientation): store it as it is meant");
        if (codec.Info.Width != Width || codec.Info.Height != Height)
            throw new ImageFileException(Path, "was changed while it was read; run again");

        var pixels = ArrayPool<byte>.Shared.Rent(4 * Width * Height);
        try
        {
            var result = Into(codec, pixels);
            if (result is not SKCodecResult.Success)
                throw new ImageFileException(
                    Path,
                    result is SKCodecResult.IncompleteInput
                        ? "is a damaged image: it ends too early; fetch it again"
                        : "is a damaged image; fetch it again");

            // From one pixel after the other to one plane after the other.
            var size = Width * Height;
            if (asSeen && IsTransparent(pixels.AsSpan(0, 4 * size)))
                throw new ImageFileException(
                    Path, "is transparent in places, and what is seen there depends on the page: put it on a background");
            for (var colour = 0; colour < 3; colour++)
            {
                var plane = planes.Slice(colour * size, size);
                for (var pixel = 0; pixel < plane.Length; pixel++)
                    plane[pixel] = pixels[4 * pixel + colour];
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(pixels);
        }
    }

    private static bool IsTransparent(ReadOnlySpan<byte> pixels)
    {
        for (var alpha = 3; alpha < pixels.Length; alpha += 4)
            if (pixels[alpha] != byte.MaxValue)
                return true;
        return false;
    }

    private static unsafe SKCodecResult Into(SKCodec codec, byte[] pixels)
    {
        fixed (byte* first = pixels)
            return codec.GetPixels(
                new SKImageInfo(codec.Info.Width, codec.Info.Height, SKColorType.Rgba8888, SKAlphaType.Unpremul), (nint)first);
    }

    private static SKCodec Opened(string path, HashedFolder? hashed = null)
    {
        if (!PictureKinds.IsRead(path, bitmaps: true))
            throw new ImageFileException(
                path,
                $"its name does not end in {PictureKinds.Endings(bitmaps: false)}; {PictureKinds.Read(bitmaps: false)} files are "
                    + "read");
        if (WhyUnreadable(path) is { } why)
            throw new ImageFileException(path, why);

        var codec = (hashed is null ? SKCodec.Create(path) : Verified(path, hashed))
            ?? throw new ImageFileException(path, "is not an image that can be decoded" + Instead(path));
        var whyRefused = _kinds.Contains(codec.EncodedFormat)
            ? WhyRefused(codec)
            : $"is not an image of a kind that is read: {PictureKinds.Read(bitmaps: false)} are";
        if (whyRefused is not { } refused)
            return codec;

        codec.Dispose();
        throw new ImageFileException(path, refused);
    }

    private static SKCodec? Verified(string path, HashedFolder hashed)
    {
        try
        {
            using var data = SKData.CreateCopy(hashed.Read(path, MostBytes));
            return SKCodec.Create(data);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            throw new ImageFileException(path, $"cannot be used: {failed.Message}", failed);
        }
    }

    private static string? WhyUnreadable(string path)
    {
        try
        {
            var file = new FileInfo(path);
            if (!file.Exists)
                return Directory.Exists(path) ? "is a folder, not an image" : "is missing, or is a link to a missing file";
            if (file.Length == 0)
                return "is empty, or is not a regular file; fetch it again, or remove it from the folder";
            if (file.Length > MostBytes)
                return FormattableString.Invariant($"is {file.Length} bytes long, and images of up to {MostBytes} are read");
            using var readable = RegularFile.Open(path);
            return null;
        }
        catch (FileNotFoundException)
        {
            return "is missing, or is a link to a missing file";
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            return $"cannot be read: {failed.Message}";
        }
    }

    private static string? WhyRefused(SKCodec codec)
    {
        var (width, height) = (codec.Info.Width, codec.Info.Height);
        if (width < 1 || height < 1 || width > MostPixelsASide || height > MostPixelsASide || (long)width * height > MostPixels)
            return FormattableString.Invariant(
                $"is {width}×{height} pixels, and images of up to {MostPixelsASide} a side and {MostPixels} in all are read");
        return codec.FrameCount > 1 ? FormattableString.Invariant(
            $"is an animation of {codec.FrameCount} frames, not an image; save the frame that is meant as PNG") : null;
    }

    // Describes a file that only points to an image; empty for any other.
    private static string Instead(string path)
    {
        var bytes = new byte[LongestPointer];
        using var stream = RegularFile.OpenRead(path);
        var text = Encoding.UTF8.GetString(bytes, 0, stream.ReadAtLeast(bytes, LongestPointer, throwOnEndOfStream: false)).Trim();
        if (text.StartsWith("version https://git-lfs", StringComparison.Ordinal))
            return ": it is a pointer of Git LFS; fetch the images with `git lfs pull`";
        return PictureKinds.IsRead(text, bitmaps: true) && !text.Contains('\n', StringComparison.Ordinal)
            ? $": it holds only the text '{text}', as a link does that was copied or checked out as a file; copy the images "
                + "instead of the links"
            : "";
    }
}
