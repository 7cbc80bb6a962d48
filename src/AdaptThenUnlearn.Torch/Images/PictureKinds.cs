using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>Recognises pictures by the endings of their names, or by their first bytes.</summary>
internal static class PictureKinds
{
    private const string Bitmap = ".bmp";

    private const int LongestMagic = 16;

    private static readonly string[] _read = [".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp"];

    private static readonly HashSet<string> _notRead = new(StringComparer.OrdinalIgnoreCase)
    {
        ".apng", ".arw", ".avif", Bitmap, ".cr2", ".cr3", ".dcm", ".dds", ".dib", ".dng", ".emf", ".eps", ".exr", ".gif",
        ".hdr", ".heic", ".heif", ".ico", ".j2k", ".jp2", ".jxl", ".jxr", ".nef", ".pbm", ".pcx", ".pgm", ".pnm", ".ppm",
        ".psd", ".qoi", ".svg", ".tga", ".tif", ".tiff", ".wbmp", ".wmf", ".xbm", ".xpm",
    };

    // The first bytes of the kinds of pictures: offset and bytes, within the first 16 bytes of a file.
    private static readonly (int At, byte[] Magic)[] _magics =
    [
        (0, [0x89, .. "PNG"u8]), (0, [0xff, 0xd8, 0xff]), (8, [.. "WEBPVP8"u8]), (0, [.. "GIF8"u8]),
        (0, [.. "II*\0"u8]), (0, [.. "MM\0*"u8]), (4, [.. "ftypheic"u8]), (4, [.. "ftypheix"u8]),
        (4, [.. "ftypmif1"u8]), (4, [.. "ftypavif"u8]), (4, [.. "jP  "u8]), (4, [.. "JXL "u8]),
        (0, [0xff, 0x4f, 0xff, 0x51]), (0, [.. "8BPS"u8]), (0, [.. "qoif"u8]), (0, [0x76, 0x2f, 0x31, 0x01]),
    ];

    /// <summary>Names of the kinds that are read, for messages.</summary>
    /// <param name="bitmaps">Whether BMP is read: where a generator's images are judged, and nowhere else.</param>
    public static string Read(bool bitmaps) => bitmaps ? "PNG, JPEG, WebP and BMP" : "PNG, JPEG and WebP";

    /// <summary>The endings of the kinds that are read, for messages.</summary>
    /// <param name="bitmaps">As of <see cref="Read"/>.</param>
    public static string Endings(bool bitmaps) => string.Join(", ", bitmaps ? [.. _read, Bitmap] : _read);

    /// <summary>Whether a file's name says that it is of a kind that is read.</summary>
    /// <param name="file">Its path.</param>
    /// <param name="bitmaps">As of <see cref="Read"/>.</param>
    public static bool IsRead(string file, bool bitmaps)
    {
        var ending = Path.GetExtension(file).ToLowerInvariant();
        return _read.Contains(ending) || (bitmaps && ending == Bitmap);
    }

    /// <summary>Whether a file's name says that it is a picture of another kind.</summary>
    /// <param name="file">Its path.</param>
    /// <param name="bitmaps">As of <see cref="Read"/>.</param>
    public static bool IsNotRead(string file, bool bitmaps) =>
        _notRead.Contains(Path.GetExtension(file)) && !IsRead(file, bitmaps);

    /// <summary>Whether a file's name says that it is a picture of any kind.</summary>
    public static bool IsPicture(string file) => IsRead(file, bitmaps: true) || IsNotRead(file, bitmaps: true);

    /// <summary>Whether a file's first bytes say that it is a picture; false where it cannot be read.</summary>
    public static bool HoldsPicture(string file)
    {
        try
        {
            using var stream = RegularFile.OpenRead(file);
            var first = new byte[LongestMagic];
            stream.ReadExactly(first);
            return _magics.Any(each => first.AsSpan(each.At).StartsWith(each.Magic)) || IsBitmap(first);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    // Texts may begin with "BM" too. In a bitmap, the four bytes after the length are zero.
    private static bool IsBitmap(byte[] first) =>
        first.AsSpan().StartsWith("BM"u8) && first.AsSpan(6, 4).IndexOfAnyExcept((byte)0) < 0;
}
