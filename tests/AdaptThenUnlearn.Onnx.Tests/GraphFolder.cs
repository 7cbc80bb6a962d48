using AdaptThenUnlearn.Onnx.Export;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Onnx.Tests;

/// <summary>A temporary folder with graphs, and the ways in which the tool loads them.</summary>
internal sealed class GraphFolder : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-graphs-").FullName;

    static GraphFolder() => OnnxGraphRuntime.Register();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public string At(string name) => Path.Combine(_folder, name);

    public string Write(byte[] content, string name = "graph.onnx")
    {
        File.WriteAllBytes(At(name), content);
        return At(name);
    }

    public string Write(GraphBuilder graph, string name = "graph.onnx") => Write(graph.ToFile("test"), name);

    /// <summary>Writes a graph that multiplies latents by fixed numbers and reshapes them to images.</summary>
    /// <param name="shape">Of the output, without its first dimension.</param>
    /// <param name="batch">First dimension of the input: a number, or a name.</param>
    /// <param name="last">The last operator before the images; null for none.</param>
    /// <param name="type">Type of the latents.</param>
    /// <returns>Its path, and the numbers <c>[4, pixels]</c>.</returns>
    public (string Path, Tensor Weights) WriteGenerator(
        long[] shape, object? batch = null, string? last = "Tanh", ScalarType type = ScalarType.Float32)
    {
        var graph = new GraphBuilder();
        using var source = new Generator(1, CPU);
        var weights = randn([4, shape.Aggregate(1L, (product, size) => product * size)], generator: source);
        var values = graph.Node(
            "MatMul", [graph.Input("z", type, batch ?? "N", 4), graph.Store("w", weights.to(type))]);
        values = last is null ? values : graph.Node(last, [values]);
        values = graph.Node("Reshape", [values, graph.Store([-1, .. shape])]);
        graph.Output(values, "images", type, [batch ?? "N", .. shape.Select(size => (object)(int)size)]);
        return (Write(graph), weights);
    }

    /// <summary>Writes a graph that classifies by two linear functions of the pixels.</summary>
    public (string Path, Tensor Weights) WriteClassifier(
        long[] shape, object? batch = null, ScalarType type = ScalarType.Float32, params string[] outputs)
    {
        var graph = new GraphBuilder();
        using var source = new Generator(2, CPU);
        var weights = randn([shape.Aggregate(1L, (product, size) => product * size), 2], generator: source) / 8;
        var images = graph.Input("x", type, [batch ?? "N", .. shape.Select(size => (object)(int)size)]);
        var pixels = type == ScalarType.Float32 ? images : graph.Node("Cast", [images], ("to", 1L));
        var logits = graph.Node("MatMul", [graph.Node("Flatten", [pixels]), graph.Store("w", weights)]);
        foreach (var output in outputs.Length == 0 ? ["logits"] : outputs)
            graph.Output(output == "shape" ? graph.Node("Shape", [images]) : logits, output, ScalarType.Float32, batch ?? "N", 2);
        return (Write(graph), weights);
    }

    public static LoadedGenerator Generator(
        string path, IReadOnlyDictionary<string, GraphInput>? inputs = null, GraphOutput? output = null,
            int? latentSize = null) =>
        GeneratorCheckpoint.Load(
            path, "onnx", sha256: null, discriminatorPath: null, CPU, latentSize: latentSize, graph: new GraphUse(inputs,
                output));

    public static FeatureClassifier Classifier(
        string path, ImageShape images, ImagePreprocessing? steps = null, string? output = null, params string[] classes) =>
        ClassifierCheckpoint.Load(
            path, sha256: null, classes.Length == 0 ? ["a", "b"] : classes, CPU, format: "onnx", images: images,
            preprocessor: steps is null ? null : new Preprocessor(steps, images), output: output).Classifier;

    /// <summary>The one line that refuses something.</summary>
    public static string Refused(Func<IDisposable> load) => Assert.Throws<CheckpointException>(() => load().Dispose()).Message;

    /// <summary>Largest difference of two tensors of the same shape.</summary>
    public static double Difference(Tensor one, Tensor other)
    {
        Assert.Equal(one.shape, other.shape);
        using var difference = (one.to(float64) - other.to(float64)).abs().max();
        return difference.item<double>();
    }
}
