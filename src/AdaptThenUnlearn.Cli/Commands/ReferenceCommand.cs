using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using AdaptThenUnlearn.Diagnostics;
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
    private const int MaxLabelCombinations = 256;
    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private readonly Option<DirectoryInfo> _data = new("--data") { Description = "Folder with the four MNIST IDX files, or with images: a sub-folder for each class, a labels.csv, or CelebA's list_attr_celeba.txt", Required = true };
    private readonly Option<FileInfo> _out = new("--out") { Description = "The file to write: .safetensors (class by class, or combination of labels by combination), or .npz (all together, as pytorch-fid keeps it)", Required = true };
    private readonly ExtractorOptions _extractor = new();
    private readonly Option<string[]> _without = new("--without") { Description = "For .npz: leave out the images of this class, or with this label; may be given again", HelpName = "CLASS" };
    private readonly Option<string[]> _labels = new("--label") { Description = "For a labels.csv and .safetensors: keep the images with and without this label apart, those of the others together; may be given again (all labels by default)", HelpName = "LABEL" };
    private readonly Option<int> _samples = new("--samples-per-class") { Description = "For .safetensors: single features kept of each class (of a combination of labels: on average)", DefaultValueFactory = _ => 200 };
    private readonly Option<bool> _asJson = new("--json") { Description = "As JSON" };

    /// <summary>The command.</summary>
    public Command Build()
    {
        _extractor.Extractor.Required = true;
        var command = new Command("reference", "Summarise real images for the Fréchet distance")
        {
            _data, _out, _extractor.Extractor, _extractor.Weights, _without, _labels, _samples, OutputFiles.Overwrite, _asJson, Machine.Device, Machine.Threads,
        };
        command.SetGuardedAction(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        var (data, target, without) = (parsed.GetRequiredValue(_data).FullName, parsed.GetRequiredValue(_out).FullName, parsed.GetValue(_without) ?? []);
        var byClass = !FeatureMoments.IsFile(target);
        if (byClass && without.Length > 0)
            throw new BadArgumentException("--without is for .npz files; a .safetensors file keeps the classes apart, and the policy's undesired ones are left out when it is used");

        if (RequestedLabels(parsed) is not null && (!byClass || !LabelledFolder.ExistsIn(data)))
            throw new BadArgumentException("--label is for a folder with a labels.csv and a .safetensors file to write");

        OutputFiles.Require(
            parsed, [target], [("folder of images", data), ("--extractor", parsed.GetValue(_extractor.Extractor)), ("--weights", parsed.GetValue(_extractor.Weights)?.FullName)],
            OutputFiles.IsReference);
        using var scope = NewDisposeScope();
        using var extractor = _extractor.Load(parsed, Machine.Prepare(parsed))!;
        var images = MnistDataset.ExistsIn(data) ? Digits(data, extractor, cancel)
            : LabelledFolder.ExistsIn(data) ? ExtractLabelled(LabelledFolder.Read(data), byClass ? RequestedLabels(parsed) : without, extractor, cancel)
            : Folder(data, extractor, needsClasses: byClass || without.Length > 0, cancel);
        if (without.FirstOrDefault(name => !images.Names.Contains(name)) is { } unknown)
            throw new BadArgumentException($"--without {unknown}: there is no such class in {data}; there are: {string.Join(", ", images.Names)}");

        foreach (var doubt in images.Doubts)
            terminal.WriteDiagnostic(new BuildMessage(Severity.Warning, RunCodes.DoubtfulData, doubt));
        var kept = byClass ? SaveByClass(target, images, extractor, parsed.GetValue(_samples)) : SaveTogether(target, images, without);
        PrintSummary(parsed, target, images, kept, without);
        return ExitCodes.Passed;
    }

    private void PrintSummary(ParseResult parsed, string target, ExtractedFeatures images, long kept, string[] without)
    {
        var sha256 = CheckpointDigest.Compute(target);
        if (parsed.GetValue(_asJson))
        {
            Terminal.WriteResultDocument(JsonSerializer.Serialize(new
            {
                file = target,
                sha256,
                images = kept,
                without,
                classes = images.Classes.Zip(images.Counts, (name, count) => new { name, images = count }),
                areCombinationsOfLabels = images.Combinations is not null,
                floor = double.IsNaN(images.Floor) ? (double?)null : images.Floor,
                source = images.Source,
                passedOver = images.PassedOver.Select(some => new { why = some.Why, count = some.Entries.Count, first = some.First }),
                doubts = images.Doubts,
            }, _json));
            return;
        }

        var floor = double.IsNaN(images.Floor) ? "" : string.Create(CultureInfo.InvariantCulture, $"; Fréchet distance of real training to real test images {images.Floor:G4}");
        if (without.Length > 0)
            Terminal.WriteResultLine(string.Create(CultureInfo.InvariantCulture, $"{target}: {kept} images, without {string.Join(", ", without)}"));
        else
            Terminal.WriteResultLine(string.Create(CultureInfo.InvariantCulture, $"{target}: {images.Described}{floor}"));
        Terminal.WriteResultLine($"read: {images.Source}{(without.Length > 0 ? ", " + images.Described : "")}");
        foreach (var passed in images.PassedOver)
            Terminal.WriteResultLine($"passed over: {passed}");
        Terminal.WriteResultLine($"SHA-256 {sha256}");
    }

    private string[]? RequestedLabels(ParseResult parsed) => parsed.GetValue(_labels) is { Length: > 0 } labels ? labels : null;

    private long SaveByClass(string target, ExtractedFeatures images, LoadedExtractor extractor, int samplesPerClass)
    {
        using var reference = ReferenceStatistics.Build(images.Classes, images.Features, images.Labels, samplesPerClass, extractor.Sha256, images.Confusion, images.Floor, images.Combinations);
        reference.Save(target);
        foreach (var (name, rate) in reference.FalsePositiveRates())
            terminal.WriteStatus(string.Create(CultureInfo.InvariantCulture, $"class {name}: seen in {rate:P3} of real test images of other classes"));
        return images.Features.shape[0];
    }

    private static long SaveTogether(string target, ExtractedFeatures images, string[] without)
    {
        var dropped = Enumerable.Range(0, images.Classes.Count).Where(number => (images.Combinations?[number] ?? [images.Classes[number]]).Any(without.Contains)).Select(number => (long)number);
        var kept = isin(images.Labels, tensor(dropped.ToArray())).logical_not();
        using var statistics = FeatureStatistics.FromFeatures(images.Features[kept]);
        if (statistics.Count <= statistics.FeatureSize)
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"{target} was not written: {statistics.Count} images do not determine a covariance of {statistics.FeatureSize} features; more than {statistics.FeatureSize} are needed"));

        using var moments = FeatureMoments.FromStatistics(statistics);
        moments.Write(target);
        return statistics.Count;
    }

    private ExtractedFeatures Digits(string data, LoadedExtractor extractor, CancellationToken cancel)
    {
        using var train = MnistDataset.Train(data);
        var features = Features("features of the training images", FeaturePass.Batches(train.Images), train.Images.shape[0], extractor, cancel);
        var count = MnistDataset.Classes.Count;
        if (extractor.Extractor is not FeatureClassifier { Outputs: ClassifierOutputs.Softmax } classifier)
            return new ExtractedFeatures(train.Source, MnistDataset.Classes, features, train.Labels.clone(), zeros([count, count], int64), double.NaN);

        using var test = MnistDataset.Test(data);
        terminal.WriteStatus("features of the test images");
        var (testFeatures, testLogits) = FeaturePass.Run(classifier, test.Images);
        using var trainStatistics = FeatureStatistics.FromFeatures(features);
        using var testStatistics = FeatureStatistics.FromFeatures(testFeatures);
        var floor = FrechetDistance.Between(trainStatistics, testStatistics);
        if (floor.Value is not { } distance)
            throw new InvalidDataException(
                FormattableString.Invariant($"{data}: the features of its {train.Images.shape[0]} training and {test.Images.shape[0]} test images do not determine a Fréchet distance: {floor.NotMeasured}"));
        return new ExtractedFeatures(train.Source, MnistDataset.Classes, features, train.Labels.clone(), (test.Labels * count + testLogits.argmax(1)).bincount(null, count * count).view(count, count), distance);
    }

    private ExtractedFeatures Folder(string data, LoadedExtractor extractor, bool needsClasses, CancellationToken cancel)
    {
        var folders = ClassFolders.Read(data);
        if (needsClasses && folders.Problem is { } misfit)
            throw new BadArgumentException($"{misfit}, or write an .npz file of all of them without --without");

        // Where classes are not needed, images without one are read too.
        string[] classes = folders.Problem is null ? [.. folders.Classes] : [];
        var files = folders.Pictures.Files;
        var features = FeaturesOf($"features of {data}", files, extractor, cancel);
        return new ExtractedFeatures(data, classes, features, tensor(folders.Labels.Select(label => (long)label).ToArray()), zeros([classes.Length, classes.Length], int64), double.NaN)
        {
            PassedOver = folders.Pictures.PassedOver,
            Doubts = needsClasses && folders.Warning is { } doubt ? [doubt] : [],
        };
    }

    // An image is of the combination of those of its labels that are kept apart; all are where none is named. No label holds a comma.
    private ExtractedFeatures ExtractLabelled(LabelledFolder folder, string[]? separateLabels, LoadedExtractor extractor, CancellationToken cancel)
    {
        if (separateLabels?.FirstOrDefault(label => !folder.Labels.Contains(label)) is { } unknown)
            throw new BadArgumentException($"{Path.GetFileName(folder.List)} has no label '{unknown}'; it has: {string.Join(", ", folder.Labels)}");

        var columns = folder.Labels.Index().Where(column => separateLabels is null || separateLabels.Contains(column.Item)).ToList();
        string[] ofImages = [.. folder.LabelFlags.Select(carried => string.Join(',', columns.Where(column => carried[column.Index]).Select(column => column.Item)))];
        string[] names = [.. ofImages.Distinct().Order(StringComparer.Ordinal)];
        if (names.Length > MaxLabelCombinations)
            throw new BadArgumentException(string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileName(folder.List)} holds {names.Length} combinations of labels, at most {MaxLabelCombinations} are kept apart; name those that may be undesired with --label"));

        string[][] combinations = [.. names.Select(name => folder.LabelFlags[Array.IndexOf(ofImages, name)]).Select(carried => columns.Where(column => carried[column.Index]).Select(column => column.Item).ToArray())];
        var features = FeaturesOf("features of the labelled images", folder.Files, extractor, cancel);
        return new ExtractedFeatures(
            folder.List, [.. names.Select(name => name.Length == 0 ? "none" : name)], features, tensor(ofImages.Select(name => (long)Array.IndexOf(names, name)).ToArray()),
            zeros([names.Length, names.Length], int64), double.NaN)
        {
            Combinations = combinations, Names = [.. columns.Select(column => column.Item)], PassedOver = folder.Unnamed is { } unnamed ? [unnamed] : [],
        };
    }

    private Tensor FeaturesOf(string what, IReadOnlyList<string> files, LoadedExtractor extractor, CancellationToken cancel)
    {
        if (extractor.Extractor.ExplainMismatch(ImageFolder.SizeOf(files)) is { } why)
            throw new BadArgumentException(why);
        return Features(what, ImageFolder.Batches(files, extractor.Extractor.InputShape?.Channels ?? 3, BatchSize), files.Count, extractor, cancel);
    }

    private Tensor Features(string what, IEnumerable<Tensor> batches, long count, LoadedExtractor extractor, CancellationToken cancel)
    {
        return FeaturePass.Features(extractor.Extractor, batches.Select(Fitting), seen => terminal.Report(new StageProgress(what, (int)seen, (int)count, Losses: null)), cancel);

        Tensor Fitting(Tensor batch) => extractor.Extractor.ExplainMismatch(batch) is { } why ? throw new BadArgumentException(why) : batch;
    }

    /// <param name="Source">The folder or file that the images are of.</param>
    /// <param name="Classes">Or combinations of labels.</param>
    /// <param name="Features"><c>[N, d]</c>.</param>
    /// <param name="Labels"><c>[N]</c>, int64, positions among the classes.</param>
    /// <param name="Confusion">Of real test images; zeros where there are none.</param>
    /// <param name="Floor">NaN where there are no test images.</param>
    private sealed record ExtractedFeatures(string Source, IReadOnlyList<string> Classes, Tensor Features, Tensor Labels, Tensor Confusion, double Floor)
    {
        /// <summary>The labels of each combination; null where each class stands for itself.</summary>
        public string[][]? Combinations { get; init; }

        /// <summary>Images of each class.</summary>
        public IReadOnlyList<long> Counts => [.. Classes.Select((_, number) => Labels.eq((long)number).sum().item<long>())];

        /// <summary>How many images, and of which classes.</summary>
        public string Described => string.Create(CultureInfo.InvariantCulture, $"{Features.shape[0]} images") + (Classes.Count == 0 ? "" : string.Create(
            CultureInfo.InvariantCulture,
            $" in {Classes.Count} {(Combinations is null ? "classes" : "combinations of labels")}: {string.Join(", ", Classes.Zip(Counts, (name, count) => FormattableString.Invariant($"{name} ({count})")))}"));

        /// <summary>What of the folder was not read, and why.</summary>
        public IReadOnlyList<SkippedFiles> PassedOver { get; init; } = [];

        /// <summary>What a reader must know.</summary>
        public IReadOnlyList<string> Doubts { get; init; } = [];

        /// <summary>What can be left out.</summary>
        public IReadOnlyList<string> Names { get; init; } = Classes;
    }
}
