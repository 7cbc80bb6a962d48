using System.Globalization;
using System.Text.Json;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>
/// Statistics of real images' features, class by class (for images with several labels: combination by combination). The images
/// need not be kept.
/// </summary>
/// <remarks>
/// Kept as safetensors: <c>count</c> [C], <c>sum</c> [C, d], <c>outerSum</c> [C, d, d] (all float64), <c>samples</c> [M, d]
/// (float32) with <c>sampleLabels</c> [M], and <c>confusion</c> [C, C]: row the true class, column the extractor's answer for
/// real test images. Where test images were labelled, also <c>testCounts</c> [K, 4] (int64: images with a class, missed, images
/// without it, false alarms; without a threshold) and <c>testScores</c> [K, M] (float32, see <see cref="ScoreRows"/>). The
/// metadata's <c>test</c> names the K classes, and says with which classes and outputs the extractor was tested.
/// </remarks>
public sealed class ReferenceStatistics : IDisposable
{
    /// <summary>What its metadata say it is.</summary>
    public const string Kind = "reference-statistics";

    private const string CombinationsKey = "combinations";
    private const string UseKey = "extractorUse";
    private const string TestKey = "test";
    private const string TestCountsName = "testCounts";
    private const string TestScoresName = "testScores";
    private const int CountsOfAClass = 4;
    private static readonly JsonSerializerOptions _testJson =
        new(JsonSerializerOptions.Strict) { PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    private readonly Tensor _count;
    private readonly Tensor _sum;
    private readonly Tensor _outerSum;
    private readonly Tensor _samples;
    private readonly Tensor _sampleLabels;
    private readonly Tensor _confusion;

    private ReferenceStatistics(
        IReadOnlyList<string> classes,
        IReadOnlyList<IReadOnlyList<string>>? combinations,
        string extractorSha256,
        double floor,
        Tensor count,
        Tensor sum,
        Tensor outerSum,
        Tensor samples,
        Tensor sampleLabels,
        Tensor confusion)
    {
        (Classes, Combinations, ExtractorSha256, Floor) = (classes, combinations, extractorSha256, floor);
        (_count, _sum, _outerSum) =
            (count.DetachFromDisposeScope(), sum.DetachFromDisposeScope(), outerSum.DetachFromDisposeScope());
        (_samples, _sampleLabels, _confusion) =
            (samples.DetachFromDisposeScope(), sampleLabels.DetachFromDisposeScope(), confusion.DetachFromDisposeScope());
    }

    /// <summary>Names of the classes, or of the combinations of labels.</summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>For each combination the labels it consists of; null where images have one label each.</summary>
    public IReadOnlyList<IReadOnlyList<string>>? Combinations { get; }

    /// <summary>Everything that can be left out: classes, or labels.</summary>
    public IReadOnlyList<string> Names =>
        Combinations is null ? Classes : [.. Combinations.SelectMany(labels => labels).Distinct()];

    /// <summary>
    /// Digest of the extractor whose features these are, as it was used: <see cref="LoadedExtractor.Sha256AsUsed"/>.
    /// </summary>
    public string ExtractorSha256 { get; }

    /// <summary>How it was used, in words; null where nothing was said. The digest alone decides.</summary>
    public string? ExtractorUse { get; init; }

    /// <summary>How it did on labelled test images; null where none were tried, or the file keeps a confusion alone.</summary>
    public ExtractorTest? Test { get; init; }

    /// <summary>What is known of the extractor's errors.</summary>
    public ReferenceErrors Errors => new(OfConfusion(), Test);

    /// <summary>Fréchet distance between real training and real test images: what a perfect generator would reach.</summary>
    public double Floor { get; }

    /// <summary>Length of a feature vector.</summary>
    public int FeatureSize => (int)_sum.shape[1];

    /// <summary>Builds statistics.</summary>
    /// <param name="classes">Names; labels are positions among them.</param>
    /// <param name="features">Of real images, <c>[N, d]</c>.</param>
    /// <param name="labels"><c>[N]</c>, int64.</param>
    /// <param name="samplesPerClass">
    /// Single features kept of each class: the first ones. Combinations, some of which are rare, share as many among them in
    /// proportion to their images.
    /// </param>
    /// <param name="extractorSha256">Digest of the extractor that made them, as it was used.</param>
    /// <param name="confusion"><c>[C, C]</c>, int64: row the true class, column the extractor's answer.</param>
    /// <param name="floor">Real training images against real test images.</param>
    /// <param name="combinations">For each class the labels it consists of, where images may have several.</param>
    /// <param name="extractorUse">How the extractor was used, in words; null where nothing was said.</param>
    /// <param name="test">How the extractor did on labelled test images; null where none were tried.</param>
    public static ReferenceStatistics Build(
        IReadOnlyList<string> classes,
        Tensor features,
        Tensor labels,
        int samplesPerClass,
        string extractorSha256,
        Tensor confusion,
        double floor,
        IReadOnlyList<IReadOnlyList<string>>? combinations = null,
        string? extractorUse = null,
        ExtractorTest? test = null)
    {
        using var scope = NewDisposeScope();
        var byClass = Enumerable.Range(0, classes.Count).Select(number => features[labels.eq(Scalars.Of(number))]).ToList();
        var statistics = byClass.Select(FeatureStatistics.FromFeatures).ToList();
        var samples = byClass.Select(some => some.narrow(0, 0, Math.Min(Kept(some.shape[0]), some.shape[0])).to(float32))
            .ToList();
        var built = new ReferenceStatistics(
            classes,
            combinations,
            extractorSha256,
            floor,
            tensor(statistics.Select(each => each.Count).ToArray()),
            stack([.. statistics.Select(each => each.Sum)]),
            stack([.. statistics.Select(each => each.OuterSum)]),
            cat(samples),
            cat([.. samples.Select((some, number) => full(some.shape[0], Scalars.Of(number), dtype: int64))]),
            confusion.clone())
        { ExtractorUse = extractorUse, Test = test };
        foreach (var each in statistics)
            each.Dispose();
        return built;

        long Kept(long images) => combinations is null
            ? samplesPerClass
            : Math.Max(1, (long)Math.Round((double)samplesPerClass * classes.Count * images / features.shape[0]));
    }

    /// <summary>Reads statistics.</summary>
    /// <exception cref="CheckpointException">The file is missing, damaged, or no reference statistics.</exception>
    public static ReferenceStatistics Load(string path) => Load(CheckpointFile.Open(path));

    /// <inheritdoc cref="Load(string)"/>
    /// <param name="opened">As it was hashed.</param>
    public static ReferenceStatistics Load(CheckpointFile opened)
    {
        using var scope = NewDisposeScope();
        var path = opened.Path;
        var file = CheckpointFormats.Read(opened, SafetensorsFormat.FormatName);
        if (file.Metadata.GetValueOrDefault("kind") != Kind)
            throw new CheckpointException(
                path, $"holds no reference statistics (its metadata has no kind={Kind})", "make them with `atu reference`");

        try
        {
            var classes = JsonSerializer.Deserialize<string[]>(file.Metadata["classes"]) ?? [];
            var combinations = file.Metadata.TryGetValue(CombinationsKey, out var text)
                ? JsonSerializer.Deserialize<string[][]>(text)
                : null;
            var read = new ReferenceStatistics(
                classes,
                combinations,
                file.Metadata["extractorSha256"],
                double.Parse(file.Metadata["floor"], CultureInfo.InvariantCulture),
                file["count"].Load(int64), file["sum"].Load(float64), file["outerSum"].Load(float64),
                file["samples"].Load(float32), file["sampleLabels"].Load(int64), file["confusion"].Load(int64))
            { ExtractorUse = file.Metadata.GetValueOrDefault(UseKey), Test = ReadTest(file) };
            return read.IsConsistent() ? read : throw new CheckpointException(
                path, "is damaged: its statistics do not fit each other", "make it again with `atu reference`");
        }
        catch (Exception damaged) when (damaged is KeyNotFoundException or FormatException or JsonException)
        {
            throw new CheckpointException(
                path, $"is damaged: {damaged.Message}", "make it again with `atu reference`", cause: damaged);
        }
    }

    /// <summary>Writes them; the same statistics give the same bytes.</summary>
    /// <exception cref="FileNotWrittenException">The file cannot be written.</exception>
    public void Save(string path)
    {
        var metadata = new Dictionary<string, string>
        {
            ["kind"] = Kind,
            ["classes"] = JsonSerializer.Serialize(Classes),
            ["extractorSha256"] = ExtractorSha256,
            ["floor"] = Floor.ToString("R", CultureInfo.InvariantCulture),
        };
        if (Combinations is not null)
            metadata[CombinationsKey] = JsonSerializer.Serialize(Combinations);
        if (ExtractorUse is not null)
            metadata[UseKey] = ExtractorUse;
        using var scope = NewDisposeScope();
        var tensors = new Dictionary<string, Tensor>
        {
            ["count"] = _count,
            ["sum"] = _sum,
            ["outerSum"] = _outerSum,
            ["samples"] = _samples,
            ["sampleLabels"] = _sampleLabels,
            ["confusion"] = _confusion,
        };
        if (Test is not null)
            WriteTest(Test, tensors, metadata);
        SafetensorsFile.Write(path, tensors, metadata);
    }

    private static void WriteTest(
        ExtractorTest test, Dictionary<string, Tensor> tensors, Dictionary<string, string> metadata)
    {
        metadata[TestKey] = JsonSerializer.Serialize(
            new TestedExtractor(
                [.. test.Tested.Select(each => each.Class)], test.Classes, ClassifierCheckpoint.NameOf(test.Outputs)),
            _testJson);
        tensors[TestCountsName] = tensor(
            test.Tested.SelectMany(each => new long[]
            {
                each.Error.With, each.Error.Missed, each.Error.Without, each.Error.FalseAlarms
            }).ToArray(),
            [test.Tested.Count, CountsOfAClass]);
        tensors[TestScoresName] = ScoreRows.Write([.. test.Tested.Select(each => each.Scores)]);
    }

    // Null where the file has none; files that keep a confusion alone are read as before.
    private static ExtractorTest? ReadTest(TensorFile file)
    {
        if (!file.Metadata.TryGetValue(TestKey, out var text))
            return null;

        var tested = JsonSerializer.Deserialize<TestedExtractor>(text, _testJson)
            ?? throw new FormatException("its metadata 'test' is empty");
        var counts = file[TestCountsName].Load();
        if (counts.dtype != int64 || !counts.shape.SequenceEqual([tested.Tested.Count, CountsOfAClass]))
            throw new FormatException("its 'testCounts' do not fit its metadata 'test'");
        var errors = counts.data<long>().ToArray().Chunk(CountsOfAClass).Select((row, number) =>
            row.All(count => count <= int.MaxValue)
            && new DetectionCounts("", row[0], row[1], row[2], row[3]).ArePossible
                ? new HeldOutError((int)row[0], (int)row[1], (int)row[2], (int)row[3])
                : throw new FormatException($"its counts of the class '{tested.Tested[number]}' are impossible")).ToList();
        var scores = ScoreRows.Read(
            file[TestScoresName].Load(), [.. tested.Tested.Zip(errors, (name, error) => (name, error.With, error.Without))]);
        return new ExtractorTest(
            tested.Classes,
            ClassifierCheckpoint.ParseOutputs(tested.Outputs),
            [.. tested.Tested.Select((name, number) => new ClassTest(name, errors[number], scores[number]))]);
    }

    /// <summary>Statistics of all classes but some, merged; belong to the caller.</summary>
    /// <param name="excluded">
    /// Names of the classes to leave out; of labels, every combination with one of them is left out.
    /// </param>
    public FeatureStatistics MergeExcept(IReadOnlyList<string> excluded)
    {
        using var scope = NewDisposeScope();
        var rows = Retained(excluded);
        return new FeatureStatistics(
            _count.index_select(0, rows).sum().item<long>(),
            _sum.index_select(0, rows).sum([0]),
            _outerSum.index_select(0, rows).sum([0]));
    }

    /// <summary>Single features of all classes but some, <c>[M, d]</c>, float32; belong to the caller.</summary>
    /// <param name="excluded">As for <see cref="MergeExcept"/>.</param>
    public Tensor Samples(IReadOnlyList<string> excluded)
    {
        using var scope = NewDisposeScope();
        return _samples[isin(_sampleLabels, Retained(excluded))].DetachFromDisposeScope();
    }

    /// <summary>
    /// For each class, how often the extractor sees it in real images of other classes: a rate below which it cannot tell, 0 to
    /// 1. Without a threshold, and without the classes of which no such image was tried.
    /// </summary>
    public IReadOnlyDictionary<string, double> FalsePositiveRates() =>
        Errors.CountsWithoutThreshold
            .Where(pair => pair.Value.Without > 0)
            .ToDictionary(pair => pair.Key, pair => (double)pair.Value.FalseAlarms / pair.Value.Without);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var held in new[] { _count, _sum, _outerSum, _samples, _sampleLabels, _confusion })
            held.Dispose();
    }

    // How the extractor did on real test images of each class and of the others; empty where nothing was tried.
    private Dictionary<string, DetectionCounts> OfConfusion()
    {
        using var scope = NewDisposeScope();
        var predicted = _confusion.sum([0]).data<long>().ToArray();
        var actual = _confusion.sum([1]).data<long>().ToArray();
        var right = _confusion.diagonal().contiguous().data<long>().ToArray();
        var all = actual.Sum();
        return Enumerable.Range(0, Classes.Count).Where(number => all > 0).ToDictionary(
            number => Classes[number],
            number => new DetectionCounts(
                ExtractorTest.Source,
                actual[number],
                actual[number] - right[number],
                all - actual[number],
                predicted[number] - right[number]));
    }

    private Tensor Retained(IReadOnlyList<string> excluded) =>
        tensor(Enumerable.Range(0, Classes.Count)
            .Where(number => !(Combinations?[number] ?? [Classes[number]]).Any(excluded.Contains))
            .Select(number => (long)number)
            .ToArray());

    private bool IsConsistent()
    {
        var (classes, size) = ((long)Classes.Count, _sum.dim() == 2 ? _sum.shape[1] : -1);
        return (Combinations is null || Combinations.Count == classes)
            && _count.shape.SequenceEqual([classes])
            && _sum.shape.SequenceEqual([classes, size])
            && _outerSum.shape.SequenceEqual([classes, size, size])
            && _samples.dim() == 2 && _samples.shape[1] == size
            && _sampleLabels.shape.SequenceEqual([_samples.shape[0]])
            && _confusion.shape.SequenceEqual([classes, classes]) && _confusion.ge(Scalars.Of(0)).all().item<bool>();
    }

    // The metadata's 'test': the classes of which images have labels, and all of the extractor's, with its kind of outputs.
    private sealed record TestedExtractor(IReadOnlyList<string> Tested, IReadOnlyList<string> Classes, string Outputs);
}
