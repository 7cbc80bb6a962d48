using System.CommandLine;
using System.Globalization;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Pretraining;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary>
/// <c>atu reference</c>: summarises real images as statistics of their features, which replace the images in a policy.
/// </summary>
public sealed class ReferenceCommand(Terminal terminal)
{
    private readonly Option<DirectoryInfo> _data = new("--data")
    {
        Description = "Folder with the four MNIST IDX files, or with images: a sub-folder for each class, a labels.csv, or " +
            "CelebA's list_attr_celeba.txt",
        Required = true,
    };

    private readonly Option<FileInfo> _out = new("--out")
    {
        Description = "File to write. A .safetensors file keeps each class, or combination of labels, apart; an .npz file " +
            "holds all images together, as pytorch-fid does",
        Required = true,
    };

    private readonly ExtractorOptions _extractor = new();
    private readonly Option<string[]> _without = new("--without")
    {
        Description = "For .npz: leave out the images of this class or with this label; can be repeated",
        HelpName = "CLASS",
    };

    private readonly Option<string[]> _labels = new("--label")
    {
        Description = "For a labels.csv and .safetensors: keep images with and without this label apart and combine all " +
            "others; can be repeated (default: all labels)",
        HelpName = "LABEL",
    };

    private readonly Option<DirectoryInfo> _test = new("--test")
    {
        Description = "For .safetensors and a classifier as extractor: folder of labelled images that it was not trained on, " +
            "to count its errors at every threshold; kinds as for --data (default for MNIST: its test images, otherwise none)",
        HelpName = "FOLDER",
    };

    private readonly Option<int> _samples = new("--samples-per-class")
    {
        Description = "For .safetensors: number of single features to keep of each class (of combinations of labels: on average)",
        DefaultValueFactory = _ => 200,
    };

