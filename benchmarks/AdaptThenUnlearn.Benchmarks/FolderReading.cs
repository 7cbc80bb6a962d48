using System.Diagnostics;
using System.Globalization;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Sources;
using AdaptThenUnlearn.Torch.Threading;
using SkiaSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>
/// Reading a folder of 256×256 images as measuring does: hashing every file, looking at the headers, and decoding in batches,
/// with the digests compared again.
/// </summary>
/// <remarks>The files are in the page cache: a disk that is slower than the decoder is not measured.</remarks>
internal static class FolderReading
{
    private const int Side = 256;
    private const int Rounds = 3;
    private static readonly (string Ending, SKEncodedImageFormat Format, int Quality)[] _kinds =
    [
        ("png", SKEncodedImageFormat.Png, 100),
        ("jpg", SKEncodedImageFormat.Jpeg, 90),
        ("webp", SKEncodedImageFormat.Webp, 90),
    ];

    public static void Run(int images)
    {
        using var _ = no_grad();
        foreach (var (ending, format, quality) in _kinds)
        {
            var folder = Directory.CreateTempSubdirectory("atu-pictures-");
            try
            {
                Write(folder.FullName, images, ending, format, quality);
                Measure(folder.FullName, images, ending);
            }
            finally
            {
                folder.Delete(recursive: true);
            }
        }
    }

    private static void Measure(string folder, int images, string ending)
    {
        var choice = new GeneratorChoice(null, FolderGenerator.FormatName, null, null, Images: folder);
        var draws = new EvaluationImages(new RandomStreams(1, "benchmark"), Truncation: 1, CPU);
        using var workers = WorkerThreads.For(CPU, runsProgram: false);
        var rounds = new List<(double Prepared, double Decoded)>();
        for (var round = 0; round < Rounds; round++)
        {
            var clock = Stopwatch.StartNew();
            using var loaded = FolderGenerator.Load(choice, HashedFolder.Create(folder));
            var prepared = clock.Elapsed.TotalSeconds;
            var batches = EvaluationImages.EnumerateBatches(images).ToList();
            workers.Run(thread =>
            {
                for (var number = thread; number < batches.Count; number += workers.Count)
                    draws.Draw(loaded.Generator, batches[number]).Dispose();
                return 0;
            });
            rounds.Add((prepared, clock.Elapsed.TotalSeconds - prepared));
        }

        var (first, second) = rounds.MinBy(round => round.Prepared + round.Decoded);
        var bytes = new DirectoryInfo(folder).EnumerateFiles().Sum(file => file.Length);
        Terminal.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{images} {ending} images of {Side}×{Side}, {bytes / images / 1000.0:F0} kB each: "
                + $"{images / (first + second):F0} images/s "
                + $"({first:F2} s to hash and list, {second:F2} s to decode; best of {Rounds}, {workers.Count} threads)"));
    }

    // Each picture has soft shapes, edges and a little noise, so that it compresses as a photograph does.
    private static void Write(string folder, int images, string ending, SKEncodedImageFormat format, int quality)
    {
        var random = new Random(1);
        using var bitmap = new SKBitmap(new SKImageInfo(Side, Side, SKColorType.Rgba8888, SKAlphaType.Opaque));
        var pixels = new byte[4 * Side * Side];
        for (var number = 0; number < images; number++)
        {
            var waves = Enumerable.Range(0, 9).Select(_ => 0.01 + 0.06 * random.NextDouble()).ToArray();
            var (edge, lift) = (random.Next(Side), random.Next(30, 90));
            for (var place = 0; place < pixels.Length; place++)
            {
                var (row, column, channel) = (place / (4 * Side), place / 4 % Side, place % 4);
                var value = 128 + (channel == 3 ? 0 : 40 * Math.Sin(waves[channel] * row + waves[3 + channel] * column)
                    + (row + column > edge + (int)(20 * Math.Sin(waves[6 + channel] * row)) ? lift : 0) + random.Next(-4, 5));
                pixels[place] = channel == 3 ? byte.MaxValue : (byte)Math.Clamp(value, 0, 255);
            }

            pixels.CopyTo(bitmap.GetPixelSpan());
            using var data = bitmap.Encode(format, quality);
            using var file = File.Create(Path.Combine(folder, FormattableString.Invariant($"{number:D5}.{ending}")));
            data.SaveTo(file);
        }
    }
}
