using System.CommandLine;
using System.Globalization;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Pretraining;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu reference</c>: what real images look like to an extractor, as statistics that stand in for the images.</summary>
public sealed class ReferenceCommand(Terminal terminal)
{
    private const int BatchSize = 100;
    private const int MostCombinations = 256;

    private readonly Option<DirectoryInfo> _data = new("--data") { Description = "Folder with the four MNIST IDX files, or with images: a sub-folder for each class, or a labels.csv", Required = true };
    private readonly Option<FileInfo> _out = new("--out") { Description = "The file to write: .safetensors (class by class, or combination of labels by combination), or .npz (all together, as pytorch-fid keeps it)", Required = true };
    private readonly ExtractorOptions _extractor = new();
    private readonly Option<string[]> _without = new("--without") { Description = "For .npz: leave out the images of this class, or with this label; may be given again", HelpName = "CLASS" };
    private readonly Option<string[]> _labels = new("--label") { Description = "For a labels.csv and .safetensors: keep the images with and without this label apart, those of the others together; may be given again (all labels by default)", HelpName = "LABEL" };
    private readonly Option<int> _samples = new("--samples-per-class") { Description = "For .safetensors: single features kept of each class (of a combination of labels: on average)", DefaultValueFactory = _ => 200 };

    /// <summary>The command.</summary>
    public Command Build()
    {
        _extractor.Extractor.Required = true;
        var command = new Command("reference", "Summarise real images for the Fréchet distance") { _data, _out, _extractor.Extractor, _extractor.Weights, _without, _labels, _samples, Machine.Device, Machine.Threads };
        command.Does(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        var (data, target, without) = (parsed.GetRequiredValue(_data).FullName, parsed.GetRequiredValue(_out).FullName, parsed.GetValue(_without) ?? []);
        var byClass = !FeatureMoments.IsFile(target);
        if (byClass && without.Length > 0)
            throw new BadArgumentException("--without is for .npz files; a .safetensors file keeps the classes apart, and the policy's undesired ones are left out when it is used");

        if (Named(parsed) is not null && (!byClass || !LabelledFolder.IsIn(data)))
            throw new BadArgumentException("--label is for a folder with a labels.csv and a .safetensors file to write");

        using var scope = NewDisposeScope();
        using var extractor = _extractor.Load(parsed, Machine.Prepare(parsed))!;
        var images = DigitImages.AreIn(data) ? Digits(data, extractor, cancel)
            : LabelledFolder.IsIn(data) ? Labelled(LabelledFolder.Read(data), byClass ? Named(parsed) : without, extractor, cancel)
            : Folder(data, extractor, needsClasses: byClass || without.Length > 0, cancel);
        if (without.FirstOrDefault(name => !images.Names.Contains(name)) is { } unknown)
            throw new BadArgumentException($"--without {unknown}: there is no such class in {data}; there are: {string.Join(", ", images.Names)}");

        if (byClass)
            SaveByClass(target, images, extractor, parsed.GetValue(_samples));
        else
            SaveTogether(target, images, without);
        Terminal.Result(string.Create(CultureInfo.InvariantCulture, $"SHA-256 {CheckpointDigest.Of(target)}"));
        return ExitCodes.Passed;
    }

    private string[]? Named(ParseResult parsed) => parsed.GetValue(_labels) is { Length: > 0 } labels ? labels : null;

    private void SaveByClass(string target, Extracted images, LoadedExtractor extractor, int samplesPerClass)
    {
        using var reference = ReferenceStatistics.Build(images.Classes, images.Features, images.Labels, samplesPerClass, extractor.Sha256, images.Confusion, images.Floor, images.Combinations);
        reference.Save(target);
        foreach (var (name, rate) in reference.FalsePositiveRates())
            terminal.Say(string.Create(CultureInfo.InvariantCulture, $"class {name}: seen in {rate:P3} of real test images of other classes"));
        var floor = double.IsNaN(images.Floor) ? "" : string.Create(CultureInfo.InvariantCulture, $", {extractor.Metric} of real training to real test images {images.Floor:G4}");
        Terminal.Result(string.Create(CultureInfo.InvariantCulture, $"{target}: {images.Features.shape[0]} images in {images.Classes.Count} {(images.Combinations is null ? "classes" : "combinations of labels")}{floor}"));
    }

    private static void SaveTogether(string target, Extracted images, string[] without)
    {
        var dropped = Enumerable.Range(0, images.Classes.Count).Where(number => (images.Combinations?[number] ?? [images.Classes[number]]).Any(without.Contains)).Select(number => (long)number);
        var kept = isin(images.Labels, tensor(dropped.ToArray())).logical_not();
        using var statistics = FeatureStatistics.Of(images.Features[kept]);
        if (statistics.Count <= statistics.FeatureSize)
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"{target} was not written: {statistics.Count} images do not determine a covariance of {statistics.FeatureSize} features; more than {statistics.FeatureSize} are needed"));

