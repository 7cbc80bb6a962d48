using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.Sequence;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Onnx.Export;

/// <summary>Writes networks of this tool as ONNX graphs.</summary>
/// <remarks>Operators are those of opset 17 (onnx.ai, "ONNX Operators"); layers as PyTorch defines them.</remarks>
public static class GraphExport
{
    private const string Batch = "N";
    private const string Producer = "AdaptThenUnlearn";
    private static readonly long[] _twoByTwo = [2, 2];

    /// <summary>
    /// Writes a generator. Its input <c>latent</c> is [N, latent], its output <c>images</c> [N, C, H, H]. A StyleGAN2 has the
    /// inputs
    /// <c>truncation</c>, <c>noise_0</c> and on, and, where it is conditional, <c>label</c> too.
    /// </summary>
    /// <param name="path">A file that is there is replaced as a whole.</param>
    /// <param name="generator">Stays the caller's. Its images are in the network's own range.</param>
    /// <exception cref="NotSupportedException">The architecture is not one that is written.</exception>
    /// <returns>What a policy says of the graph.</returns>
    /// <exception cref="FileNotWrittenException">The file cannot be written.</exception>
    public static GraphUse Write(string path, ImageGenerator generator)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var graph = generator switch
        {
            SequentialGenerator sequence => SequenceGraph.Build(sequence),
            StyleGan2Generator styled => StyleGan2Graph.Build(styled),
            _ => throw new NotSupportedException(
                "only StyleGAN2, DCGANs and generators of fully connected layers are written as ONNX"),
        };
        AtomicFile.Write(path, graph.ToFile(Producer));
        return generator is StyleGan2Generator { Classes: var classes, NoiseSizes.Count: var maps }
            ? new GraphUse(InputsOf(maps, classes > 0), new GraphOutput(Range: ImagePreprocessing.Symmetric))
            : new GraphUse();
    }

    private static Dictionary<string, GraphInput> InputsOf(int maps, bool isConditional)
    {
        var inputs = new Dictionary<string, GraphInput>
        {
            [StyleGan2Graph.Latent] = new(GraphInput.Latent),
            [StyleGan2Graph.Truncation] = new(GraphInput.Truncation),
        };
        for (var layer = 0; layer < maps; layer++)
            inputs[StyleGan2Graph.Noise(layer)] = new GraphInput(GraphInput.Noise);
        if (isConditional)
            inputs[StyleGan2Graph.Label] = new GraphInput(GraphInput.Label);
        return inputs;
    }

    /// <summary>
    /// Writes a classifier. Its input <c>images</c> is [N, C, H, H] in -1 to 1, its output <c>logits</c> [N, classes].
    /// </summary>
    /// <param name="path">A file that is there is replaced as a whole.</param>
    /// <param name="classifier">Stays the caller's.</param>
    /// <exception cref="NotSupportedException">The architecture is not one that is written.</exception>
    /// <exception cref="FileNotWrittenException">The file cannot be written.</exception>
    public static void Write(string path, FeatureClassifier classifier)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var graph = new GraphBuilder();
        var images = graph.Input(
            "images", ScalarType.Float32, Batch, classifier.Shape.Channels, classifier.Shape.Resolution,
            classifier.Shape.Resolution);
        var layers = new StoredLayers(graph, classifier.state_dict());
        var logits = classifier switch
        {
            LeNet5 => LeNet(graph, layers, images, classifier.FeatureAttributes.Count > 0),
            StridedConvNet => Strided(graph, layers, images),
            _ => throw new NotSupportedException(
                $"classifiers of the architecture '{classifier.Architecture}' are not written as ONNX"),
        };
        graph.Output(logits, "logits", ScalarType.Float32, Batch, classifier.Classes.Count);
        AtomicFile.Write(path, graph.ToFile(Producer));
    }

    /// <summary>Whether a file is a graph that was written here.</summary>
    /// <param name="path">The file.</param>
    public static bool IsWrittenByAtu(string path)
    {
        try
        {
            var values = CheckpointFormats.Read(path, GeneratorChoice.Onnx).Values;
            return values.Any(value => value.Name == "producer" && value.Text == Producer);
        }
        catch (CheckpointException)
        {
            return false;
        }
    }

    private static string LeNet(GraphBuilder graph, StoredLayers layers, string images, bool unitRange)
    {
        var maps = unitRange
            ? graph.Node("Mul", [graph.Node("Add", [images, graph.Store(1f)]), graph.Store(0.5f)])
            : images;
        foreach (var name in new[] { "c1", "c3" })
            maps = graph.Node(
                "MaxPool", [graph.Node("Relu", [layers.Convolution(name, maps, stride: 1, padding: 0)])],
                ("kernel_shape", _twoByTwo), ("strides", _twoByTwo));
        maps = graph.Node("Relu", [layers.Convolution("c5", maps, stride: 1, padding: 0)]);
        var features = graph.Node("Relu", [layers.Linear("f6", graph.Node("Flatten", [maps]))]);
        return layers.Linear("output", features);
    }

    private static string Strided(GraphBuilder graph, StoredLayers layers, string images)
    {
        var maps = images;
        foreach (var (number, stride) in new[] { ("1", 1), ("2", 2), ("3", 1), ("4", 2), ("5", 1) })
        {
            var convolved = layers.Convolution($"layers.conv{number}", maps, stride, padding: 1);
            maps = graph.Node("Relu", [layers.BatchNorm($"layers.norm{number}", convolved, 1e-5)]);
        }

        return layers.Linear("output", graph.Node("Flatten", [graph.Node("GlobalAveragePool", [maps])]));
    }
}
