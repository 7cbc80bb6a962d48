using System.Globalization;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>Extracts the features of real images, with their labels, to make reference statistics from.</summary>
/// <param name="extractor">Stays the caller's.</param>
/// <param name="report">Called after each batch with what is read, the number of images seen so far, and the number of
/// all.</param>
/// <param name="cancel">Ends it between two batches.</param>
public sealed class ReferenceBuilder(LoadedExtractor extractor, Action<string, long, long> report, CancellationToken cancel)
{
    /// <summary>Most combinations of labels that are kept apart.</summary>
    public const int MaxLabelCombinations = 256;

    private const int BatchSize = 100;
    private const string TestProgress = "features of the test images";

    /// <summary>The features of a data set that is in memory.</summary>
    /// <remarks>Where the extractor is a classifier, its errors on the test images are counted. Of a softmax classifier the
    /// confusion matrix and the floor are measured too.</remarks>
    /// <param name="train">The images that the statistics are made from.</param>
    /// <param name="loadTest">Loads the test images; disposed here. Called only where they are needed.</param>
    /// <returns>Belongs to the caller's dispose scope.</returns>
    /// <exception cref="UnsuitableImagesException">The extractor does not take images of this shape.</exception>
    /// <exception cref="InvalidDataException">The features do not determine a Fréchet distance.</exception>
    public ReferenceFeatures FromLabelledImages(LabelledTensors train, Func<LabelledTensors> loadTest)
    {
        var (images, labels) = (train.Images, train.Labels);
        var features = Extract("features of the training images", FeaturePass.Batches(images), images.shape[0]);
        var count = train.Classes.Count;
        var untested = new ReferenceFeatures(
            train.Source, train.Classes, features, labels.clone(), zeros([count, count], int64), double.NaN);
        if (extractor.Extractor is not FeatureClassifier classifier)
            return untested;

        using var test = loadTest();
        var (testFeatures, testLogits) = FeaturePass.Run(classifier, test.Images);
        var tested = untested with { Test = TestOf(classifier, testLogits, ByClass(test.Classes, test.Labels)) };
        return classifier.Outputs is ClassifierOutputs.Softmax
            ? tested with
            {
                Confusion = (test.Labels * count + testLogits.argmax(1)).bincount(null, count * count).view(count, count),
                Floor = Floor(train, features, test, testFeatures),
            }
            : tested;
    }

    /// <summary>Tests the extractor on a data set that is in memory, each image of one class.</summary>
    /// <param name="test">Images that the extractor was not trained on; disposed here.</param>
    /// <exception cref="UnsuitableImagesException">
    /// The extractor is no classifier, has none of the classes, or does not take images of this shape.
    /// </exception>
    public ExtractorTest TestOn(LabelledTensors test)
    {
        using var disposed = test;
        using var scope = NewDisposeScope();
        var classifier = RequireClassifier(test.Source, test.Classes);
        var features = Extract(TestProgress, FeaturePass.Batches(test.Images), test.Images.shape[0]);
        return TestOf(classifier, Logits(classifier, features), ByClass(test.Classes, test.Labels))!;
    }

    /// <summary>Tests the extractor on a folder with a sub-folder for each class, each image of one class.</summary>
    /// <param name="folders">Images that the extractor was not trained on.</param>
    /// <exception cref="UnsuitableImagesException">
    /// An image has no class; or the extractor is no classifier, has none of the classes, or does not take images of this size.
    /// </exception>
    public ExtractorTest TestOn(ClassFolders folders)
    {
        if (folders.Problem is { } problem)
            throw new UnsuitableImagesException(problem);

        var classifier = RequireClassifier(folders.Pictures.Folder, folders.Classes);
        using var scope = NewDisposeScope();
        var features = ExtractFiles(TestProgress, folders.Pictures.Files);
        var labels = tensor(folders.Labels.Select(label => (long)label).ToArray());
        return TestOf(classifier, Logits(classifier, features), ByClass(folders.Classes, labels))!;
    }