    /// <summary>Builds the command.</summary>
    public Command Build()
    {
        _extractor.Extractor.Required = true;
        var command = new Command("reference", "Summarise real images as the reference for the Fréchet distance")
        {
            _data, _out, _without, _labels, _test, _samples, OutputFiles.Overwrite, Terminal.Json,
            Machine.Device, Machine.Threads,
        };
        foreach (var option in _extractor.All)
            command.Add(option);
        command.SetGuardedAction(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        // Check the arguments before any image is read.
        var (data, target) = (parsed.GetRequiredValue(_data).FullName, parsed.GetRequiredValue(_out).FullName);
        var without = parsed.GetValue(_without) ?? [];
        var byClass = !FeatureMoments.IsFile(target);
        if (byClass && without.Length > 0)
            throw new BadArgumentException(
                "--without is for .npz files; a .safetensors file keeps the classes apart, and the policy's undesired ones are " +
                "left out when it is used");
        if (RequestedLabels(parsed) is not null && (!byClass || !LabelledFolder.ExistsIn(data)))
            throw new BadArgumentException("--label is for a folder with a labels.csv and a .safetensors file to write");

        var test = parsed.GetValue(_test)?.FullName;
        if (test is not null && !byClass)
            throw new BadArgumentException("--test is for a .safetensors file; an .npz file keeps no counts of errors");

        (string, string?)[] inputs = [("folder of images", data), ("--test", test), .. _extractor.Files(parsed)];
        OutputFiles.Require(parsed, [target], inputs, OutputFiles.IsReference);

        // Extract the features.
        using var scope = NewDisposeScope();
        using var extractor = _extractor.Load(parsed, Machine.Prepare(parsed, terminal))!;
        var images = Extract(parsed, data, byClass, extractor, cancel);
        if (without.FirstOrDefault(name => !images.ExcludableNames.Contains(name)) is { } unknown)
            throw new BadArgumentException(
                $"--without {unknown}: there is no such class in {data}; there are: {string.Join(", ", images.ExcludableNames)}");
        foreach (var doubt in images.Doubts)
            terminal.WriteDiagnostic(new BuildMessage(Severity.Warning, RunCodes.DoubtfulData, doubt));

        // Write the statistics.
        var written = byClass
            ? SaveByClass(target, images, extractor, parsed.GetValue(_samples))
            : SaveTogether(target, images, extractor, without);
        PrintSummary(target, images, extractor, written, without);
        return ExitCodes.Passed;
    }

    private ReferenceFeatures Extract(
        ParseResult parsed, string data, bool byClass, LoadedExtractor extractor, CancellationToken cancel)
    {
        var builder = new ReferenceBuilder(
            extractor, (what, seen, all) => terminal.Report(new StageProgress(what, (int)seen, (int)all, Losses: null)), cancel);
        var images = Extract(parsed, data, byClass, builder);
        return parsed.GetValue(_test)?.FullName is { } test ? images with { Test = TestOn(test, builder) } : images;
    }

    private ReferenceFeatures Extract(ParseResult parsed, string data, bool byClass, ReferenceBuilder builder)
    {
        if (MnistDataset.ExistsIn(data))
        {
            using var train = Labelled(MnistDataset.Train(data));
            return builder.FromLabelledImages(train, () =>
            {
                terminal.WriteStatus("features of the test images");
                return Labelled(MnistDataset.Test(data));
            });
        }

        var without = parsed.GetValue(_without) ?? [];
        return LabelledFolder.ExistsIn(data)
            ? builder.FromLabelledFolder(LabelledFolder.Read(data), byClass ? RequestedLabels(parsed) : without)
            : builder.FromClassFolders(ClassFolders.Read(data), needsClasses: byClass || without.Length > 0);
    }

    private static ExtractorTest TestOn(string folder, ReferenceBuilder builder) =>
        MnistDataset.ExistsIn(folder) ? builder.TestOn(Labelled(MnistDataset.Test(folder)))
        : LabelledFolder.ExistsIn(folder) ? builder.TestOn(LabelledFolder.Read(folder))
        : builder.TestOn(ClassFolders.Read(folder));

    private static LabelledTensors Labelled(MnistDataset digits) =>
        new(digits.Source, MnistDataset.Classes, digits.Images, digits.Labels);

    private string[]? RequestedLabels(ParseResult parsed) => parsed.GetValue(_labels) is { Length: > 0 } labels ? labels : null;

    private long SaveByClass(string target, ReferenceFeatures images, LoadedExtractor extractor, int samplesPerClass)
    {
        using var reference = images.ToStatistics(samplesPerClass, extractor);
        reference.Save(target);
        foreach (var (name, rate) in reference.FalsePositiveRates())
            terminal.WriteStatus(string.Create(
                CultureInfo.InvariantCulture, $"class {name}: seen in {rate:P3} of real test images of other classes"));
        return images.Features.shape[0];
    }

    private static long SaveTogether(string target, ReferenceFeatures images, LoadedExtractor extractor, string[] without)
    {
        try
        {
            using var moments = images.ToMoments(without, extractor);
            moments.Write(target);
            return moments.Count!.Value;
        }
        catch (InvalidDataException tooFew)
        {
            throw new InvalidDataException($"{target} was not written: {tooFew.Message}", tooFew);
        }
    }

    private static void PrintSummary(
        string target, ReferenceFeatures images, LoadedExtractor extractor, long written, string[] without)
    {
        var sha256 = CheckpointDigest.Compute(target);
        Terminal.WriteJson(new
        {
            file = target,
            sha256,
            extractor = extractor.Sha256,
            extractor.Use.Preprocessing,
            extractor.Use.Output,
            extractor.Use.Tokens,
            images = written,
            without,
            classes = images.Classes.Zip(images.Counts, (name, count) => new { name, images = count }),
            areCombinationsOfLabels = images.Combinations is not null,
            floor = double.IsNaN(images.Floor) ? (double?)null : images.Floor,
            tested = images.Test?.Tested.ToDictionary(each => each.Class, each => each.Error) ?? [],
            source = images.Source,
            passedOver = images.SkippedFiles.Select(
                some => new { why = some.Why, count = some.Entries.Count, first = some.First }),
            doubts = images.Doubts,
        });

        var floor = double.IsNaN(images.Floor)
            ? ""
            : string.Create(CultureInfo.InvariantCulture, $"; Fréchet distance of real training to real test images " +
                $"{images.Floor:G4}");
        if (without.Length > 0)
            Terminal.WriteResultLine(string.Create(CultureInfo.InvariantCulture, $"{target}: {written} images, without " +
                $"{string.Join(", ", without)}"));
        else
            Terminal.WriteResultLine(string.Create(CultureInfo.InvariantCulture, $"{target}: {images.Description}{floor}"));
        Terminal.WriteResultLine($"read: {images.Source}{(without.Length > 0 ? ", " + images.Description : "")}");
        foreach (var passed in images.SkippedFiles)
            Terminal.WriteResultLine($"passed over: {passed}");
        Terminal.WriteResultLine($"SHA-256 {sha256}");
    }
}
