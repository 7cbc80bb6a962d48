using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Pretraining;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Pretraining;

/// <summary>Images with several labels each: read strictly, and learnt.</summary>
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
        var (train, test) = LabelledImages.Of(folder);
        using var trainOwned = train;
        using var testOwned = test;
        Assert.Equal([180, 1, 16, 16], train.Images.shape);
        Assert.Equal([180, 2], train.Labels.shape);
        Assert.Equal([20, 2], test.Labels.shape);
        Assert.Equal(folder.Carried[9], test.Labels[0].data<float>().ToArray().Select(value => value == 1));

        var epochs = new Epochs();
        using var classifier = ClassifierTraining.Run(new ClassifierSettings(StridedConvNet.Name, 20, 32, 0.005, 1), train, test, CPU, epochs, CancellationToken.None);

        Assert.Equal((ClassifierOutputs.Sigmoid, 20), (classifier.Outputs, epochs.Told.Count));
        Assert.Equal(["bright", "striped"], classifier.Classes);
        Assert.True(epochs.Told[^1].TestAccuracy > 0.9, $"accuracy {epochs.Told[^1].TestAccuracy}");
        using var _ = no_grad();
        var holds = classifier.Holds(classifier.Logits(classifier.Features(EightBit.Values(test.Images)))).sum([1]);
        Assert.Contains(0, holds.data<long>().ToArray());
        Assert.Contains(2, holds.data<long>().ToArray());
    }

    [Theory]
    [InlineData("name,a\nx.png,1", "labels.csv(1): the first line must name the columns")]
    [InlineData("file,a,a\nx.png,1,1", "labels.csv(1): the first line must name the columns")]
    [InlineData("", "labels.csv(1): the first line must name the columns")]
    [InlineData("file,a\n", "labels.csv(1): names no images")]
    [InlineData("file,a,b\nx.png,1,0\n\nx.png,1,2", "labels.csv(4): must be a file and 2 times 0 or 1, separated by commas, but is 'x.png,1,2'")]
    [InlineData("file,a,b\nx.png,1", "labels.csv(2): must be a file and 2 times 0 or 1")]
    [InlineData("file,a\ny.png,1", "labels.csv(2): there is no file 'y.png' in the folder")]
    public void Read_OtherForm_NamesTheLine(string text, string expected)
    {
        File.WriteAllText(Path.Combine(_folder, "labels.csv"), text);
        File.WriteAllText(Path.Combine(_folder, "x.png"), "");

        Assert.Contains(expected, Assert.Throws<InvalidDataException>(() => LabelledFolder.Read(_folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_WhatCannotBeLearnt_SaysWhy()
    {
        LabelledPictures.Write(_folder, count: 9);
        Assert.Contains("names 9 images; every 10th is kept for the test", Refused(), StringComparison.Ordinal);

        LabelledPictures.Write(_folder, count: 12);
        var labels = Path.Combine(_folder, "labels.csv");
        File.WriteAllLines(labels, File.ReadAllLines(labels).Select((line, number) => number == 0 ? line : line[..^1] + "0"));
        Assert.Contains("the label 'striped' is 0 for every training image", Refused(), StringComparison.Ordinal);

        LabelledPictures.Write(_folder, count: 12, height: 8);
        Assert.Contains("is 16×8 pixels; classifiers take square images", Refused(), StringComparison.Ordinal);

        string Refused() => Assert.Throws<InvalidDataException>(() => LabelledImages.Of(LabelledFolder.Read(_folder))).Message;
    }

    private sealed class Epochs : IProgress<ClassifierEpoch>
    {
        public List<ClassifierEpoch> Told { get; } = [];

        public void Report(ClassifierEpoch value) => Told.Add(value);
    }
}