    /// <summary>Tests the extractor on images that may each carry several labels.</summary>
    /// <param name="folder">Images that the extractor was not trained on.</param>
    /// <exception cref="UnsuitableImagesException">
    /// The extractor is no classifier, has none of the labels, or does not take images of this size.
    /// </exception>
    public ExtractorTest TestOn(LabelledFolder folder)
    {
        var classifier = RequireClassifier(folder.List, folder.Labels);
        using var scope = NewDisposeScope();
        var features = ExtractFiles(TestProgress, folder.Files);
        return TestOf(
            classifier, Logits(classifier, features),
            folder.Labels.Select((name, number) => (name, tensor(folder.LabelFlags.Select(flags => flags[number]).ToArray()))))!;
    }

    /// <summary>The features of a folder with a sub-folder for each class.</summary>
    /// <param name="folders">As read.</param>
    /// <param name="needsClasses">Whether every image needs a class; if not, images without one are read too.</param>
    /// <returns>Belongs to the caller's dispose scope.</returns>
    /// <exception cref="UnsuitableImagesException">Classes are needed and missing, or the extractor does not take images of this
    /// size.</exception>
    public ReferenceFeatures FromClassFolders(ClassFolders folders, bool needsClasses)
    {
        if (needsClasses && folders.Problem is { } problem)
            throw new UnsuitableImagesException($"{problem}, or write an .npz file of all of them without --without");

        string[] classes = folders.Problem is null ? [.. folders.Classes] : [];
        var features = ExtractFiles($"features of {folders.Pictures.Folder}", folders.Pictures.Files);
        var labels = tensor(folders.Labels.Select(label => (long)label).ToArray());
        var noConfusion = zeros([classes.Length, classes.Length], int64);
        return new ReferenceFeatures(folders.Pictures.Folder, classes, features, labels, noConfusion, double.NaN)
        {
            SkippedFiles = folders.Pictures.PassedOver,
            Doubts = needsClasses && folders.Warning is { } doubt ? [doubt] : [],
        };
    }

    /// <summary>
    /// The features of images that may each carry several labels. An image belongs to the combination of its labels.
    /// </summary>
    /// <param name="folder">As read.</param>
    /// <param name="separateLabels">Labels by which images are kept apart; null for all of them.</param>
    /// <returns>Belongs to the caller's dispose scope.</returns>
    /// <exception cref="UnsuitableImagesException">A label is unknown, or there are too many combinations.</exception>
    public ReferenceFeatures FromLabelledFolder(LabelledFolder folder, IReadOnlyList<string>? separateLabels)
    {
        if (separateLabels?.FirstOrDefault(label => !folder.Labels.Contains(label)) is { } unknown)
            throw new UnsuitableImagesException(
                $"{Path.GetFileName(folder.List)} has no label '{unknown}'; it has: {string.Join(", ", folder.Labels)}");

        // Name each image's combination by its labels, which hold no comma.
        var columns = folder.Labels.Index()
            .Where(column => separateLabels is null || separateLabels.Contains(column.Item)).ToList();
        string[][] carried =
        [
            .. folder.LabelFlags.Select(
                flags => columns.Where(column => flags[column.Index]).Select(column => column.Item).ToArray()),
        ];
        string[] keys = [.. carried.Select(labels => string.Join(',', labels))];
        string[] names = [.. keys.Distinct().Order(StringComparer.Ordinal)];
        if (names.Length > MaxLabelCombinations)
            throw new UnsuitableImagesException(string.Create(CultureInfo.InvariantCulture,
                $"{Path.GetFileName(folder.List)} holds {names.Length} combinations of labels, at most {MaxLabelCombinations} " +
                $"are kept apart; name those that may be undesired with --label"));

        var features = ExtractFiles("features of the labelled images", folder.Files);
        var labels = tensor(keys.Select(key => (long)Array.IndexOf(names, key)).ToArray());
        string[] classes = [.. names.Select(name => name.Length == 0 ? "none" : name)];
        var noConfusion = zeros([names.Length, names.Length], int64);
        return new ReferenceFeatures(folder.List, classes, features, labels, noConfusion, double.NaN)
        {
            Combinations = [.. names.Select(name => carried[Array.IndexOf(keys, name)])],
            ExcludableNames = [.. columns.Select(column => column.Item)],
            SkippedFiles = folder.Unnamed is { } unnamed ? [unnamed] : [],
        };
    }

