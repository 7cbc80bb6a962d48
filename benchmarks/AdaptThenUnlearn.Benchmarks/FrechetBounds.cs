using System.Globalization;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Torch.Measuring;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>
/// How often the Fréchet rules pass generators that they must fail, and pass those that they should. The distances are known in
/// closed form.
/// </summary>
/// <remarks>
/// The reference has mean 0 and a diagonal covariance whose variances fall as 1/i, to one hundredth at the least. The generators
/// scale each feature and shift its mean, half of the distance each: Σ (μ − μᵣ)² + Σ (σ − σᵣ)². Before, the distance is a
/// twentieth of the reference's variance.
/// </remarks>
internal static class FrechetBounds
{
    private const double Confidence = 0.95;
    private const double Limit = 0.5;          // of the increase
    private const double Correlation = 0.8;    // of the two generators over the same latents
    private static readonly double[] _ratios = [1, 1.25, 1 + Limit, 1.75];

    public static void Run(int trials)
    {
        Terminal.WriteLine($"limit of the increase {Limit}, confidence {Confidence}, {trials} trials a row; shares of runs in %");
        Terminal.WriteLine(
            "| features | images | images / feature | kind | ratio of estimates passes at 1.5 (limit) | at 1.75 | bound passes "
                + "at 1.5 (limit) | at 1.75 | at 1.25 | at 1 | not measured at 1 | distance: bound passes at its limit |");
        Terminal.WriteLine("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
        foreach (var (dimensions, images) in new[] { (
            16, 70), (16, 250), (16, 1000), (64, 70), (64, 250), (64, 500), (64, 1300), (64, 5000) })
            foreach (var kind in new[] { Kind.Normal, Kind.Skewed, Kind.Wider })
                if (kind == Kind.Normal || images is 250 or 1300)
                    Terminal.WriteLine(Row(dimensions, images, kind, trials));
    }

    private static string Row(int dimensions, int images, Kind kind, int trials)
    {
        using var scope = NewDisposeScope();
        manual_seed(dimensions * images);
        var deviations = (1 / arange(1, dimensions + 1, float64)).clamp_min(0.01).sqrt();
        var total = deviations.square().sum().item<double>();
        using var reference = new FeatureMoments(
            zeros(dimensions, float64).DetachFromDisposeScope(),
            deviations.square().diag().DetachFromDisposeScope(),
            Count: null);
        IReadOnlyList<long> latents = [.. Enumerable.Range(0, images).Select(image => (long)image)];
        var points = new int[_ratios.Length];
        var bounds = new int[_ratios.Length];
        var (unbounded, absolute) = (0, 0);
        for (var trial = 0; trial < trials; trial++)
        {
            using var inner = NewDisposeScope();
            var shared = Noise();
            var before = Measured(1, shared);
            foreach (var (number, ratio) in _ratios.Index())
            {
                var after = Measured(ratio, Correlation * shared + Math.Sqrt(1 - Correlation * Correlation) * Noise());
                points[number] += after.Distance / before.Distance - 1 <= Limit ? 1 : 0;
                var increase = FrechetBound.ForIncrease(before.Distance, before.Groups, after.Distance, after.Groups, Confidence);
                bounds[number] += increase?.UpperBound <= Limit ? 1 : 0;
                unbounded += number == 0 && increase is null ? 1 : 0;
            }

            absolute += FrechetBound.ForDistance(before.Distance, before.Groups, Confidence) <= total / 20 ? 1 : 0;
        }

        return string.Create(
            CultureInfo.InvariantCulture,
            $"| {dimensions} | {images} | {(double)images / dimensions:0.#} | {kind.ToString().ToLowerInvariant()} | "
                + $"{Share(points[2])} | {Share(points[3])} | {Share(bounds[2])} | {Share(bounds[3])} | {Share(bounds[1])} | "
                + $"{Share(bounds[0])} | {Share(unbounded)} | {Share(absolute)} |");

        string Share(int count) => FormattableString.Invariant($"{100.0 * count / trials:0.#}");

        Tensor Noise()
        {
            var normal = randn(images, dimensions, dtype: float64);
            return kind == Kind.Skewed ? (normal * normal - 1) / Math.Sqrt(2) : normal;   // mean 0, variance 1 either way
        }

        (double Distance, FrechetGroups Groups) Measured(double ratio, Tensor noise)
        {
            var half = ratio / 20 / 2;
            var stretch = kind == Kind.Wider ? 1 + Math.Sqrt(half) : 1 - Math.Sqrt(half);
            var features = noise * deviations * stretch + Math.Sqrt(half * total / dimensions);
            using var statistics = FeatureStatistics.FromFeatures(features);
            using var moments = FeatureMoments.FromStatistics(statistics);
            return (
                FrechetDistance.Between(moments, reference).Value!.Value,
                FrechetDistance.ComputeLeavingOutGroups(features, latents, reference)!);
        }
    }

    private enum Kind
    {
        Normal,
        Skewed,
        Wider,
    }
}
