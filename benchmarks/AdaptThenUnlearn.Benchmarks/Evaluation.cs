using System.Diagnostics;
using AdaptThenUnlearn.Torch;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>What measuring costs: making and classifying images, and Fréchet distances of features of different lengths.</summary>
internal static class Evaluation
{
    private const int Images = 10_000;
    private static readonly int[] _featureSizes = [64, 192, 2048];

    public static void Run()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var generator = new StyleGan2Generator(BenchmarkGan.Embedded);
        generator.eval();
        using var classifier = ClassifierArchitectures.Build(StridedConvNet.Name, generator.Shape, [.. Enumerable.Range(0, 10).Select(number => $"{number}")]);
        classifier.eval();
        var draws = new EvaluationImages(new RandomStreams(1, "benchmark"), Truncation: 1, CPU);
        Tell($"{Images} images made", () =>
        {
            foreach (var batch in EvaluationImages.UpTo(Images))
                draws.Draw(generator, batch).Dispose();
        });
        Tell($"{Images} images made and classified", () =>
        {
            foreach (var batch in EvaluationImages.UpTo(Images))
            {
                using var each = NewDisposeScope();
                classifier.Logits(classifier.Features(draws.Draw(generator, batch)));
            }
        });
        foreach (var size in _featureSizes)
        {
            using var first = FeatureStatistics.Of(randn(2 * size, size));
            using var second = FeatureStatistics.Of(randn(2 * size, size) * 1.1);
            Tell($"Fréchet distance, {size} dimensions", () => FrechetDistance.Between(first, second));
        }
    }

    private static void Tell(string what, Action work)
    {
        work();
        var clock = Stopwatch.StartNew();
        work();
        Terminal.Say(FormattableString.Invariant($"{what}: {clock.Elapsed.TotalSeconds:F3} s ({get_num_threads()} threads)"));
    }
}
