using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Tests.Labelling;
using SkiaSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Sources;

/// <summary>How images that repeat others are found.</summary>
public sealed class SmallCopiesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-copies-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // Every pair, in doubles, in the order of brightness.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void CountRepeats_ClustersOfImages_AreWhatEveryPairSays(int seed)
    {
        var random = new Random(seed);
        List<byte[]> copies = [];
        for (var cluster = 0; cluster < 40; cluster++)
        {
            var centre = Enumerable.Range(0, SmallCopies.Bytes).Select(_ => random.Next(40, 210)).ToArray();
            var spread = random.Next(1, 7);   // the root mean square of two of them is about 0.8 of it
            for (var member = random.Next(1, 6); member > 0; member--)
                copies.Add([.. centre.Select(level => (byte)(level + random.Next(-spread, spread + 1)))]);
        }

        var expected = 0;
        List<byte[]> different = [];
        foreach (var copy in copies.OrderBy(copy => copy.Sum(level => level)))
            if (different.Any(other => Math.Sqrt(copy.Zip(other, (a, b) => Math.Pow(a - b, 2)).Average()) <= 2))
                expected++;
            else
                different.Add(copy);
        Assert.InRange(expected, 5, copies.Count - 5);
        Assert.Equal(expected, SmallCopies.CountRepeats(copies.SelectMany(copy => copy).ToArray()));
    }

    [Fact]
    public void Make_Colours_AreTheMeansOfTheirLuma()
    {
        using var scope = NewDisposeScope();
        var levels = new byte[2, 3, 32, 32];
        var random = new Random(4);
        for (var image = 0; image < 2; image++)
            for (var channel = 0; channel < 3; channel++)
                for (var pixel = 0; pixel < 1024; pixel++)
                    levels[image, channel, pixel / 32, pixel % 32] = (byte)random.Next(256);

        var copies = SmallCopies.Make(ImageQuantizer.FromBytes(from_array(levels))).Span;

        Assert.Equal(2 * SmallCopies.Bytes, copies.Length);
        for (var cell = 0; cell < copies.Length; cell++)
        {
            var (image, row, column) = (cell / 256, cell / 16 % 16, cell % 16);
            var mean = 0.0;
            for (var at = 0; at < 4; at++)
                for (var channel = 0; channel < 3; channel++)
                    mean += new[] { 0.299, 0.587, 0.114 }[channel] / 4
                        * levels[image, channel, 2 * row + at / 2, 2 * column + at % 2];
            Assert.InRange(copies[cell] - mean, -0.51, 0.51);
        }
    }

    // Pictures saved again are found, and others of the same kind are not.
    [Theory]
    [InlineData(SKEncodedImageFormat.Png, 100)]
    [InlineData(SKEncodedImageFormat.Jpeg, 75)]
    [InlineData(SKEncodedImageFormat.Webp, 60)]
    public void CountRepeats_PicturesSavedAgain_AreFound(SKEncodedImageFormat format, int quality)
    {
        using var scope = NewDisposeScope();
        Pictures.Write(_folder, 30, side: 64);
        foreach (var number in Enumerable.Range(0, 7))
            Pictures.SaveAgain(
                Path.Combine(_folder, $"{number:D4}.png"),
                Path.Combine(_folder, $"again-{number}.{format.ToString().ToLowerInvariant()}"),
                format,
                quality);

        var images = ImageFolder.Read(_folder, channels: 3);

        Assert.Equal(37, images.shape[0]);
        Assert.Equal(7, SmallCopies.CountRepeats(SmallCopies.Make(images).Span));
    }

    // Digits are as alike as images get, and are not taken for one another.
    [Fact]
    public void CountRepeats_ImagesOfAGenerator_AreHardlyEverRepeats()
    {
        using var scope = NewDisposeScope();
        using var generator = GeneratorCheckpoint.Load(
            Path.Combine(HeadTrainingTests.Root(), "models", "mnist", "stylegan2.safetensors"), "auto", null, null, CPU);
        var images = new EvaluationImages(new RandomStreams(5, "evaluation"), 1, CPU);
        List<byte> copies = [];
        foreach (var batch in EvaluationImages.EnumerateBatches(1000))
            copies.AddRange(SmallCopies.Make(images.Draw(generator.Generator, batch)).ToArray());

        Assert.InRange(SmallCopies.CountRepeats(copies.ToArray()), 0, 1);
    }
}
