using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu distance</c>: compares two sets of images or features.</summary>
public sealed class DistanceCommand(Terminal terminal)
{
    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private readonly Argument<string> _generated = new("A")
    {
        Description = "The set to test: a folder of images, an .npy array of images [N, C, H, W] (uint8, or -1 to 1) or of " +
            "features [N, d], or a statistics file (.safetensors, or .npz as pytorch-fid writes it)",
    };

    private readonly Argument<string> _reference = new("B") { Description = "The reference set, in one of the same forms" };
    private readonly ExtractorOptions _extractor = new();
    private readonly Option<int> _subsets = new("--kid-subsets")
    {
        Description = "Number of subsets for the kernel distance", DefaultValueFactory = _ => 100,
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

    private readonly Option<bool> _asJson = new("--json") { Description = "Print the result as JSON" };

    /// <summary>Builds the command.</summary>
    public Command Build()
    {
        var command = new Command("distance", "Compare two sets of images: Fréchet distance, kernel distance, precision, " +
            "recall, density and coverage")
        {
            _generated, _reference, _extractor.Extractor, _extractor.Weights, _subsets, _subsetSize, _seed, _asJson,
            Machine.Device, Machine.Threads,
        };
        command.SetGuardedAction(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        var (subsets, subsetSize) = (parsed.GetValue(_subsets), parsed.GetValue(_subsetSize));
        if (subsets < 1 || subsetSize < 2)
            throw new BadArgumentException("--kid-subsets must be at least 1 and --kid-subset-size at least 2");

        // Read both sets and check that they fit each other.
        var device = Machine.Prepare(parsed);
        using var scope = NewDisposeScope();
        using var extractor = _extractor.Load(parsed, device);
        var reader = new SampleSetReader(
            extractor, (what, seen, all) => terminal.Report(new StageProgress(what, (int)seen, (int)all, Losses: null)), cancel);
        using var generated = reader.Read(parsed.GetRequiredValue(_generated));
        using var reference = reader.Read(parsed.GetRequiredValue(_reference));
        foreach (var doubt in new[] { generated.Doubt, reference.Doubt }.OfType<string>())
            terminal.WriteDiagnostic(new BuildMessage(Severity.Warning, "ATU2102", doubt));
        foreach (var (name, set) in new[] { ("A", generated), ("B", reference) })
            if (extractor is not null && set.Moments.FeatureSize != extractor.Extractor.FeatureSize)
                throw new BadArgumentException(
                    $"{name} has {set.Moments.FeatureSize} features per image, the extractor makes " +
                    $"{extractor.Extractor.FeatureSize}");
        if (generated.Moments.FeatureSize != reference.Moments.FeatureSize)
            throw new BadArgumentException(
                $"A has {generated.Moments.FeatureSize} features per image and B has {reference.Moments.FeatureSize}: they " +
                "were made by different extractors");

        // Compare them.
        var metric = extractor?.Metric ?? "Fréchet distance";
        var frechet = FrechetDistance.Between(generated.Moments, reference.Moments);
        var kernel = KernelDistance.Between(reference.Features, generated.Features, subsets, subsetSize, parsed.GetValue(_seed));
        var manifold = ManifoldMetrics.Compute(reference.Features, generated.Features);

        // Print the result.
        if (parsed.GetValue(_asJson))
            Terminal.WriteResultDocument(JsonSerializer.Serialize(
                CreateDocument(parsed, metric, frechet, kernel, manifold, generated, reference, extractor), _json));
        else
            PrintResult(metric, frechet, kernel, manifold, generated, reference);
        if (frechet.NotMeasured is { } why)
            throw new InvalidDataException($"the {metric} was not measured: {why}");
        return ExitCodes.Passed;
    }

    private object CreateDocument(
        ParseResult parsed, string metric, MetricResult frechet, KernelDistance kernel, ManifoldMetrics manifold, SampleSet generated,
        SampleSet reference, LoadedExtractor? extractor)
    {
        return new
        {
            metric,
            frechetDistance = frechet.Value,
            notMeasured = frechet.NotMeasured,
            kid = kernel.Mean,
            kidDeviation = kernel.Deviation,
            precision = manifold.Precision,
            recall = manifold.Recall,
            density = manifold.Density,
            coverage = manifold.Coverage,
            kidNotMeasured = kernel.NotMeasured,
            manifoldNotMeasured = manifold.NotMeasured,
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
                kidSubsets = parsed.GetValue(_subsets),
                kidSubsetSize = Math.Min(parsed.GetValue(_subsetSize), Math.Min(generated.Features.shape[0], reference.Features.shape[0])),
                seed = parsed.GetValue(_seed),
                precisionNeighbours = ManifoldMetrics.PrecisionNeighbours,
                densityNeighbours = ManifoldMetrics.DensityNeighbours,
            },
        };
    }

    private static void PrintResult(string metric, MetricResult frechet, KernelDistance kernel, ManifoldMetrics manifold, SampleSet generated, SampleSet reference)
    {
        foreach (var (name, value, why) in new[]
        {
            (metric, frechet.Value, null), ("kernel distance (KID)", kernel.Mean, kernel.NotMeasured), ("precision", manifold.Precision, manifold.NotMeasured),
            ("recall", manifold.Recall, manifold.NotMeasured), ("density", manifold.Density, manifold.NotMeasured), ("coverage", manifold.Coverage, manifold.NotMeasured),
        })
            Line(name, value?.ToString("G6", CultureInfo.InvariantCulture) ?? "not measured" + (why is null ? "" : $": {why}"));
        foreach (var (name, set) in new[] { ("A", generated), ("B", reference) })
        {
            Line(name, FormattableString.Invariant($"{set.Moments.Count?.ToString(CultureInfo.InvariantCulture) ?? "an unknown number of"} {set.Kind}, {set.Path}"));
            foreach (var passed in set.SkippedFiles)
                Line("", $"passed over: {passed}");
        }

        static void Line(string name, string value) => Terminal.WriteResultLine($"{name,-29} {value}");
    }
}
