using System.Text.RegularExpressions;
using AdaptThenUnlearn.Torch.Measuring;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Measuring;

/// <summary>What every metric of image quality must do, as a function over any of them.</summary>
internal static partial class QualityMetricContract
{
    private const int Vectors = 400;
    private const int Dimension = 4;
    private const double NearIdeal = 0.25;   // neighbour counts and subsets are not exact

    private static readonly MetricSettings _settings = new(KernelSubsets: 5, KernelSubsetSize: 400, Seed: 7, EqualNumbers: false);

    /// <summary>Everything that a metric does wrong, in sentences; none where it keeps the contract.</summary>
    public static IReadOnlyList<string> FindProblems(IQualityMetric metric)
    {
        using var scope = NewDisposeScope();
        return [.. CheckNames(metric), .. CheckValues(metric), .. CheckUnmeasured(metric), .. CheckSideEffects(metric)];
    }

    private static IEnumerable<string> CheckNames(IQualityMetric metric)
    {
        if (!NamePattern().IsMatch(metric.Metric.Name))
            yield return $"the name '{metric.Metric.Name}' is not a key in camel case";
        if (string.IsNullOrWhiteSpace(metric.Metric.Title) || string.IsNullOrWhiteSpace(metric.Metric.Unit))
            yield return "it has no title or no unit";
        if (!metric.Description.EndsWith('.') || metric.Description.Length < 20)
            yield return $"the description '{metric.Description}' is not a sentence";
    }

    private static IEnumerable<string> CheckValues(IQualityMetric metric)
    {
        var set = Sample(seed: 1);
        List<(string Pair, double? Value)> ladder =
        [
            ("the same set twice", Value(metric, set, set)),
            ("sets half a deviation apart", Value(metric, set + 0.5, set)),
            ("sets without anything in common", Value(metric, set + 1000, set)),
            ("sets twice as far apart", Value(metric, set + 2000, set)),
        ];
        foreach (var (pair, _) in ladder.Where(rung => rung.Value is null))
            yield return $"{pair}: not measured";
        if (ladder.Exists(rung => rung.Value is null))
            yield break;

        if (Math.Abs(ladder[0].Value!.Value - metric.Ideal) > NearIdeal)
            yield return $"{ladder[0].Pair}: {ladder[0].Value} instead of about {metric.Ideal}";
        if (!IsBetter(metric, ladder[0].Value!.Value, ladder[2].Value!.Value))
            yield return $"{ladder[0].Pair} is not better than {ladder[2].Pair}";
        foreach (var (better, worse) in ladder.Zip(ladder.Skip(1))
            .Where(pair => IsBetter(metric, pair.Second.Value!.Value, pair.First.Value!.Value)))
            yield return $"{worse.Pair} is better than {better.Pair}";
        if (metric.Worst is { } worst && ladder[2].Value != worst)
            yield return $"{ladder[2].Pair}: {ladder[2].Value} instead of {worst}";
        if (metric.Worst is null && !IsBetter(metric, ladder[2].Value!.Value, ladder[3].Value!.Value))
            yield return $"{ladder[3].Pair} is not worse, and no bound is stated for it";
    }

    private static IEnumerable<string> CheckUnmeasured(IQualityMetric metric)
    {
        var set = Sample(seed: 1);
        foreach (var number in new[] { double.NaN, double.PositiveInfinity })
        {
            var broken = set.clone();
            broken[3, 1] = number;
            foreach (var (generated, reference) in new[] { (broken, set), (set, broken), (broken, broken) })
                if (Why(Measure(metric, generated, reference)) is { } wrong)
                    yield return $"features that hold {number}: {wrong}";
        }

        var none = zeros([0, Dimension], float64);
        foreach (var (generated, reference) in new[] { (none, set), (set, none), (none, none) })
            if (Why(Measure(metric, generated, reference)) is { } wrong)
                yield return $"a set without vectors: {wrong}";

        var constant = full([Vectors, Dimension], 0.1, float64);
        if (Why(Measure(metric, constant, constant)) is { } same)
            yield return $"features that never vary: {same}";

        static string? Why(MetricResult result) =>
            result.Value is { } value ? $"{value} instead of not measured"
            : string.IsNullOrWhiteSpace(result.NotMeasured) ? "no reason why it is not measured"
            : null;
    }

    private static IEnumerable<string> CheckSideEffects(IQualityMetric metric)
    {
        var (generated, reference) = (Sample(seed: 1), Sample(seed: 2));
        var (generatedBefore, referenceBefore) = (generated.clone(), reference.clone());
        var first = Measure(metric, generated, reference);
        var live = Small.LiveTensors();
        if (Measure(metric, generated, reference) != first)
            yield return "the same sets give another result the second time";
        if (Small.LiveTensors() != live)
            yield return "it leaves tensors behind";
        if (!generated.equal(generatedBefore).all().item<bool>() || !reference.equal(referenceBefore).all().item<bool>())
            yield return "it changes the features";
        if (first.Value is not null == first.NotMeasured is not null)
            yield return "it gives a value and a reason, or neither";
        if (first.Deviation is not null != metric.HasDeviation)
            yield return "it does not say whether it has a deviation";
    }

    private static bool IsBetter(IQualityMetric metric, double one, double other) =>
        metric.Metric.IsHigherBetter ? one > other : one < other;

    private static double? Value(IQualityMetric metric, Tensor generated, Tensor reference) =>
        Measure(metric, generated, reference).Value;

    private static MetricResult Measure(IQualityMetric metric, Tensor generated, Tensor reference)
    {
        using var scope = NewDisposeScope();
        using var generatedStatistics = FeatureStatistics.FromFeatures(generated);
        using var referenceStatistics = FeatureStatistics.FromFeatures(reference);
        using var generatedMoments = FeatureMoments.FromStatistics(generatedStatistics);
        using var referenceMoments = FeatureMoments.FromStatistics(referenceStatistics);
        return metric.Compute(new ComparedFeatures(generated, reference, generatedMoments, referenceMoments, _settings));
    }

    private static Tensor Sample(ulong seed)
    {
        using var random = new Generator(seed, CPU);
        return randn([Vectors, Dimension], float64, generator: random);
    }

    [GeneratedRegex("^[a-z][A-Za-z0-9]+$")]
    private static partial Regex NamePattern();
}
