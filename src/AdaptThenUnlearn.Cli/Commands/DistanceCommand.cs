using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu distance</c>: compares two sets of images or features.</summary>
public sealed class DistanceCommand(Terminal terminal)
{
    private readonly Argument<string> _generated = new("A")
    {
        Description = "The set to test: a folder of images, an .npy array of images [N, C, H, W] (uint8, or -1 to 1) or of " +
            "features [N, d], or a statistics file (.safetensors, or .npz as pytorch-fid writes it)",
    };

    private readonly Argument<string> _reference = new("B") { Description = "The reference set, in one of the same forms" };
    private readonly ExtractorOptions _extractor = new();
    private readonly Option<int> _subsets = new("--kid-subsets")
    {
        Description = "Number of subsets for the kernel distance",
        DefaultValueFactory = _ => 100,
    };

    private readonly Option<int> _subsetSize = new("--kid-subset-size")
    {
        Description = "Images in each subset",
        DefaultValueFactory = _ => 1000,
    };

    private readonly Option<long> _seed = new("--seed")
    {
        Description = "Seed for drawing the subsets",
        DefaultValueFactory = _ => 2021,
    };

    /// <summary>Builds the command.</summary>
    public Command Build()
    {
        var metrics = string.Join("; ", QualityMetrics.All.Select(metric => metric.Metric.Title));
        var command = new Command("distance", $"Compare two sets of images: {metrics}")
        {
            _generated, _reference, _subsets, _subsetSize, _seed, Terminal.Json, Machine.Device, Machine.Threads,
        };
        foreach (var option in _extractor.All)
            command.Add(option);
        command.SetGuardedAction(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        var (subsets, subsetSize) = (parsed.GetValue(_subsets), parsed.GetValue(_subsetSize));
        if (subsets < 1 || subsetSize < 2)
            throw new BadArgumentException("--kid-subsets must be at least 1 and --kid-subset-size at least 2");

        // Read both sets and check that they fit each other.
        var device = Machine.Prepare(parsed, terminal);
        using var scope = NewDisposeScope();
        using var extractor = _extractor.Load(parsed, device);
        var reader = new SampleSetReader(
            extractor, (what, seen, all) => terminal.Report(new StageProgress(what, (int)seen, (int)all, Losses: null)), cancel);
        using var generated = reader.Read(parsed.GetRequiredValue(_generated));
        using var reference = reader.Read(parsed.GetRequiredValue(_reference));
        foreach (var doubt in new[] { generated.Doubt, reference.Doubt }.OfType<string>())
            terminal.WriteDiagnostic(new BuildMessage(Severity.Warning, RunCodes.DoubtfulData, doubt));
        foreach (var (name, set) in new[] { ("A", generated), ("B", reference) })
            if (extractor is not null && set.Moments.FeatureSize != extractor.Extractor.FeatureSize)
                throw new BadArgumentException(
                    $"{name} has {set.Moments.FeatureSize} features per image, the extractor makes " +
                    $"{extractor.Extractor.FeatureSize}");
        if (generated.Moments.FeatureSize != reference.Moments.FeatureSize)
            throw new BadArgumentException(
                $"A has {generated.Moments.FeatureSize} features per image and B has {reference.Moments.FeatureSize}: they " +
                "were made by different extractors");

        if (generated.ExtractorSha256 is { } one && reference.ExtractorSha256 is { } other && one != other)
            throw new BadArgumentException(
                "the features of A and B were made by different extractors, or by one that was used in different ways " +
                $"(SHA-256 {one} and {other}), and cannot be compared");

        foreach (var (name, set) in new[] { ("A", generated), ("B", reference) })
            if (extractor is not null && set.ExtractorSha256 is { } maker && maker != extractor.Sha256AsUsed)
                throw new BadArgumentException(
                    $"{name} was made by another extractor than --extractor names, or by one that was used in another way " +
                    $"(SHA-256 {maker}, this one is {extractor.Sha256AsUsed})");

        // Compute every metric of the catalogue; one that cannot be measured does not keep the others from it.
        var distanceName = extractor?.Metric ?? RecordedMetrics.FrechetDistance.Title;
        var compared = new ComparedFeatures(
            generated.Features, reference.Features, generated.Moments, reference.Moments,
            new MetricSettings(subsets, subsetSize, parsed.GetValue(_seed), EqualNumbers: false));
        IReadOnlyList<(IQualityMetric Metric, MetricResult Result)> results =
        [
            .. QualityMetrics.All.Select(metric => (metric, metric.Compute(compared)))
        ];

        // Print them, with all that decided them.
        var details = new
        {
            n = new[] { generated.Moments.Count, reference.Moments.Count },
            sets = new[] { generated, reference }.Select(set => new
            {
                set.Path,
                set.Kind,
                count = set.Moments.Count,
                passedOver = set.SkippedFiles.Select(
                    some => new { why = some.Why, count = some.Entries.Count, first = some.First }),
                set.Doubt,
            }),
            features = new[] { generated.Features.shape[0], reference.Features.shape[0] },
            dimension = reference.Moments.FeatureSize,
            settings = new
            {
                extractor = extractor?.Sha256,
                extractor?.Use.Preprocessing,
                extractor?.Use.Output,
                extractor?.Use.Tokens,
                kidSubsets = subsets,
                kidSubsetSize = Math.Min(subsetSize, Math.Min(generated.Features.shape[0], reference.Features.shape[0])),
                seed = parsed.GetValue(_seed),
                precisionNeighbours = ManifoldMetrics.PrecisionNeighbours,
                densityNeighbours = ManifoldMetrics.DensityNeighbours,
            },
        };
        Terminal.WriteJson(
            ToJson(distanceName, results, JsonSerializer.SerializeToNode(details, JsonSerializerOptions.Web)!.AsObject()));
        PrintResult(distanceName, results, generated, reference);
        if (results.First(each => each.Metric.Metric == RecordedMetrics.FrechetDistance).Result.NotMeasured is { } why)
            throw new InvalidDataException($"the {distanceName} was not measured: {why}");
        return ExitCodes.Passed;
    }

    // Metrics that are computed together share the key of their reason.
    private static JsonObject ToJson(
        string distanceName, IReadOnlyList<(IQualityMetric Metric, MetricResult Result)> results, JsonObject details)
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
        string distanceName,
        IReadOnlyList<(IQualityMetric Metric, MetricResult Result)> results,
        SampleSet generated,
        SampleSet reference)
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
            Line(name, FormattableString.Invariant(
                $"{set.Moments.Count?.ToString(CultureInfo.InvariantCulture) ?? "an unknown number of"} {set.Kind}, {set.Path}"));
            foreach (var passed in set.SkippedFiles)
                Line("", $"passed over: {passed}");
        }

        static void Line(string name, string value) => Terminal.WriteResultLine($"{name,-29} {value}");
    }
}