        using var moments = FeatureMoments.Of(statistics);
        moments.Write(target);
        Terminal.Result(string.Create(CultureInfo.InvariantCulture, $"{target}: {statistics.Count} images{(without.Length == 0 ? "" : ", without " + string.Join(", ", without))}"));
    }

    private Extracted Digits(string data, LoadedExtractor extractor, CancellationToken cancel)
    {
        using var train = DigitImages.Train(data);
        var features = Features("features of the training images", FeaturePass.Batches(train.Images), train.Images.shape[0], extractor, cancel);
        var count = DigitImages.Classes.Count;
        if (extractor.Extractor is not FeatureClassifier { Outputs: ClassifierOutputs.Softmax } classifier)
            return new Extracted(DigitImages.Classes, features, train.Labels.clone(), zeros([count, count], int64), double.NaN);

        using var test = DigitImages.Test(data);
        terminal.Say("features of the test images");
        var (testFeatures, testLogits) = FeaturePass.Run(classifier, test.Images);
        using var trainStatistics = FeatureStatistics.Of(features);
        using var testStatistics = FeatureStatistics.Of(testFeatures);
        var floor = FrechetDistance.Between(trainStatistics, testStatistics).Value
            ?? throw new InvalidDataException($"{data}: the features do not determine a Fréchet distance");
        return new Extracted(DigitImages.Classes, features, train.Labels.clone(), (test.Labels * count + testLogits.argmax(1)).bincount(null, count * count).view(count, count), floor);
    }

    private Extracted Folder(string data, LoadedExtractor extractor, bool needsClasses, CancellationToken cancel)
    {
        string[] classes = [.. Directory.EnumerateDirectories(data).Select(folder => Path.GetFileName(folder)!).Order(StringComparer.Ordinal)];
        if (needsClasses && classes.Length == 0)
            throw new BadArgumentException($"{data} has no sub-folders, and so no classes; sort the images into one for each class, or write an .npz file of all of them");

        // The class of a file is the first folder of its path.
        var files = ImageFolder.Files(data);
        long[] labels = [.. files.Select(file => (long)Array.IndexOf(classes, Path.GetRelativePath(data, file).Split(Path.DirectorySeparatorChar)[0]))];
        if (needsClasses && labels.Contains(-1))
            throw new BadArgumentException($"{files[Array.IndexOf(labels, -1)]} lies in none of the classes' sub-folders");

        var features = Features($"features of {data}", ImageFolder.Batches(data, extractor.Extractor.Takes?.Channels ?? 3, BatchSize), files.Count, extractor, cancel);
        return new Extracted(classes, features, tensor(labels), zeros([classes.Length, classes.Length], int64), double.NaN);
    }

    // An image is of the combination of those of its labels that are kept apart; all are where none is named. No label holds a comma.
    private Extracted Labelled(LabelledFolder folder, string[]? apart, LoadedExtractor extractor, CancellationToken cancel)
    {
        if (apart?.FirstOrDefault(label => !folder.Labels.Contains(label)) is { } unknown)
            throw new BadArgumentException($"labels.csv has no label '{unknown}'; it has: {string.Join(", ", folder.Labels)}");

        var columns = folder.Labels.Index().Where(column => apart is null || apart.Contains(column.Item)).ToList();
        string[] ofImages = [.. folder.Carried.Select(carried => string.Join(',', columns.Where(column => carried[column.Index]).Select(column => column.Item)))];
        string[] names = [.. ofImages.Distinct().Order(StringComparer.Ordinal)];
        if (names.Length > MostCombinations)
            throw new BadArgumentException(string.Create(CultureInfo.InvariantCulture, $"labels.csv holds {names.Length} combinations of labels, at most {MostCombinations} are kept apart; name those that may be undesired with --label"));

        string[][] combinations = [.. names.Select(name => folder.Carried[Array.IndexOf(ofImages, name)]).Select(carried => columns.Where(column => carried[column.Index]).Select(column => column.Item).ToArray())];
        var features = Features("features of the labelled images", ImageFolder.Batches(folder.Files, extractor.Extractor.Takes?.Channels ?? 3, BatchSize), folder.Files.Count, extractor, cancel);
        return new Extracted(
            [.. names.Select(name => name.Length == 0 ? "none" : name)], features, tensor(ofImages.Select(name => (long)Array.IndexOf(names, name)).ToArray()),
            zeros([names.Length, names.Length], int64), double.NaN) { Combinations = combinations, Names = [.. columns.Select(column => column.Item)] };
    }

    private Tensor Features(string what, IEnumerable<Tensor> batches, long count, LoadedExtractor extractor, CancellationToken cancel)
    {
        return FeaturePass.Features(extractor.Extractor, batches.Select(Fitting), seen => terminal.Report(new StageProgress(what, (int)seen, (int)count, Losses: null)), cancel);

        Tensor Fitting(Tensor batch) => extractor.Extractor.Refusal(batch) is { } why ? throw new BadArgumentException(why) : batch;
    }

    /// <param name="Classes">Or combinations of labels.</param>
    /// <param name="Features"><c>[N, d]</c>.</param>
    /// <param name="Labels"><c>[N]</c>, int64, positions among the classes.</param>
    /// <param name="Confusion">Of real test images; zeros where there are none.</param>
    /// <param name="Floor">NaN where there are no test images.</param>
    private sealed record Extracted(IReadOnlyList<string> Classes, Tensor Features, Tensor Labels, Tensor Confusion, double Floor)
    {
        /// <summary>The labels of each combination; null where each class stands for itself.</summary>
        public string[][]? Combinations { get; init; }

        /// <summary>What can be left out.</summary>
        public IReadOnlyList<string> Names { get; init; } = Classes;
    }
}
