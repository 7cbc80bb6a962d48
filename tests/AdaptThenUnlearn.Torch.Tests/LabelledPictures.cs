using SkiaSharp;

namespace AdaptThenUnlearn.Torch.Tests;

/// <summary>
/// A folder of grey noise that is <c>bright</c> or dark, <c>striped</c> or plain: all four combinations, with a
/// <c>labels.csv</c>.
/// </summary>
internal static class LabelledPictures
{
    public static void Write(string folder, int count, int height = 16, int seed = 7)
    {
        Directory.CreateDirectory(folder);
        var random = new Random(seed);
        List<string> lines = ["file,bright,striped"];
        for (var number = 0; number < count; number++)
        {
            var (bright, striped) = (number / 2 % 2 == 1, number % 3 == 1);
            using var picture = new SKBitmap(16, height);
            for (var pixel = 0; pixel < 16 * height; pixel++)
            {
                var level = (byte)((bright ? 160 : 60) + (striped && pixel % 2 == 1 ? 50 : 0) + random.Next(40));
                picture.SetPixel(pixel % 16, pixel / 16, new SKColor(level, level, level));
            }

            using (var file = File.Create(Path.Combine(folder, $"{number}.png")))
                picture.Encode(file, SKEncodedImageFormat.Png, quality: 100);
            lines.Add($"{number}.png,{(bright ? 1 : 0)},{(striped ? 1 : 0)}");
        }

        File.WriteAllLines(Path.Combine(folder, "labels.csv"), lines);
    }
}
