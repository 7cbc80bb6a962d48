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

    [Fact]
    public void ReadWithout_AListOfLabels_LeavesOutTheClassesAndWhatHasNoLine()
    {
        foreach (var (name, level) in new[] { ("a.png", 10), ("b.png", 20), ("c.png", 30), ("d.png", 40), ("e.png", 50) })
            Picture(name, Grey(level));
        File.WriteAllText(
            Path.Combine(_folder, "labels.csv"), "file,hat,beard\nd.png,0,0\na.png,1,0\nb.png,0,1\nc.png,0,0\n");

        Assert.Equal([40, 20, 30], LevelsWithout("hat"));
        Assert.Equal([40, 30], LevelsWithout("beard", "hat"));
    }

    [Fact]
    public void ReadWithout_ClassFolders_LeavesOutTheClasses()
    {
        Picture("cat/a.png", Grey(10));
        Picture("dog/b.png", Grey(20));
        Picture("dog/young/c.png", Grey(30));
        Picture("emu/d.png", Grey(40));

        Assert.Equal([10, 40], LevelsWithout("dog"));
        Assert.Equal([40], LevelsWithout("dog", "cat"));
    }

    // All of the folder says how many channels there are, and not what is left of it.
    [Fact]
    public void ReadWithout_AllColouredOnes_StillHasThreeChannels()
    {
        Picture("cat/a.png", Grey(10));
        Picture("dog/b.png", new SKColor(1, 2, 3));

        using var images = TrainingImages.ReadWithout(_folder, ["dog"]);

        Assert.Equal([1, 3, 16, 16], images.shape);
    }

    [Fact]
    public void ReadWithout_NoLabels_SaysWhichKindsThereAre()
    {
        Picture("a.png", Grey(10));

        Assert.Equal(
            $"{_folder} has no labels: neither a label file of digits, nor a labels.csv or CelebA's list_attr_celeba.txt, nor a "
                + "sub-folder for each class",
            WhyNotWithout("8"));
    }

    [Fact]
    public void ReadWithout_LabelOfAnotherName_ListsTheLabels()
    {
        Picture("cat/a.png", Grey(10));
        Picture("dog/b.png", Grey(20));

        Assert.Equal(
            $"{_folder} has no label 'Dog', so the images of that class cannot be told from the others; its labels are: cat, dog",
            WhyNotWithout("cat", "Dog"));
    }

    [Fact]
    public void ReadWithout_EveryImageOfTheClasses_SaysThatNoneIsLeft()
    {
        Picture("a.png", Grey(10));
        File.WriteAllText(Path.Combine(_folder, "labels.csv"), "file,hat\na.png,1\n");

        Assert.Equal(
            $"no real image is left: by {Path.Combine(_folder, "labels.csv")}, every one is labelled hat", WhyNotWithout("hat"));
    }

    [Fact]
    public void ReadWithout_AnImageOutsideOfTheClassFolders_IsRefused()
    {
        Picture("cat/a.png", Grey(10));
        Picture("b.png", Grey(20));

        Assert.Contains("b.png lies in none of the classes' sub-folders", WhyNotWithout("cat"), StringComparison.Ordinal);
    }

    private byte[] LevelsWithout(params string[] classes)
    {
        using var images = TrainingImages.ReadWithout(_folder, classes);
        return images[.., 0, 5, 7].contiguous().data<byte>().ToArray();
    }

    private string WhyNotWithout(params string[] classes) =>
        Assert.Throws<InvalidDataException>(() => TrainingImages.ReadWithout(_folder, classes)).Message;

    private static SKColor Grey(int level) => new((byte)level, (byte)level, (byte)level);

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
