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

    private readonly Option<DirectoryInfo> _data = new("--data") { Description = "Folder with the four MNIST IDX files, or with images: a sub-folder for each class", Required = true };
    private readonly Option<FileInfo> _out = new("--out") { Description = "The file to write: .safetensors (class by class), or .npz (all together, as pytorch-fid keeps it)", Required = true };
    private readonly ExtractorOptions _extractor = new();
    private readonly Option<string[]> _without = new("--without") { Description = "For .npz: leave out the images of this class; may be given again", HelpName = "CLASS" };
    private readonly Option<int> _samples = new("--samples-per-class") { Description = "For .safetensors: single features kept of each class", DefaultValueFactory = _ => 200 };

    /// <summary>The command.</summary>
    public Command Build()
    {
        _extractor.Extractor.Required = true;
        var command = new Command("reference", "Summarise real images for the Fréchet distance") { _data, _out, _extractor.Extractor, _extractor.Weights, _without, _samples, Machine.Device, Machine.Threads };
        command.Does(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        var (data, target, without) = (parsed.GetRequiredValue(_data).FullName, parsed.GetRequiredValue(_out).FullName, parsed.GetValue(_without) ?? []);
        var byClass = !FeatureMoments.IsFile(target);
        if (byClass && without.Length > 0)
            throw new BadArgumentException("--without is for .npz files; a .safetensors file keeps the classes apart, and the policy's undesired ones are left out when it is used");

        using var scope = NewDisposeScope();
        using var extractor = _extractor.Load(parsed, Machine.Prepare(parsed))!;
        var images = DigitImages.AreIn(data) ? Digits(data, extractor, cancel) : Folder(data, extractor, needsClasses: byClass || without.Length > 0, cancel);
        if (without.FirstOrDefault(name => !images.Classes.Contains(name)) is { } unknown)
            throw new BadArgumentException($"--without {unknown}: there is no such class in {data}; there are: {string.Join(", ", images.Classes)}");

        if (byClass)
            SaveByClass(target, images, extractor, parsed.GetValue(_samples));
        else
            SaveTogether(target, images, without);
        Terminal.Result(string.Create(CultureInfo.InvariantCulture, $"SHA-256 {CheckpointDigest.Of(target)}"));
        return ExitCodes.Passed;
    }

    private void SaveByClass(string target, Extracted images, LoadedExtractor extractor, int samplesPerClass)
    {
        using var reference = ReferenceStatistics.Build(images.Classes, images.Features, images.Labels, samplesPerClass, extractor.Sha256, images.Confusion, images.Floor);
        reference.Save(target);
        if (images.Confusion.sum().item<long>() > 0)
            foreach (var name in images.Classes)
                terminal.Say(string.Create(CultureInfo.InvariantCulture, $"class {name}: seen in {reference.FalsePositiveRate(name):P3} of real test images of other classes"));
        var floor = double.IsNaN(images.Floor) ? "" : string.Create(CultureInfo.InvariantCulture, $", {extractor.Metric} of real training to real test images {images.Floor:G4}");
        Terminal.Result(string.Create(CultureInfo.InvariantCulture, $"{target}: {images.Features.shape[0]} images in {images.Classes.Count} classes{floor}"));
    }

    private static void SaveTogether(string target, Extracted images, string[] without)
    {
        var kept = without.Aggregate(ones_like(images.Labels).to(@bool), (mask, name) => mask.logical_and(images.Labels.ne(images.Classes.ToList().IndexOf(name))));
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

    private Tensor Features(string what, IEnumerable<Tensor> batches, long count, LoadedExtractor extractor, CancellationToken cancel)
    {
        return FeaturePass.Features(extractor.Extractor, batches.Select(Fitting), seen => terminal.Report(new StageProgress(what, (int)seen, (int)count, Losses: null)), cancel);

        Tensor Fitting(Tensor batch) => extractor.Extractor.Refusal(batch) is { } why ? throw new BadArgumentException(why) : batch;
    }

    private sealed record Extracted(IReadOnlyList<string> Classes, Tensor Features, Tensor Labels, Tensor Confusion, double Floor);
}
