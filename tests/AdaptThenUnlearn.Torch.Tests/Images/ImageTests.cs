using System.Text;
using AdaptThenUnlearn.Torch.Images;
using SkiaSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Images;

/// <summary>Arrays, image folders, grids and plots: what is written can be read again and seen.</summary>
public sealed class ImageTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-images-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void ImageQuantizer_EveryByte_ComesBackFromItsValue()
    {
        using var scope = NewDisposeScope();
        var bytes = arange(256, int64).to(uint8);

        var values = ImageQuantizer.FromBytes(bytes);

        Assert.Equal((-1f, 1f), (values[0].item<float>(), values[255].item<float>()));
        Assert.True(ImageQuantizer.ToBytes(values).equal(bytes).all().item<bool>());
        Assert.Equal([0, 255], ImageQuantizer.ToBytes(tensor([-3f, 3f])).data<byte>().ToArray());
        Assert.Same(values, ImageQuantizer.FromBytes(values));
    }

    [Fact]
    public void Quantize_AnyImage_IsWhatThePictureFileHolds()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var raw = randn(1, 1, 16, 16) * 3;

        var shown = ImageQuantizer.Quantize(raw);

        File.WriteAllBytes(At("shown.png"), ImageGrid.SinglePng(raw, 0));
        Assert.True(allclose(ImageFolder.Read(_folder, channels: 1), shown, rtol: 0, atol: 1e-6));
        Assert.True(ImageQuantizer.Quantize(shown).equal(shown).all().item<bool>());
        // NaN stays NaN: otherwise a broken image would pass for a grey one.
        Assert.True(ImageQuantizer.Quantize(tensor([float.NaN])).isnan().item<bool>());
        Assert.Equal([1f, -1f], ImageQuantizer.Quantize(tensor([float.PositiveInfinity, -7f])).data<float>().ToArray());
    }

    [Fact]
    public void Numpy_EveryType_ReadsWhatWasWritten()
    {
        using var scope = NewDisposeScope();
        foreach (var array in new[] { randn(2, 3, 4), randn([5], float64), arange(6, int64)
            .view(2, 3), tensor(3.5f), zeros(0, 2), arange(4, uint8) })
        {
            NumpyFile.Write(At("array.npy"), array);
            var read = NumpyFile.Read(At("array.npy"));
            Assert.Equal(array.dtype, read.dtype);
            Assert.Equal(Small.Bytes(array), Small.Bytes(read));
            Assert.Equal(array.shape, read.shape);
            // NumPy aligns the data.
            Assert.Equal(0, (File.ReadAllBytes(At("array.npy")).Length - array.numel() * array.element_size()) % 64);
        }
    }

    [Theory]
    [InlineData("{'descr': '|f4', 'fortran_order': False, 'shape': (2,), }", 8, "elements of type")]
    [InlineData("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", 8, "elements of type")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 8, "needs 12 bytes")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 9999999999), }", 8, "impossible shape")]
    [InlineData("__import__('os').system('true')", 8, "header is not the usual one")]
    public void Numpy_BadHeader_IsOneClearError(string header, int bytes, string expected)
    {
        var text = Encoding.ASCII.GetBytes(header + "\n");
        File.WriteAllBytes(At("bad.npy"), [0x93, .. "NUMPY"u8, 1, 0, (byte)text.Length, 0, .. text, .. new byte[bytes]]);

        var failed = Assert.Throws<ImageFileException>(() => NumpyFile.Read(At("bad.npy")));

        Assert.Contains(expected, failed.Message, StringComparison.Ordinal);
    }

    // numpy.save of numpy.asfortranarray([[0, 1, 2], [3, 4, 5]]) in both orders of bytes: the values go down the columns.
    [Theory]
    [InlineData("<i2", new byte[] { 0, 0, 3, 0, 1, 0, 4, 0, 2, 0, 5, 0 })]
    [InlineData(">i2", new byte[] { 0, 0, 0, 3, 0, 1, 0, 4, 0, 2, 0, 5 })]
    public void Numpy_ColumnMajorOrHighByteFirst_ReadsTheSameArray(string type, byte[] stored)
    {
        using var scope = NewDisposeScope();
        var text = Encoding.ASCII.GetBytes($"{{'descr': '{type}', 'fortran_order': True, 'shape': (2, 3), }}\n");
        File.WriteAllBytes(At("columns.npy"), [0x93, .. "NUMPY"u8, 1, 0, (byte)text.Length, 0, .. text, .. stored]);

        var array = NumpyFile.Read(At("columns.npy"));

        Assert.Equal([2, 3], array.shape);
        Assert.Equal([0, 1, 2, 3, 4, 5], array.data<short>().ToArray());
    }

    [Fact]
    public void Numpy_NoArrayOrMissing_SaysSo()
    {
        File.WriteAllText(At("text.npy"), "not an array, but long enough");

        Assert.Contains(
            "is not a NumPy array",
            Assert.Throws<ImageFileException>(() => NumpyFile.Read(At("text.npy"))).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "cannot be read",
            Assert.Throws<ImageFileException>(() => NumpyFile.Read(At("none.npy"))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void PictureFolder_Missing_SaysWhatToName() => Assert.EndsWith(
        "nowhere: there is no such folder; name one that holds PNG, JPEG and WebP files",
        Assert.Throws<ImageFileException>(() => PictureFolder.List(At("nowhere"))).Message,
        StringComparison.Ordinal);

    [Fact]
    public void ImageFolder_GreyImages_AreOneChannelInOrder()
    {
        using var scope = NewDisposeScope();
        WriteImage("b.png", 8, 8, new SKColor(255, 255, 255));
        WriteImage("a.png", 8, 8, SKColors.Black);

        var images = ImageFolder.ReadBytes(PictureFolder.List(_folder).Files);

        Assert.Equal([2, 1, 8, 8], images.shape);
        Assert.Equal((0, 255), (images[0].max().item<byte>(), images[1].min().item<byte>()));
        var grey = ImageFolder.Read(_folder, channels: 1);
        Assert.Equal([2, 1, 8, 8], grey.shape);
        Assert.Equal((-1.0, 1.0), (grey[0].mean().item<float>(), Math.Round(grey[1].mean().item<float>(), 6)));
        Assert.Equal([2, 3, 8, 8], ImageFolder.Read(_folder, channels: 3).shape);
    }

    [Fact]
    public void Grid_FlaggedImages_HaveRedFramesAndPixelsAreScaled()
    {
        using var scope = NewDisposeScope();
        var images = cat([-ones(1, 1, 4, 4), ones(1, 1, 4, 4)]);

        using var picture =
            SKBitmap.Decode(ImageGrid.Png([new GridPanel("title", images, [false, true])], columns: 2, scale: 10));

        var pixels = picture.Pixels;
        Assert.Contains(pixels, pixel => pixel is { Red: > 180, Green: < 60, Blue: < 60 });
        Assert.True(pixels.Count(pixel => pixel == SKColors.Black) >= 40 * 40 - 200);
        using var unflagged = SKBitmap.Decode(ImageGrid.Png([new GridPanel("title", images, [])], columns: 2, scale: 10));
        Assert.DoesNotContain(unflagged.Pixels, pixel => pixel is { Red: > 180, Green: < 60, Blue: < 60 });
    }

    [Fact]
    public void Grid_Title_IsDrawnWithTheEmbeddedFont()
    {
        using var scope = NewDisposeScope();
        using var with = SKBitmap.Decode(ImageGrid.Png([new GridPanel("θ before ‖x‖²", ones(1, 1, 4, 4), [])], 1, 40));
        using var without = SKBitmap.Decode(ImageGrid.Png([new GridPanel("", ones(1, 1, 4, 4), [])], 1, 40));

        Assert.True(with.Pixels.Zip(without.Pixels).Count(pair => pair.First != pair.Second) > 50);
    }

    [Fact]
    public void Plot_Curves_AreDrawn()
    {
        var chart = new Chart("title", [new Curve("a", [new(0, 1), new(10, 5), new(20, double.NaN), new(30, 2)])], Mark: 10);

        using var picture = SKBitmap.Decode(CurvePlot.Png([chart, chart, chart]));

        Assert.Equal((1280, 720), (picture.Width, picture.Height));
        Assert.True(picture.Pixels.Distinct().Count() > 20);
    }

    // Training that has one candidate: around its step alone the axis would have ten labels "1,000".
    [Fact]
    public void Plot_SinglePoint_StandsAtTheEndOfTraining()
    {
        var chart = new Chart("title", [new Curve("a", [new(1000, 1)])], Mark: null);

        using var picture = SKBitmap.Decode(CurvePlot.Png([chart, chart]));

        // The rows searched are below the legend.
        var marked = Enumerable.Range(0, 640)
            .Where(x => Enumerable.Range(100, 200).Any(y => picture.GetPixel(x, y) is { Red: < 60, Blue: > 150 }));
        Assert.InRange(Assert.Single(marked.Chunk(20)).Average(), 540, 640);
    }

    private void WriteImage(string name, int width, int height, SKColor colour)
    {
        using var bitmap = new SKBitmap(width, height);
        bitmap.Erase(colour);
        using var data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        File.WriteAllBytes(At(name), data.ToArray());
    }

    private string At(string name) => Path.Combine(_folder, name);
}
