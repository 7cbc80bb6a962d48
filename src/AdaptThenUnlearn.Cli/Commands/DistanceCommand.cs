using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu distance</c>: how far two sets of images or features are apart.</summary>
public sealed class DistanceCommand(Terminal terminal)
{
    private const int BatchSize = 100;
    private const string InStatistics = "images, in statistics";
    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private readonly Argument<string> _generated = new("A") { Description = "The set under test: a folder of images, an .npy array of images [N, C, H, W] (uint8, or -1 to 1) or features [N, d], or a statistics file (.safetensors, or pytorch-fid's .npz)" };
    private readonly Argument<string> _reference = new("B") { Description = "The reference: likewise" };
    private readonly ExtractorOptions _extractor = new();
    private readonly Option<int> _subsets = new("--kid-subsets") { Description = "Subsets of the kernel distance", DefaultValueFactory = _ => 100 };
    private readonly Option<int> _subsetSize = new("--kid-subset-size") { Description = "Images in a subset", DefaultValueFactory = _ => 1000 };
    private readonly Option<long> _seed = new("--seed") { Description = "Of the subsets", DefaultValueFactory = _ => 2021 };
    private readonly Option<bool> _asJson = new("--json") { Description = "As JSON" };

    /// <summary>The command.</summary>
    public Command Build()
    {
        var metrics = string.Join("; ", QualityMetrics.All.Select(metric => metric.Metric.Title));
        var command = new Command("distance", $"How far two sets are apart: {metrics}") { _generated, _reference, _extractor.Extractor, _extractor.Weights, _subsets, _subsetSize, _seed, _asJson, Machine.Device, Machine.Threads };
        command.SetGuardedAction(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        var (subsets, subsetSize) = (parsed.GetValue(_subsets), parsed.GetValue(_subsetSize));
        if (subsets < 1 || subsetSize < 2)
            throw new BadArgumentException("--kid-subsets must be at least 1 and --kid-subset-size at least 2");

        var device = Machine.Prepare(parsed);
        using var scope = NewDisposeScope();
        using var extractor = _extractor.Load(parsed, device);
        using var generated = Load(parsed.GetRequiredValue(_generated), extractor, cancel);
        using var reference = Load(parsed.GetRequiredValue(_reference), extractor, cancel);
        foreach (var doubt in new[] { generated.Doubt, reference.Doubt }.OfType<string>())
            terminal.WriteDiagnostic(new BuildMessage(Severity.Warning, RunCodes.DoubtfulData, doubt));
        foreach (var (name, set) in new[] { ("A", generated), ("B", reference) })
            if (extractor is not null && set.Moments.FeatureSize != extractor.Extractor.FeatureSize)
                throw new BadArgumentException($"{name} has {set.Moments.FeatureSize} features an image, the extractor makes {extractor.Extractor.FeatureSize}");
        if (generated.Moments.FeatureSize != reference.Moments.FeatureSize)
            throw new BadArgumentException($"A has {generated.Moments.FeatureSize} features an image and B has {reference.Moments.FeatureSize}: they were made by different extractors");

        // Compute every metric of the catalogue; one that cannot be measured does not keep the others from it.
        var distanceName = extractor?.Metric ?? RecordedMetrics.FrechetDistance.Title;
        var compared = new ComparedFeatures(
            generated.Features, reference.Features, generated.Moments, reference.Moments,
            new MetricSettings(subsets, subsetSize, parsed.GetValue(_seed), EqualNumbers: false));
        IReadOnlyList<(IQualityMetric Metric, MetricResult Result)> results = [.. QualityMetrics.All.Select(metric => (metric, metric.Compute(compared)))];

        // Print them, with all that decided them.
        var details = new
        {
            n = new[] { generated.Moments.Count, reference.Moments.Count },
            sets = new[] { generated, reference }.Select(set => new
            {
                set.Path, set.Kind, count = set.Moments.Count, passedOver = set.PassedOver.Select(some => new { why = some.Why, count = some.Entries.Count, first = some.First }), set.Doubt,
            }),
            features = new[] { generated.Features.shape[0], reference.Features.shape[0] },
            dimension = reference.Moments.FeatureSize,
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
        if (parsed.GetValue(_asJson))
            Terminal.WriteResultDocument(ToJson(distanceName, results, JsonSerializer.SerializeToNode(details, _json)!.AsObject()).ToJsonString(_json));
        else
            PrintResult(distanceName, results, generated, reference);
        if (results.First(each => each.Metric.Metric == RecordedMetrics.FrechetDistance).Result.NotMeasured is { } why)
            throw new InvalidDataException($"the {distanceName} was not measured: {why}");
        return ExitCodes.Passed;
    }

    // Metrics that are computed together share the key of their reason.
    private static JsonObject ToJson(string distanceName, IReadOnlyList<(IQualityMetric Metric, MetricResult Result)> results, JsonObject details)
    {
        var found = new JsonObject { ["metric"] = distanceName };
        foreach (var (metric, result) in results)
        {
            found[metric.Metric.Name] = result.Value;
            if (metric.HasDeviation)
                found[$"{metric.Metric.Name}Deviation"] = result.Deviation;
            found[metric.ReasonProperty] = result.NotMeasured;
        }

        foreach (var (key, value) in details)
            found[key] = value?.DeepClone();
        return found;
    }

    private static void PrintResult(
        string distanceName, IReadOnlyList<(IQualityMetric Metric, MetricResult Result)> results, SampleSet generated, SampleSet reference)
    {
        foreach (var (metric, result) in results)
        {
            var isDistance = metric.Metric == RecordedMetrics.FrechetDistance;
            var why = isDistance ? null : result.NotMeasured;   // the diagnostic says why there is no distance
            Line(
                isDistance ? distanceName : metric.Metric.Title,
                result.Value?.ToString("G6", CultureInfo.InvariantCulture) ?? "not measured" + (why is null ? "" : $": {why}"));
        }

        foreach (var (name, set) in new[] { ("A", generated), ("B", reference) })
        {
            Line(name, FormattableString.Invariant($"{set.Moments.Count?.ToString(CultureInfo.InvariantCulture) ?? "an unknown number of"} {set.Kind}, {set.Path}"));
            foreach (var passed in set.PassedOver)
                Line("", $"passed over: {passed}");
        }

        static void Line(string name, string value) => Terminal.WriteResultLine($"{name,-29} {value}");
    }

    private SampleSet Load(string path, LoadedExtractor? extractor, CancellationToken cancel)
    {
        if (Directory.Exists(path))
            return OfFolder(path, RequireExtractor(path, extractor).Extractor, cancel);

        if (Path.GetExtension(path).Equals(".npy", StringComparison.OrdinalIgnoreCase))
        {
            var array = NumpyFile.Read(path);
            return array.dim() switch
            {
                2 => OfFeatures(path, "feature vectors", array),
                4 => OfArray(path, array, RequireExtractor(path, extractor).Extractor, cancel),
                _ => throw new BadArgumentException($"{path}: an array of {array.dim()} dimensions is neither features [N, d] nor images [N, C, H, W]"),
            };
        }

        if (!File.Exists(path))
            throw new BadArgumentException($"{path} is neither a folder nor a file");
        if (FeatureMoments.IsFile(path))
        {
            var moments = FeatureMoments.Read(path);
            return new SampleSet(path, InStatistics, moments, zeros(0, moments.FeatureSize));
        }

        using var statistics = ReferenceStatistics.Load(path);
        using var merged = statistics.MergeExcept([]);
        return new SampleSet(path, InStatistics, FeatureMoments.FromStatistics(merged), statistics.Samples([]));
    }

    private SampleSet OfFolder(string path, IFeatureExtractor extractor, CancellationToken cancel)
    {
        var pictures = PictureFolder.List(path);
        if (extractor.ExplainMismatch(ImageFolder.SizeOf(pictures.Files)) is { } why)
            throw new BadArgumentException($"{path}: {why}");

        var batches = ImageFolder.Batches(pictures.Files, extractor.InputShape?.Channels ?? 3, BatchSize);
        return OfImages(path, batches, pictures.Files.Count, extractor, cancel) with { PassedOver = pictures.PassedOver };
    }

    private SampleSet OfArray(string path, Tensor array, IFeatureExtractor extractor, CancellationToken cancel)
    {
        var (images, doubt) = ImageArray.Parse(path, array);
        return OfImages(path, FeaturePass.Batches(images), images.shape[0], extractor, cancel) with { Doubt = doubt is null ? null : $"{path}: {doubt}" };
    }

    private SampleSet OfImages(string path, IEnumerable<Tensor> batches, long count, IFeatureExtractor extractor, CancellationToken cancel)
    {
        return OfFeatures(path, "images", FeaturePass.Features(
            extractor, batches.Select(Fitting), seen => terminal.Report(new StageProgress($"features of {path}", (int)seen, (int)count, Losses: null)), cancel));

        Tensor Fitting(Tensor batch) => extractor.ExplainMismatch(batch) is { } why ? throw new BadArgumentException($"{path}: {why}") : batch;
    }

    private static LoadedExtractor RequireExtractor(string path, LoadedExtractor? extractor) =>
        extractor ?? throw new BadArgumentException($"{path} holds images; say what makes features of them with --extractor");

    private static SampleSet OfFeatures(string path, string kind, Tensor features)
    {
        if (!features.is_floating_point())
            throw new BadArgumentException($"{path}: features are floating-point numbers, and these are {features.dtype}");

        using var statistics = FeatureStatistics.FromFeatures(features);
        return new SampleSet(path, kind, FeatureMoments.FromStatistics(statistics), features);
    }

    /// <param name="Path">As the command line names it.</param>
    /// <param name="Kind">What is counted, as a plural.</param>
    /// <param name="Moments">Owned by this.</param>
    /// <param name="Features"><c>[N, d]</c>; none of a statistics file that has none.</param>
    private sealed record SampleSet(string Path, string Kind, FeatureMoments Moments, Tensor Features) : IDisposable
    {
        public IReadOnlyList<SkippedFiles> PassedOver { get; init; } = [];

        public string? Doubt { get; init; }

        public void Dispose() => Moments.Dispose();
    }
}
