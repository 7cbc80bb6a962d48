using System.Diagnostics;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Measuring;
using TorchSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>
/// The cost of measuring: generating and classifying images, and Fréchet distances of features of different lengths.
/// </summary>
internal static class Evaluation
{
    private const int Images = 10_000;
    private const int InceptionImages = 64;
    private static readonly int[] _featureSizes = [64, 192, 2048];

    /// <param name="device">The device that generates and classifies images; distances are always computed on the CPU.</param>
    public static void Run(string device)
    {
        var on = TorchBackend.Choose(device);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var measured = new BenchmarkMeasuring(on);
        using var inception = new InceptionV3();
        inception.to(on);
        inception.eval();
        MeasureTime($"{Images} images made", on, () =>
        {
            foreach (var batch in EvaluationImages.EnumerateBatches(Images))
                measured.Draw(batch).Dispose();
        });
        MeasureTime($"{Images} images made and classified", on, () =>
        {
            foreach (var batch in EvaluationImages.EnumerateBatches(Images))
            {
                using var each = NewDisposeScope();
                measured.Classify(batch);
            }
        });
        MeasureTime($"{InceptionImages} images through Inception-v3", on, () =>
        {
            foreach (var batch in EvaluationImages.EnumerateBatches(InceptionImages))
            {
                using var each = NewDisposeScope();
                foreach (var some in measured.Draw(batch).expand(-1, 3, -1, -1).split(16))
                    inception.call(some / 2 + 0.5);
            }
        });
        foreach (var size in _featureSizes)
        {
            using var first = FeatureStatistics.FromFeatures(randn(2 * size, size));
            using var second = FeatureStatistics.FromFeatures(randn(2 * size, size) * 1.1);
            MeasureTime($"Fréchet distance, {size} dimensions", CPU, () => FrechetDistance.Between(first, second));
        }
    }

    private static void MeasureTime(string what, Device on, Action work)
    {
        work();
        on.Wait();
        var clock = Stopwatch.StartNew();
        work();
        on.Wait();
        Terminal.WriteLine(
            FormattableString.Invariant($"{what}: {clock.Elapsed.TotalSeconds:F3} s ({on}, {get_num_threads()} threads)"));
    }
}
