using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Pretraining;
using SkiaSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Pretraining;

/// <summary>Checks the images that a generator is trained on: any folder of square images of one size.</summary>
public sealed class TrainingImagesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-training-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Read_ColouredFolder_IsTheFilesBytes()
    {
        Picture("a.png", new SKColor(10, 20, 255));
        Picture("sub/b.png", new SKColor(0, 128, 77));

        using var images = TrainingImages.Read(_folder);

        Assert.Equal([2, 3, 16, 16], images.shape);
        Assert.Equal(uint8, images.dtype);
        Assert.Equal<byte>([10, 20, 255], images[0, .., 5, 7].data<byte>().ToArray());
        Assert.Equal<byte>([0, 128, 77], images[1, .., 0, 0].data<byte>().ToArray());
    }

    [Fact]
    public void Read_FolderOfGreyImages_HasOneChannel()
    {
        LabelledPictures.Write(_folder, count: 12);

        using var images = TrainingImages.Read(_folder);

        Assert.Equal([12, 1, 16, 16], images.shape);
    }

    [Fact]
    public void Read_OneColouredImageAmongGreyOnes_HasThreeChannels()
    {
        Picture("a.png", new SKColor(9, 9, 9));
        Picture("b.png", new SKColor(9, 9, 10));

        using var images = TrainingImages.Read(_folder);

        Assert.Equal([2, 3, 16, 16], images.shape);
    }

    [Fact]
    public void Read_ImagesThatAreNotSquare_SaysTheirSize()
    {
        LabelledPictures.Write(_folder, count: 2, height: 20);

        var refused = Assert.Throws<InvalidDataException>(() => TrainingImages.Read(_folder));

        Assert.Contains("16×20 pixels; generators are trained on square ones", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_EmptyFolder_SaysThatThereAreNone() =>
        Assert.Contains(
            "holds no images",
            Assert.Throws<ImageFileException>(() => TrainingImages.Read(_folder)).Message,
            StringComparison.Ordinal);

    private void Picture(string name, SKColor colour)
    {
        var path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using var picture = new SKBitmap(16, 16);
        picture.Erase(colour);
        using var file = File.Create(path);
        picture.Encode(file, SKEncodedImageFormat.Png, quality: 100);
    }
}
