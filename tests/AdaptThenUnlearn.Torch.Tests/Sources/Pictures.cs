using SkiaSharp;

namespace AdaptThenUnlearn.Torch.Tests.Sources;

/// <summary>Small pictures, each different from all others.</summary>
internal static class Pictures
{
    /// <summary>Writes pictures of coloured noise in blocks, named 0000.png and so on.</summary>
    public static void Write(string folder, int count, int side = 16, int seed = 1, bool grey = false)
    {
        Directory.CreateDirectory(folder);
        var random = new Random(seed);
        for (var number = 0; number < count; number++)
            WriteOne(Path.Combine(folder, $"{number:D4}.png"), side, side, random, grey);
    }

    public static void WriteOne(string path, int width, int height, Random random, bool grey = false)
    {
        using var picture = new SKBitmap(width, height);
        const int block = 4;
        for (var top = 0; top < height; top += block)
            for (var left = 0; left < width; left += block)
            {
                var level = (byte)random.Next(256);
                var colour = grey ? new SKColor(level, level, level) : new SKColor(level, (byte)random.Next(256), 77);
                for (var y = top; y < Math.Min(height, top + block); y++)
                    for (var x = left; x < Math.Min(width, left + block); x++)
                        picture.SetPixel(x, y, colour);
            }

        Save(picture, path, SKEncodedImageFormat.Png, 100);
    }

    /// <summary>The same picture, saved again with some loss.</summary>
    public static void SaveAgain(string from, string to, SKEncodedImageFormat format, int quality)
    {
        using var picture = SKBitmap.Decode(from);
        Save(picture, to, format, quality);
    }

    private static void Save(SKBitmap picture, string path, SKEncodedImageFormat format, int quality)
    {
        using var file = File.Create(path);
        picture.Encode(file, format, quality);
    }
}
