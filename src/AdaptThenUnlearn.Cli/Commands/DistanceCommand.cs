using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu distance</c>: how far two sets of images or features are apart.</summary>
public sealed class DistanceCommand(Terminal terminal)
{
    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private readonly Argument<string> _generated = new("A") { Description = "The set under test: a folder of images, an .npy array of images [N, C, H, W] or features [N, d], or a statistics file" };
    private readonly Argument<string> _reference = new("B") { Description = "The reference: likewise" };
    private readonly Option<FileInfo> _extractor = new("--extractor") { Description = "Classifier whose features images are turned into" };
    private readonly Option<int> _subsets = new("--kid-subsets") { Description = "Subsets of the kernel distance", DefaultValueFactory = _ => 100 };
    private readonly Option<int> _subsetSize = new("--kid-subset-size") { Description = "Images in a subset", DefaultValueFactory = _ => 1000 };
    private readonly Option<long> _seed = new("--seed") { Description = "Of the subsets", DefaultValueFactory = _ => 2021 };
    private readonly Option<bool> _asJson = new("--json") { Description = "As JSON" };

    /// <summary>The command.</summary>
    public Command Build()
    {
        var command = new Command("distance", "Fréchet distance, kernel distance, precision, recall, density and coverage of two sets") { _generated, _reference, _extractor, _subsets, _subsetSize, _seed, _asJson, Machine.Device, Machine.Threads };
        command.Does(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        var (subsets, subsetSize) = (parsed.GetValue(_subsets), parsed.GetValue(_subsetSize));
        if (subsets < 1 || subsetSize < 2)
            throw new BadArgumentException("--kid-subsets must be at least 1 and --kid-subset-size at least 2");

        var device = Machine.Prepare(parsed);
        using var scope = NewDisposeScope();
        using var extractor = parsed.GetValue(_extractor) is { } file ? ClassifierCheckpoint.Load(file.FullName, sha256: null, classes: null, device) : null;
        var generated = Load(parsed.GetRequiredValue(_generated), extractor?.Classifier);
        var reference = Load(parsed.GetRequiredValue(_reference), extractor?.Classifier);
        if (generated.Statistics.FeatureSize != reference.Statistics.FeatureSize)
            throw new BadArgumentException($"A has {generated.Statistics.FeatureSize} features an image and B has {reference.Statistics.FeatureSize}: they were made by different extractors");

        cancel.ThrowIfCancellationRequested();
        var frechet = FrechetDistance.Between(generated.Statistics, reference.Statistics);
        var kernel = KernelDistance.Between(reference.Features, generated.Features, subsets, subsetSize, parsed.GetValue(_seed));
        var manifold = ManifoldMetrics.Of(reference.Features, generated.Features);
        var found = new
        {
            frechetDistance = frechet.Value,
            notMeasured = frechet.NotMeasured,
            kid = kernel.Mean,
            kidDeviation = kernel.Deviation,
            precision = manifold.Precision,
            recall = manifold.Recall,
            density = manifold.Density,
            coverage = manifold.Coverage,
            n = new[] { generated.Statistics.Count, reference.Statistics.Count },
            features = new[] { generated.Features.shape[0], reference.Features.shape[0] },
            dimension = reference.Statistics.FeatureSize,
            settings = new
            {
                extractor = extractor?.Sha256,
                kidSubsets = subsets,
                kidSubsetSize = Math.Min(subsetSize, Math.Min(generated.Features.shape[0], reference.Features.shape[0])),
                seed = parsed.GetValue(_seed),
                precisionNeighbours = ManifoldMetrics.PrecisionNeighbours,
                densityNeighbours = ManifoldMetrics.DensityNeighbours,
            },
        };
        generated.Statistics.Dispose();
        reference.Statistics.Dispose();
        if (parsed.GetValue(_asJson))
            Terminal.Result(JsonSerializer.Serialize(found, _json));
        else
            foreach (var (name, value) in new (string, double?)[] { ("Fréchet distance", found.frechetDistance), ("kernel distance (KID)", found.kid), ("precision", found.precision), ("recall", found.recall), ("density", found.density), ("coverage", found.coverage) })
                Terminal.Result(FormattableString.Invariant($"{name,-22} {value?.ToString("G6", CultureInfo.InvariantCulture) ?? "not measured"}"));
        if (frechet.NotMeasured is { } why)
            throw new InvalidDataException($"the Fréchet distance was not measured: {why}");
        return ExitCodes.Passed;
    }

    private static Set Load(string path, FeatureClassifier? extractor)
    {
        if (Directory.Exists(path))
            return OfImages(path, ImageFolder.Read(path, extractor?.Shape.Channels), extractor);

        if (Path.GetExtension(path).Equals(".npy", StringComparison.OrdinalIgnoreCase))
        {
            var array = NumpyFile.Read(path);
            return array.dim() switch
            {
                2 => new Set(FeatureStatistics.Of(array), array),
                4 => OfImages(path, array, extractor),
                _ => throw new BadArgumentException($"{path}: an array of {array.dim()} dimensions is neither features [N, d] nor images [N, C, H, W]"),
            };
        }

        if (!File.Exists(path))
            throw new BadArgumentException($"{path} is neither a folder nor a file");
        using var statistics = ReferenceStatistics.Load(path);
        return new Set(statistics.Merged([]), statistics.Samples([]));
    }

    private static Set OfImages(string path, Tensor images, FeatureClassifier? extractor)
    {
        if (extractor is null)
            throw new BadArgumentException($"{path} holds images; name the classifier that makes features of them with --extractor");
        if (images.shape[1] != extractor.Shape.Channels || images.shape[2] != extractor.Shape.Resolution || images.shape[3] != extractor.Shape.Resolution)
            throw new BadArgumentException($"{path}: the images are {images.shape[1]}×{images.shape[2]}×{images.shape[3]}, the extractor takes {extractor.Shape}");

        var (features, _) = FeaturePass.Run(extractor, images);
        return new Set(FeatureStatistics.Of(features), features);
    }

    private sealed record Set(FeatureStatistics Statistics, Tensor Features);
}
