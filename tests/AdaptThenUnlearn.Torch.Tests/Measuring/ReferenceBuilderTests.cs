using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using SkiaSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Measuring;

/// <summary>Which class or combination each real image is counted under, what is left out, and what is refused.</summary>
public sealed class ReferenceBuilderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-reference-").FullName;
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void FromClassFolders_TwoClasses_LabelsEachImageWithItsFolder()
    {
        WriteGrey("dark/a.png", 10);
        WriteGrey("dark/b.png", 20);
        WriteGrey("light/c.png", 200);

        var images = Builder().FromClassFolders(ClassFolders.Read(_folder), needsClasses: true);

        Assert.Equal(["dark", "light"], images.Classes);
        Assert.Equal([2, 1], images.Counts);
        Assert.Equal([0, 0, 1], images.Labels.data<long>().ToArray());
        Assert.Equal([10, 20, 200], Levels(images.Features));
        Assert.Equal("3 images in 2 classes: dark (2), light (1)", images.Description);
        Assert.Equal(double.NaN, images.Floor);
    }

    [Fact]
    public void FromClassFolders_NoSubFolders_AreReadOnlyWhereNoClassIsNeeded()
    {
        WriteGrey("a.png", 10);
        var folders = ClassFolders.Read(_folder);

        Assert.Equal("1 images", Builder().FromClassFolders(folders, needsClasses: false).Description);
        var refused = Assert.Throws<UnsuitableImagesException>(() => Builder().FromClassFolders(folders, needsClasses: true));
        Assert.Contains("has no sub-folders", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FromLabelledFolder_AllLabels_CountsEachCombination()
    {
        WriteLabelled();

        var images = Builder().FromLabelledFolder(LabelledFolder.Read(_folder), separateLabels: null);

        Assert.Equal(["none", "hat", "hat,scarf"], images.Classes);
        Assert.Equal([[], ["hat"], ["hat", "scarf"]], images.Combinations!);
        Assert.Equal([1, 2, 1], images.Counts);
        Assert.Equal([1, 0, 2, 1], images.Labels.data<long>().ToArray());
        Assert.Equal(["hat", "scarf"], images.ExcludableNames);
    }

    [Fact]
    public void FromLabelledFolder_OneLabel_CombinesTheOthers()
    {
        WriteLabelled();

        var images = Builder().FromLabelledFolder(LabelledFolder.Read(_folder), ["scarf"]);

        Assert.Equal(["none", "scarf"], images.Classes);
        Assert.Equal([3, 1], images.Counts);
    }

    [Fact]
    public void FromLabelledFolder_UnknownLabel_IsRefusedWithTheKnownOnes()
    {
        WriteLabelled();

        var refused =
            Assert.Throws<UnsuitableImagesException>(() => Builder().FromLabelledFolder(LabelledFolder.Read(_folder), ["glove"]));

        Assert.Equal("labels.csv has no label 'glove'; it has: hat, scarf", refused.Message);
    }

    [Fact]
    public void ToMoments_ExcludedLabel_LeavesOutEveryCombinationWithIt()
    {
        WriteLabelled();
        var images = Builder().FromLabelledFolder(LabelledFolder.Read(_folder), separateLabels: null);

        using var withoutScarf = images.ToMoments(["scarf"], Extractor);

        Assert.Equal(3, withoutScarf.Count);
        Assert.Equal(Extractor.Sha256AsUsed, withoutScarf.ExtractorSha256);

        // The levels are 40, 80 and 160, by hand.
        Assert.Equal((40 + 80 + 160) / 3.0, withoutScarf.Mean.item<double>(), tolerance: 1e-4);
        var tooFew = Assert.Throws<InvalidDataException>(() => images.ToMoments(["hat"], Extractor));
        Assert.Equal("1 images do not determine a covariance of 1 features; more than 1 are needed", tooFew.Message);
    }

    [Fact]
    public void FromLabelledImages_SoftmaxClassifier_CountsWhatItSaysOfTestImages()
    {
        using var classifier = Small.Classifier();
        var extractor = new LoadedExtractor(classifier, "classifier Fréchet distance", "00", Owned: null);
        string[] classes = ["plain", "banned"];
        manual_seed(1);
        var train = new LabelledTensors("train", classes, Noise(200), zeros(200, int64));
        var testImages = Noise(150);
        var found = FeaturePass.Run(classifier, testImages).Logits.argmax(1);
        var truth = arange(150) % 2;

        var images = new ReferenceBuilder(extractor, (_, _, _) => { }, CancellationToken.None)
            .FromLabelledImages(train, () => new LabelledTensors("test", classes, testImages.clone(), truth.clone()));

        // The row is the true class, the column what the classifier found.
        foreach (var (row, column) in new[] { (0, 0), (0, 1), (1, 0), (1, 1) })
            Assert.Equal(((truth == row) & (found == column)).sum().item<long>(), images.Confusion[row, column].item<long>());
        Assert.True(images.Floor > 0);

        // What is kept for a threshold counts the same where there is none.
        var banned = images.Test!.Tested.Single(each => each.Class == "banned");
        Assert.Equal(images.Confusion[1, 0].item<long>(), banned.Error.Missed);
        Assert.Equal(images.Confusion[0, 1].item<long>(), banned.Error.FalseAlarms);
        Assert.Equal((75, 75), (banned.Scores.With.Count, banned.Scores.Without.Count));
    }

    [Fact]
    public void FromLabelledImages_SigmoidClassifier_CountsItsErrorsOnTestImages()
    {
        using var classifier = Small.LabelClassifier();
        var extractor = new LoadedExtractor(classifier, "classifier Fréchet distance", "00", Owned: null);
        string[] classes = ["hat", "none"];
        manual_seed(1);
        var testImages = Noise(50);
        var found = classifier.ProbabilitiesOf(FeaturePass.Run(classifier, testImages).Logits).select(1, 1);
        var hats = (arange(50) % 2).eq(0);

        var images = new ReferenceBuilder(extractor, (_, _, _) => { }, CancellationToken.None).FromLabelledImages(
            new LabelledTensors("train", classes, Noise(20), zeros(20, int64)),
            () => new LabelledTensors("test", classes, testImages.clone(), arange(50) % 2));

        var hat = Assert.Single(images.Test!.Tested);   // the classifier has no class 'none'
        Assert.Equal(("hat", ClassifierOutputs.Sigmoid), (hat.Class, images.Test.Outputs));
        foreach (var threshold in new[] { 0.3, 0.5, 0.7 })
        {
            var shown = found.ge(threshold);
            Assert.Equal(
                ((hats & ~shown).sum().item<long>(), (~hats & shown).sum().item<long>()),
                (hat.Scores.Count(threshold, "").Missed, hat.Scores.Count(threshold, "").FalseAlarms));
        }
    }

    [Fact]
    public void TestOn_FoldersOfLabelledImages_TestTheClassesThatTheExtractorHas()
    {
        LabelledPictures.Write(_folder, count: 12);
        foreach (var name in new[] { "bright/a.png", "dark/b.png", "dark/c.png" })
            WriteGrey(Path.Combine("folders", name), 10, size: 16);
        using var classifier = ClassifierArchitectures.Build(
            StridedConvNet.Name, Small.Shape, ["hat", "bright", "striped"], ClassifierOutputs.Sigmoid);
        classifier.eval();
        var builder =
            new ReferenceBuilder(new LoadedExtractor(classifier, "", "", Owned: null), (_, _, _) => { }, CancellationToken.None);

        var labels = builder.TestOn(LabelledFolder.Read(_folder));
        var folders = builder.TestOn(ClassFolders.Read(Path.Combine(_folder, "folders")));

        Assert.Equal(
            [("bright", 6, 6), ("striped", 4, 8)],
            labels.Tested.Select(each => (each.Class, each.Scores.With.Count, each.Scores.Without.Count)));
        Assert.Equal(
            [("bright", 1, 2)], folders.Tested.Select(each => (each.Class, each.Scores.With.Count, each.Scores.Without.Count)));
        Assert.Equal(["hat", "bright", "striped"], folders.Classes);
    }

    [Fact]
    public void TestOn_NoClassifierOrNoClassInCommon_IsRefused()
    {
        WriteLabelled();
        using var classifier = Small.Classifier();
        var other =
            new ReferenceBuilder(new LoadedExtractor(classifier, "", "", Owned: null), (_, _, _) => { }, CancellationToken.None);

        var none = Assert.Throws<UnsuitableImagesException>(() => Builder().TestOn(LabelledFolder.Read(_folder)));
        var unknown = Assert.Throws<UnsuitableImagesException>(() => other.TestOn(LabelledFolder.Read(_folder)));

        Assert.Contains("labels.csv cannot test the extractor: it is no classifier", none.Message, StringComparison.Ordinal);
        Assert.Contains(
            "it has labels of hat, scarf, and the extractor's classes are plain, banned; give the labels", unknown.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void FromLabelledImages_OtherExtractor_LoadsNoTestImages()
    {
        var train = new LabelledTensors("train", ["all"], full([3, 1, 2, 2], 50, uint8), zeros(3, int64));

        var images = Builder().FromLabelledImages(train, () => throw new InvalidOperationException("test images were loaded"));

        Assert.Equal([50, 50, 50], Levels(images.Features));
        Assert.Equal(0, images.Confusion.sum().item<long>());
    }

    [Fact]
    public void FromClassFolders_OtherImageSize_IsRefusedBeforeAnyIsDecoded()
    {
        WriteGrey("dark/a.png", 10);
        using var classifier = Small.Classifier();
        var builder =
            new ReferenceBuilder(new LoadedExtractor(classifier, "", "", Owned: null), (_, _, _) => { }, CancellationToken.None);

        var refused = Assert.Throws<UnsuitableImagesException>(
            () => builder.FromClassFolders(ClassFolders.Read(_folder), needsClasses: true));

        Assert.Equal("the images are 2×2 pixels, the extractor takes 1×16×16", refused.Message);
    }

    private static LoadedExtractor Extractor { get; } =
        new(new MeanLevel(), "", "e", Owned: null) { Use = new ExtractorUse(Tokens: ExtractorUse.First) };

    private static ReferenceBuilder Builder() => new(Extractor, (_, _, _) => { }, CancellationToken.None);

    // hat: 40 and 160, none: 80, hat and scarf: 120.
    private void WriteLabelled()
    {
        foreach (var (name, level) in new[] { ("a.png", 40), ("b.png", 80), ("c.png", 120), ("d.png", 160) })
            WriteGrey(name, (byte)level);
        File.WriteAllLines(
            Path.Combine(_folder, "labels.csv"), ["file,hat,scarf", "a.png,1,0", "b.png,0,0", "c.png,1,1", "d.png,1,0"]);
    }

    private void WriteGrey(string name, byte level, int size = 2)
    {
        var path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using var picture = new SKBitmap(size, size);
        picture.Erase(new SKColor(level, level, level));
        using var file = File.Create(path);
        picture.Encode(file, SKEncodedImageFormat.Png, quality: 100);
    }

    private static Tensor Noise(int count) => randn(count, 1, 16, 16).clamp(-1, 1);

    private static double[] Levels(Tensor features) =>
        [.. features.to(float64).flatten().data<double>().ToArray().Select(level => Math.Round(level, 3))];

    /// <summary>One feature: the mean grey level, 0 to 255.</summary>
    private sealed class MeanLevel : IFeatureExtractor
    {
        public int FeatureSize => 1;

        public ImageShape? InputShape => null;

        public Device Device => CPU;

        public Tensor Features(Tensor images) => ((images.mean([1, 2, 3]) + 1) * 127.5).unsqueeze(1);
    }
}
