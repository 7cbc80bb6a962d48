using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Pretraining;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Pretraining;

/// <summary>Checks that images with several labels are read strictly, and that a classifier learns them.</summary>
public sealed class LabelledImagesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-labels-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Run_IndependentLabels_LearnsEach()
    {
        using var scope = NewDisposeScope();
        LabelledPictures.Write(_folder, count: 200);
        var folder = LabelledFolder.Read(_folder);
        var (train, test) = LabelledImages.From(folder);
        using var trainOwned = train;
        using var testOwned = test;
        Assert.Equal([180, 1, 16, 16], train.Images.shape);
        Assert.Equal([180, 2], train.Labels.shape);
        Assert.Equal([20, 2], test.Labels.shape);
        Assert.Equal(folder.LabelFlags[9], test.Labels[0].data<float>().ToArray().Select(value => value == 1));

        var epochs = new Epochs();
        using var classifier = ClassifierTraining
            .Run(new ClassifierSettings(StridedConvNet.Name, 20, 32, 0.005, 1), train, test, CPU, epochs, CancellationToken.None);

        Assert.Equal((ClassifierOutputs.Sigmoid, 20), (classifier.Outputs, epochs.Reported.Count));
        Assert.Equal(["bright", "striped"], classifier.Classes);
        Assert.True(epochs.Reported[^1].TestAccuracy > 0.9, $"accuracy {epochs.Reported[^1].TestAccuracy}");
        using var _ = no_grad();
        var holds = classifier.DetectClasses(classifier.Logits(classifier.Features(ImageQuantizer.FromBytes(test.Images))))
            .sum([1]);
        Assert.Contains(0, holds.data<long>().ToArray());
        Assert.Contains(2, holds.data<long>().ToArray());
    }

    [Theory]
    [InlineData("name,a\nx.png,1", "labels.csv(1): the first line must name the columns")]
    [InlineData("file,a,a\nx.png,1,1", "labels.csv(1): the first line must name the columns")]
    [InlineData("", "labels.csv(1): the first line must name the columns")]
    [InlineData("file,a\n", "labels.csv(1): names no images")]
    [InlineData(
        "file,a,b\nx.png,1,0\n\nx.png,1,2",
        "labels.csv(4): must be a file and 2 times 0 or 1, separated by commas, but is 'x.png,1,2' (true and false, or -1 "
            + "and 1, are read too)")]
    [InlineData("file,a,b\nx.png,1", "labels.csv(2): must be a file and 2 times 0 or 1")]
    [InlineData("file,a\ny.png,1", "labels.csv(2): there is no file 'y.png' in the folder")]
    [InlineData(
        "file,a,b\nx.png,1,0\nx.png,0,0",
        "labels.csv(3): names 'x.png' again, with other labels; line 2 names it first: each image has one line")]
    [InlineData(
        "file,a,b\nx.png,1,0\n.\\x.png,1,0",
        "labels.csv(3): names '.\\x.png' again, with the same labels; line 2 names it first")]
    [InlineData(
        "file,a,b\nx.png,-1,1\nz.png,0,1",
        "labels.csv(3): holds 0 where line 2 holds -1, and one of them may mean that the label is unknown")]
    [InlineData("file,a,b\nx.png,0.7,1", "labels.csv(2): must be a file and 2 times 0 or 1")]
    [InlineData("file,a,b\nx.png,,1", "labels.csv(2): must be a file and 2 times 0 or 1")]
    [InlineData(
        "file;a;b\nx.png;1;2", "labels.csv(2): must be a file and 2 times 0 or 1, separated by semicolons, but is 'x.png;1;2'")]
    [InlineData("file,a,b\n\"x.png,1,0", "labels.csv(2): the quotes do not end where the cell does")]
    [InlineData(",file,a\n0,x.png,1", "labels.csv(1): the first line must name the columns")]
    [InlineData("file,\"a,b\"\nx.png,1", "labels.csv(1): the label 'a,b' holds a comma")]
    public void Read_OtherForm_NamesTheLine(string text, string expected)
    {
        File.WriteAllText(Path.Combine(_folder, "labels.csv"), text);
        File.WriteAllText(Path.Combine(_folder, "x.png"), "");
        File.WriteAllText(Path.Combine(_folder, "z.png"), "");

        Assert.Contains(
            expected, Assert.Throws<InvalidDataException>(() => LabelledFolder.Read(_folder)).Message, StringComparison.Ordinal);
    }

    // As spreadsheets, pandas and Windows write it; each says that x carries b alone, and z both.
    [Theory]
    [InlineData("file,a,b\r\nx.png,0,1\r\nsub/z.png,1,1\r\n")]
    [InlineData("\uFEFFfile,a,b\nx.png,0,1\nsub/z.png,1,1")]
    [InlineData("file;a;b\nx.png;0;1\nsub/z.png;1;1")]
    [InlineData("file\ta\tb\nx.png\t0\t1\nsub/z.png\t1\t1")]
    [InlineData("file,a,b,\nx.png,0,1,\nsub/z.png,1,1,")]
    [InlineData("file,a,b\nx.png,0,1,\nsub/z.png,1,1")]
    [InlineData("\"file\",\"a\",\"b\"\n\"x.png\",\"0\",\"1\"\n\"sub/z.png\",1,1")]
    [InlineData("image_id,a,b\nx.png,-1,1\nsub/z.png,1,1")]
    [InlineData("filename, a, b\nx.png, False, True\nsub/z.png, TRUE, true")]
    [InlineData("file,a,b\n.\\x.png,0.0,1.0\n.\\sub\\z.png,1.0,1.0")]
    public void Read_FormsThatProgramsWrite_MeansTheSame(string text)
    {
        Directory.CreateDirectory(Path.Combine(_folder, "sub"));
        File.WriteAllText(Path.Combine(_folder, "labels.csv"), text);
        foreach (var name in new[] { "x.png", "sub/z.png", "without-line.png" })
            File.WriteAllText(Path.Combine(_folder, name), "");

        var folder = LabelledFolder.Read(_folder);

        Assert.Equal(["a", "b"], folder.Labels);
        Assert.Equal(["x.png", "sub/z.png"], folder.Files.Select(file => Path.GetRelativePath(_folder, file)));
        Assert.Equal([[false, true], [true, true]], folder.LabelFlags);
        Assert.Equal([1, 2], folder.Counts);
        Assert.Contains("passed over: 1 images without a line (without-line.png)", folder.Summary, StringComparison.Ordinal);
    }

    // Liu, Luo, Wang and Tang 2015: the number of images, the names, then the lines; the images lie in a folder of their own.
    [Fact]
    public void Read_CelebAsList_FindsLabelsAndImages()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "img_align_celeba"));
        foreach (var name in new[] { "000001.jpg", "000002.jpg" })
            File.WriteAllText(Path.Combine(_folder, "img_align_celeba", name), "");
        File.WriteAllText(
            Path.Combine(_folder, "list_attr_celeba.txt"), "2\nEyeglasses Wearing_Hat \n000001.jpg -1  1\n000002.jpg  1 -1\n");

        var folder = LabelledFolder.Read(_folder);

        Assert.Equal(["Eyeglasses", "Wearing_Hat"], folder.Labels);
        Assert.Equal([[false, true], [true, false]], folder.LabelFlags);
        File.WriteAllText(
            Path.Combine(_folder, "list_attr_celeba.txt"), "3\nEyeglasses Wearing_Hat \n000001.jpg -1  1\n000002.jpg  1 -1\n");
        Assert.Contains(
            "says that there are 3 images, and 2 lines follow",
            Assert.Throws<InvalidDataException>(() => LabelledFolder.Read(_folder)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void From_ClassFolders_EachImageHasItsClass()
    {
        using var scope = NewDisposeScope();
        LabelledPictures.Write(Path.Combine(_folder, "cat"), count: 20);
        LabelledPictures.Write(Path.Combine(_folder, "dog"), count: 10);
        Directory.CreateDirectory(Path.Combine(_folder, "__MACOSX"));

        var (train, test) = LabelledImages.From(ClassFolders.Read(_folder));
        using var trainOwned = train;
        using var testOwned = test;

        Assert.Equal((ClassifierOutputs.Softmax, "cat,dog"), (train.Outputs, string.Join(',', train.Classes)));
        Assert.Equal([27, 1, 16, 16], train.Images.shape);
        Assert.Equal([18, 9], train.Labels.bincount(null, 2).data<long>().ToArray());
        Assert.Equal([2, 1], test.Labels.bincount(null, 2).data<long>().ToArray());
    }

    [Fact]
    public void From_ClassFoldersThatTellNothingApart_SaysWhy()
    {
        LabelledPictures.Write(Path.Combine(_folder, "cat"), count: 20);
        Assert.Contains("has only one class, cat", Refused(), StringComparison.Ordinal);

        LabelledPictures.Write(Path.Combine(_folder, "dog"), count: 9);
        Assert.Contains(
            "the class 'dog' has 9 images; every 10th is kept for the test, so at least 10 are needed",
            Refused(),
            StringComparison.Ordinal);

        Directory.CreateDirectory(Path.Combine(_folder, "owl"));
        Assert.Contains("the sub-folder 'owl'", Refused(), StringComparison.Ordinal);

        File.Copy(Path.Combine(_folder, "cat", "0.png"), Path.Combine(_folder, "stray.png"));
        Assert.Contains("stray.png lies in none of the classes' sub-folders: cat, dog, owl", Refused(), StringComparison.Ordinal);

        string Refused() => Assert.Throws<InvalidDataException>(() => LabelledImages.From(ClassFolders.Read(_folder))).Message;
    }

    [Theory]
    [InlineData(true, "train", "val")]
    [InlineData(true, "Training", "test")]
    [InlineData(false, "train", "bus")]
    public void ClassFolders_NamedAsPartsOfADataSet_AreDoubted(bool doubted, params string[] names)
    {
        foreach (var name in names)
            LabelledPictures.Write(Path.Combine(_folder, name), count: 1);

        var folders = ClassFolders.Read(_folder);

        Assert.Equal(doubted, folders.Warning?.Contains("look like the parts of a data set", StringComparison.Ordinal) ?? false);
        Assert.Contains($"{names[0]} (1)", folders.Summary, StringComparison.Ordinal);
    }

    [Fact]
    public void From_WhatCannotBeLearnt_SaysWhy()
    {
        LabelledPictures.Write(_folder, count: 9);
        Assert.Contains("names 9 images; every 10th is kept for the test", Refused(), StringComparison.Ordinal);

        LabelledPictures.Write(_folder, count: 12);
        var labels = Path.Combine(_folder, "labels.csv");
        File.WriteAllLines(labels, File.ReadAllLines(labels).Select((line, number) => number == 0 ? line : line[..^1] + "0"));
        Assert.Contains("the label 'striped' is 0 for every training image", Refused(), StringComparison.Ordinal);

        LabelledPictures.Write(_folder, count: 12, height: 8);
        Assert.Contains("is 16×8 pixels; classifiers take square images", Refused(), StringComparison.Ordinal);

        string Refused() => Assert.Throws<InvalidDataException>(() => LabelledImages.From(LabelledFolder.Read(_folder))).Message;
    }

    private sealed class Epochs : IProgress<ClassifierEpoch>
    {
        public List<ClassifierEpoch> Reported { get; } = [];

        public void Report(ClassifierEpoch value) => Reported.Add(value);
    }
}
