using System.Globalization;
using AdaptThenUnlearn.Torch.Models.Sequence;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Onnx.Export;

/// <summary>A generator that is one sequence of layers, as a graph.</summary>
internal static class SequenceGraph
{
    /// <summary>Builds the graph.</summary>
    /// <param name="generator">Stays the caller's.</param>
    public static GraphBuilder Build(SequentialGenerator generator)
    {
        var graph = new GraphBuilder();
        var layers = new StoredLayers(graph, generator.state_dict());
        var values = graph.Input("latent", ScalarType.Float32, "N", generator.LatentSize);
        var areMaps = generator.Layers.First(layer => layer is ConvolutionLayer or LinearLayer) is ConvolutionLayer;
        if (areMaps)
            values = graph.Node("Reshape", [values, graph.Store(-1, generator.LatentSize, 1, 1)]);

        foreach (var layer in generator.Layers)
        {
            areMaps |= layer is UnflattenLayer;
            values = Add(graph, layers, generator.Prefix, layer, values, areMaps);
        }

        var (channels, resolution) = (generator.Shape.Channels, generator.Shape.Resolution);
        values = graph.Node("Reshape", [values, graph.Store(-1, channels, resolution, resolution)]);
        graph.Output(values, "images", ScalarType.Float32, "N", channels, resolution, resolution);
        return graph;
    }

    private static string Add(
        GraphBuilder graph, StoredLayers layers, string prefix, SequenceLayer layer, string values, bool areMaps)
    {
        var number = layer.Number.ToString(CultureInfo.InvariantCulture);
        var name = prefix.Length == 0 ? number : $"{prefix}.{number}";
        return layer switch
        {
            ConvolutionLayer { Transposed: true } up =>
                layers.Transposed(name, values, up.Stride, up.Padding, up.OutputPadding),
            ConvolutionLayer plain => layers.Convolution(name, values, plain.Stride, plain.Padding),
            LinearLayer => layers.Linear(name, values),
            BatchNormLayer norm => layers.BatchNorm(name, values, norm.Epsilon),
            InstanceNormLayer norm => layers.InstanceNorm(name, values, norm.Features, norm.Epsilon),
            PreluLayer => layers.Prelu(name, values, areMaps),
            ReluLayer { Slope: 0 } => graph.Node("Relu", [values]),
            ReluLayer relu => graph.Node("LeakyRelu", [values], ("alpha", (float)relu.Slope)),
            TanhLayer => graph.Node("Tanh", [values]),
            SigmoidLayer => graph.Node("Sigmoid", [values]),
            UpsampleLayer up => Upsample(graph, values, up.Factor),
            UnflattenLayer maps => graph.Node("Reshape", [values, graph.Store(-1, maps.Maps, maps.Side, maps.Side)]),
            IdentityLayer => values,
            _ => throw new NotSupportedException($"the layer {layer} is not written as ONNX"),
        };
    }

    private static string Upsample(GraphBuilder graph, string maps, int factor)
    {
        using var scales = tensor([1f, 1f, factor, factor]);
        return graph.Node(
            "Resize", [maps, "", graph.Store($"{maps}.scales", scales)],
            ("mode", "nearest"), ("nearest_mode", "floor"), ("coordinate_transformation_mode", "asymmetric"));
    }
}