    private FeatureClassifier RequireClassifier(string source, IReadOnlyList<string> labels)
    {
        if (extractor.Extractor is not FeatureClassifier classifier)
            throw new UnsuitableImagesException(
                $"{source} cannot test the extractor: it is no classifier, so it has no errors to count; leave the test out");
        return labels.Intersect(classifier.Classes).Any() ? classifier : throw new UnsuitableImagesException(
            $"{source} cannot test the extractor: it has labels of {string.Join(", ", labels)}, and the extractor's classes are "
                + $"{string.Join(", ", classifier.Classes)}; give the labels the names of the classes");
    }

    // Of the classes that the extractor has; null where it has none of them.
    private static ExtractorTest? TestOf(
        FeatureClassifier classifier, Tensor logits, IEnumerable<(string Class, Tensor Shows)> labels)
    {
        var tested = ClassTest.Run(classifier, logits, labels.Where(label => classifier.Classes.Contains(label.Class)));
        return tested.Count == 0 ? null : new ExtractorTest(classifier.Classes, classifier.Outputs, tested);
    }

    private static IEnumerable<(string Class, Tensor Shows)> ByClass(IReadOnlyList<string> classes, Tensor labels) =>
        classes.Select((name, number) => (name, labels.eq(Scalars.Of(number))));

    private static Tensor Logits(FeatureClassifier classifier, Tensor features)
    {
        using var _ = no_grad();
        return cat([.. FeaturePass.Batches(features).Select(batch => classifier.Logits(batch.to(classifier.Device)).cpu())]);
    }

    private static double Floor(LabelledTensors train, Tensor trainFeatures, LabelledTensors test, Tensor testFeatures)
    {
        using var trainStatistics = FeatureStatistics.FromFeatures(trainFeatures);
        using var testStatistics = FeatureStatistics.FromFeatures(testFeatures);
        var floor = FrechetDistance.Between(trainStatistics, testStatistics);
        return floor.Value ?? throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture,
            $"{train.Source}: the features of {train.Images.shape[0]} training and {test.Images.shape[0]} test images do not " +
            $"determine a Fréchet distance: {floor.NotMeasured}"));
    }

    private Tensor ExtractFiles(string what, IReadOnlyList<string> files)
    {
        if (extractor.Extractor.ExplainMismatch(ImageFolder.SizeOf(files)) is { } mismatch)
            throw new UnsuitableImagesException(mismatch);
        return Extract(what, ImageFolder.Batches(files, extractor.Extractor.InputShape?.Channels ?? 3, BatchSize), files.Count);
    }

    private Tensor Extract(string what, IEnumerable<Tensor> batches, long count)
    {
        return FeaturePass.Features(extractor.Extractor, batches.Select(Checked), seen => report(what, seen, count), cancel);

        Tensor Checked(Tensor batch) =>
            extractor.Extractor.ExplainMismatch(batch) is { } mismatch ? throw new UnsuitableImagesException(mismatch) : batch;
    }
}

/// <summary>A labelled data set that is in memory.</summary>
/// <param name="Source">The folder or file that the images come from.</param>
/// <param name="Classes">Names; labels are positions among them.</param>
/// <param name="Images"><c>[N, C, H, W]</c>, uint8 or float32 in [-1, 1].</param>
/// <param name="Labels"><c>[N]</c>, int64.</param>
public sealed record LabelledTensors(string Source, IReadOnlyList<string> Classes, Tensor Images, Tensor Labels) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose()
    {
        Images.Dispose();
        Labels.Dispose();
    }
}
