using System.Diagnostics;
using System.Globalization;
using AdaptThenUnlearn.Onnx;
using AdaptThenUnlearn.Onnx.Export;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using Microsoft.ML.OnnxRuntime;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>ONNX graphs as the tool runs them, against a loop that calls ONNX Runtime and nothing else.</summary>
internal static class GraphInference
{
    private const int Batch = 64;

    public static void Run(int rounds)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        OnnxGraphRuntime.Register();
        var folder = Directory.CreateTempSubdirectory("atu-graphs-");
        try
        {
            // A generator of 32 × 32 images, and a classifier of them.
            var (first, second) = (Path.Combine(folder.FullName, "g.onnx"), Path.Combine(folder.FullName, "c.onnx"));
            using var network = new StyleGan2Generator(BenchmarkGan.Embedded);
            using var layers = ClassifierArchitectures.Build(StridedConvNet.Name, network.Shape, ["plain", "banned"]);
            layers.eval();
            var use = GraphExport.Write(first, network);
            GraphExport.Write(second, layers);
            using var generator = GeneratorCheckpoint.Load(first, "onnx", null, null, CPU, graph: use);
            using var classifier = ClassifierCheckpoint.Load(
                second, null, ["plain", "banned"], CPU, format: "onnx", images: network.Shape);

            var latents = randn(Batch, network.LatentSize);
            var noise = network.NoiseSizes.Select(size => randn(Batch, 1, size, size)).ToList();
            var images = generator.Generator.Generate(latents, noise);
            var named = new Dictionary<string, Tensor> { ["latent"] = latents, ["truncation"] = tensor(1f) };
            foreach (var (map, layer) in noise.Select((map, layer) => (map, layer)))
                named[string.Create(CultureInfo.InvariantCulture, $"noise_{layer}")] = map;
            Compare("generator", rounds, first, named, "images", () => generator.Generator.Generate(latents, noise));
            Compare(
                "classifier", rounds, second, new() { ["images"] = images }, "logits",
                    () => classifier.Classifier.Features(images));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static void Compare(
        string what, int rounds, string path, Dictionary<string, Tensor> inputs, string output, Func<Tensor> own)
    {
        using var settings = new SessionOptions { IntraOpNumThreads = get_num_threads() };

        // Its threads wait for work in a loop, as by default, but not beside the tool's own run.
        settings.AddSessionConfigEntry("session.force_spinning_stop", "1");
        using var session = new InferenceSession(path, settings);
        using var options = new RunOptions();
        var values = inputs.Values.Select(
            tensor => OrtValue.CreateTensorValueFromMemory(tensor.contiguous().data<float>().ToArray(), tensor.shape)).ToList();
        var (plain, ours) = (new List<double>(), new List<double>());
        for (var round = 0; round < rounds; round++)
        {
            plain.Add(Seconds(() => session.Run(options, [.. inputs.Keys], values, [output])));
            ours.Add(Seconds(own));
        }

        values.ForEach(value => value.Dispose());
        var (loop, tool) = (plain.Order().ElementAt(rounds / 4), ours.Order().ElementAt(rounds / 4));
        Terminal.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{what}: ONNX Runtime alone {Batch / loop:F0} images/s, as the tool runs it {Batch / tool:F0} images/s, ratio "
                + $"{loop / tool:F2} (lower quartiles of {rounds}, {get_num_threads()} threads)"));
    }

    private static double Seconds(Func<IDisposable> work)
    {
        var clock = Stopwatch.StartNew();
        using (work())
            return clock.Elapsed.TotalSeconds;
    }
}
