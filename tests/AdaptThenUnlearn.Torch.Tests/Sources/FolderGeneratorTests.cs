using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Sources;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Sources;

/// <summary>A folder of images as the generator that is measured.</summary>
public sealed class FolderGeneratorTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-renders-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Take_WholeFolder_IsEachImageOnceInAnOrderOfTheSeed()
    {
        using var scope = NewDisposeScope();
        Pictures.Write(_folder, 230);
        var all = Keys(ImageFolder.Read(_folder, channels: 3));
        using var loaded = Load();
        var sequence = (ImageSequence)loaded.Generator;

        var drawn = Keys(Sample(sequence, seed: 20, 230));

        Assert.Equal(new ImageShape(3, 16), sequence.Shape);
        Assert.Equal(230, sequence.Count);
        Assert.Equal(230, all.Distinct().Count());
        Assert.Equal(all.Order(), drawn.Order());
        Assert.NotEqual(all, drawn);
        Assert.Equal(drawn, Keys(Sample(sequence, seed: 20, 230)));
        Assert.NotEqual(drawn, Keys(Sample(sequence, seed: 21, 230)));
        Assert.Equal(drawn[150..160], Keys(sequence.Take(new RandomStreams(20, "evaluation"), 150, 10)));
        Assert.Equal(10, sequence.Take(new RandomStreams(20, "evaluation"), 220, 100).shape[0]);
        Assert.Equal(0, sequence.Take(new RandomStreams(20, "evaluation"), 300, 100).shape[0]);
    }

    [Fact]
    public void Load_Folder_CannotBeTrainedAndSaysWhatTheBoundAssumes()
    {
        Pictures.Write(_folder, 3);
        File.WriteAllText(Path.Combine(_folder, "notes.txt"), "not a picture");
        using var loaded = Load();

        Assert.Equal("is a folder of images, and has no weights", loaded.WhyNotTrainable);
        Assert.Equal(Sha256Digest.FindAt(_folder), loaded.Sha256);
        Assert.Contains(loaded.Cautions, caution => caution.Contains("fair sample", StringComparison.Ordinal));
        Assert.Contains("passed over: 1 files that are not pictures", Assert.Single(loaded.Notes), StringComparison.Ordinal);
        Assert.Throws<NotSupportedException>(() => loaded.Generator.Generate(zeros(1, 0), noise: null));
        Assert.Throws<NotSupportedException>(loaded.Generator.Copy);
    }

    [Fact]
    public void Load_MixedSizes_AreRefusedWithTwoNamesUnlessAResizeIsStated()
    {
        using var scope = NewDisposeScope();
        Pictures.Write(_folder, 2);
        Pictures.WriteOne(Path.Combine(_folder, "larger.png"), 32, 32, new Random(3));

        var refused = Assert.Throws<ImageFileException>(() => Load().Dispose()).Message;
        Assert.Contains("0000.png is 16×16 pixels, larger.png is 32×32", refused, StringComparison.Ordinal);
        Assert.Contains("\"resize\": { \"size\": 16, \"filter\": \"bicubic\" }", refused, StringComparison.Ordinal);

        // Blocks of 4 pixels keep their colours where two become one.
        using var loaded = Load(new ImageResize(16, "nearest"));
        Assert.Equal([3, 3, 16, 16], Sample((ImageSequence)loaded.Generator, 1, 3).shape);
    }

    [Theory]
    [InlineData(ImageResize.Crop)]
    [InlineData(ImageResize.Stretch)]
    public void Load_ImageThatIsNotSquare_IsRefusedUnlessItsFitIsStated(string fit)
    {
        using var scope = NewDisposeScope();
        var path = Path.Combine(_folder, "wide.png");
        Pictures.WriteOne(path, 32, 16, new Random(3));

        Assert.Contains("holds images of 32×16 pixels, and images are square", Refused(null), StringComparison.Ordinal);
        Assert.Contains("say generator.resize.fit", Refused(new ImageResize(16, "nearest")), StringComparison.Ordinal);

        using var loaded = Load(new ImageResize(16, "nearest", fit));
        var image = Sample((ImageSequence)loaded.Generator, 1, 1);
        var whole = ImageFolder.Read(_folder, channels: 3);
        var expected = fit == ImageResize.Crop
            ? whole.narrow(3, 8, 16)
            : whole.index_select(3, arange(16) * 2);
        Assert.True(image.equal(expected).all().item<bool>());
    }

    [Fact]
    public void Take_ColoursWhereThePolicySaysGrey_AreRefusedWithTheFile()
    {
        using var scope = NewDisposeScope();
        Pictures.Write(_folder, 5, grey: true);
        using (var grey = Load(channels: "grey"))
            Assert.Equal([5, 1, 16, 16], Sample((ImageSequence)grey.Generator, 1, 5).shape);

        Pictures.WriteOne(Path.Combine(_folder, "coloured.png"), 16, 16, new Random(3));
        using var mixed = Load(channels: "grey");
        var refused = Assert.Throws<ImageFileException>(() => Sample((ImageSequence)mixed.Generator, 1, 6));
        Assert.EndsWith("coloured.png", refused.Path, StringComparison.Ordinal);
    }

    [Fact]
    public void Take_PictureThatIsTransparentInPlaces_IsRefused()
    {
        using var scope = NewDisposeScope();
        Pictures.Write(_folder, 2);
        using (var bitmap = new SkiaSharp.SKBitmap(16, 16, SkiaSharp.SKColorType.Rgba8888, SkiaSharp.SKAlphaType.Unpremul))
        {
            bitmap.Erase(SkiaSharp.SKColors.Red.WithAlpha(254));
            using var data = bitmap.Encode(SkiaSharp.SKEncodedImageFormat.Png, 100);
            File.WriteAllBytes(Path.Combine(_folder, "glass.png"), data.ToArray());
        }

        using var loaded = Load();
        var refused = Assert.Throws<ImageFileException>(() => Sample((ImageSequence)loaded.Generator, 1, 3));
        Assert.Contains("glass.png: is transparent in places", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_EmptyFile_IsNamed()
    {
        Pictures.Write(_folder, 2);
        File.WriteAllBytes(Path.Combine(_folder, "none.png"), []);

        Assert.Contains(
            "none.png: is empty", Assert.Throws<ImageFileException>(() => Load().Dispose()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Take_FileThatChangedSinceItWasHashed_IsRefused()
    {
        using var scope = NewDisposeScope();
        Pictures.Write(_folder, 5);
        using var loaded = Load();
        File.Copy(Path.Combine(_folder, "0001.png"), Path.Combine(_folder, "0003.png"), overwrite: true);

        Assert.Throws<ImageFileException>(() => Sample((ImageSequence)loaded.Generator, 1, 5));
    }

    [Fact]
    public void Inspect_Folder_CountsSizesAndRepeats()
    {
        Pictures.Write(_folder, 20, side: 64);
        Pictures.WriteOne(Path.Combine(_folder, "wide.png"), 96, 64, new Random(3));
        File.Copy(Path.Combine(_folder, "0001.png"), Path.Combine(_folder, "same.png"));
        Pictures.SaveAgain(
            Path.Combine(_folder, "0002.png"), Path.Combine(_folder, "again.jpg"), SkiaSharp.SKEncodedImageFormat.Jpeg, 80);

        var found = FolderInspection.Inspect(_folder, CancellationToken.None);

        Assert.Equal((23, 22, 2L, false), (found.Images, found.Distinct, found.Repeated, found.AreGrey));
        Assert.Equal([new PictureSize(64, 64, 22), new PictureSize(96, 64, 1)], found.Sizes);
        Assert.Equal(Sha256Digest.FindAt(_folder), found.Sha256);
    }

    private string Refused(ImageResize? resize) => Assert.Throws<ImageFileException>(() => Load(resize).Dispose()).Message;

    private LoadedGenerator Load(ImageResize? resize = null, string? channels = null) => GeneratorSource.LoadFolder(
        new GeneratorChoice(null, "auto", null, null, Images: _folder, Resize: resize, Channels: channels),
        HashedFolder.Create(_folder));

    // As a measurement asks: batch by batch.
    private static Tensor Sample(ImageSequence sequence, long seed, int count) => cat(
        [.. Enumerable.Range(0, (count + 99) / 100).Select(batch => sequence.Take(
            new RandomStreams(seed, "evaluation"), 100 * batch, Math.Min(100, count - 100 * batch)))]);

    private static List<string> Keys(Tensor images) =>
    [
        .. Enumerable.Range(0, (int)images.shape[0]).Select(
            number => Sha256Digest.Compute(ImageQuantizer.ToBytes(images[number]).contiguous().bytes)),
    ];
}
