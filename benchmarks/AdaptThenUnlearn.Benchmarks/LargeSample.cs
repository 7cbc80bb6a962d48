using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>
/// Memory while a very large sample is measured: it must not grow, and the reading must stay small. The generator is the
/// smallest that can be had, with images of 16×16, and everything else is the product's own.
/// </summary>
internal static class LargeSample
{
    private const int Reports = 10;
    private static readonly StyleGan2Settings _smallest =
        new(Resolution: 16, ImageChannels: 1, LatentSize: 2, MappingLayers: 1, Channels: [2, 2, 2]);

    public static void Run(int images)
    {
        var folder = Directory.CreateTempSubdirectory("atu-large-");
        try
        {
            using var generator = new StyleGan2Generator(_smallest);
            generator.eval();
            var policy = Coverage.Policy(images, images, features: 1, EvaluationOptions.IgnoreErrors);
            SaveClassifier(Path.Combine(folder.FullName, policy.Classifiers["auditor"].Checkpoint!), generator.Shape);
            using var classifiers = PolicyClassifiers.Load(
                policy, path => Path.Combine(folder.FullName, path), path => CheckpointFile.Open(path), generator.Shape, CPU);
            var measured = Measure(
                new GeneratorEvaluator(
                    policy, classifiers, reference: null, EvaluationImages.FromOptions(policy.Evaluation, CPU)),
                generator,
                images);
            Terminal.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"the reading, of {measured.Features[0].Looks[^1].Samples} images, has "
                    + $"{JsonSerializer.SerializeToUtf8Bytes(measured).Length} bytes"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static void SaveClassifier(string path, ImageShape shape)
    {
        using var classifier = ClassifierArchitectures.Build(StridedConvNet.Name, shape, ["0", "other"]);
        classifier.eval();
        ClassifierCheckpoint.Save(path, classifier);
    }

    private static Measurement Measure(GeneratorEvaluator evaluator, ImageGenerator generator, int images)
    {
        var clock = Stopwatch.StartNew();
        var every = Math.Max(1, images / Reports);
        return evaluator.Measure(generator, new string('a', 64), new Meter(done =>
        {
            if (done % every != 0)
                return;

            using var process = Process.GetCurrentProcess();
            Terminal.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{done} images: {process.WorkingSet64 / 1e6:F0} MB ({GC.GetTotalMemory(false) / 1e6:F0} MB managed), "
                    + $"{Tensor.TotalCount} tensors alive, {done / clock.Elapsed.TotalSeconds:F0} images/s"));
        }), CancellationToken.None);
    }

    // Reports on the thread that measures: Progress<T> would do so later.
    private sealed class Meter(Action<long> report) : IProgress<long>
    {
        public void Report(long value) => report(value);
    }
}
