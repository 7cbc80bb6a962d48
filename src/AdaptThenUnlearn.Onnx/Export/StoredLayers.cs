using static TorchSharp.torch;

namespace AdaptThenUnlearn.Onnx.Export;

/// <summary>Layers with weights, as PyTorch defines and names them, as nodes of a graph.</summary>
/// <param name="graph">Gets the nodes and the weights.</param>
/// <param name="weights">By their names in the network.</param>
internal sealed class StoredLayers(GraphBuilder graph, IReadOnlyDictionary<string, Tensor> weights)
{
    /// <summary>A fully connected layer of rows.</summary>
    public string Linear(string name, string rows) =>
        graph.Node("Gemm", [rows, .. Stored(name)], ("transB", 1L));

    /// <summary>A convolution of maps.</summary>
    public string Convolution(string name, string maps, int stride, int padding) =>
        graph.Node("Conv", [maps, .. Stored(name)], ("strides", Square(stride)), ("pads", Around(padding)));

    /// <summary>A transposed convolution of maps.</summary>
    public string Transposed(string name, string maps, int stride, int padding, int outputPadding) => graph.Node(
        "ConvTranspose", [maps, .. Stored(name)],
        ("strides", Square(stride)), ("pads", Around(padding)), ("output_padding", Square(outputPadding)));

    /// <summary>Batch normalisation of rows or maps, with stored statistics.</summary>
    public string BatchNorm(string name, string values, double epsilon)
    {
        var mean = weights[name + ".running_mean"];
        return graph.Node(
            "BatchNormalization",
            [
                values, Scale(name, mean.shape[0]), Bias(name, mean.shape[0]), Store(name + ".running_mean"),
                Store(name + ".running_var"),
            ],
            ("epsilon", (float)epsilon));
    }

    /// <summary>Normalisation of each map by itself.</summary>
    public string InstanceNorm(string name, string maps, int features, double epsilon) => graph.Node(
        "InstanceNormalization", [maps, Scale(name, features), Bias(name, features)], ("epsilon", (float)epsilon));

    /// <summary>Leaky ReLU with learned slopes, of maps or rows.</summary>
    public string Prelu(string name, string values, bool ofMaps)
    {
        using var slopes = ofMaps ? weights[name + ".weight"].view(-1, 1, 1) : weights[name + ".weight"].alias();
        return graph.Node("PRelu", [values, graph.Store(name + ".weight", slopes)]);
    }

    private string Scale(string name, long features) => weights.ContainsKey(name + ".weight")
        ? Store(name + ".weight")
        : StoreNew(name + ".weight", ones(features));

    private string Bias(string name, long features) => weights.ContainsKey(name + ".bias")
        ? Store(name + ".bias")
        : StoreNew(name + ".bias", zeros(features));

    private IEnumerable<string> Stored(string name) => weights.ContainsKey(name + ".bias")
        ? [Store(name + ".weight"), Store(name + ".bias")]
        : [Store(name + ".weight")];

    private string Store(string name) => graph.Store(name, weights[name]);

    private string StoreNew(string name, Tensor values)
    {
        using (values)
            return graph.Store(name, values);
    }

    private static long[] Square(int size) => [size, size];

    private static long[] Around(int padding) => [padding, padding, padding, padding];
}
