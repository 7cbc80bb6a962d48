using System.Globalization;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Onnx.Export;

/// <summary>Puts an ONNX graph together, node by node, in the order in which the nodes are computed.</summary>
/// <remarks>
/// Fields and their numbers are those of the ONNX specification ("Open Neural Network Exchange Intermediate Representation",
/// onnx.ai). The same calls give the same bytes.
/// </remarks>
/// <param name="opset">Version of ONNX's own operators.</param>
internal sealed class GraphBuilder(int opset = 17)
{
    private const int IrVersion = 8;   // of ONNX 1.12, which opset 17 came with

    private readonly List<WireWriter> _nodes = [];
    private readonly List<WireWriter> _initializers = [];
    private readonly List<WireWriter> _inputs = [];
    private readonly List<WireWriter> _outputs = [];
    private int _names;

    /// <summary>Declares an input.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="type">Type of its elements.</param>
    /// <param name="shape">A number for each dimension, or a name for one that any call may choose.</param>
    /// <returns>Its name.</returns>
    public string Input(string name, ScalarType type, params object[] shape)
    {
        _inputs.Add(Port(name, type, shape));
        return name;
    }

    /// <summary>Makes a value an output.</summary>
    /// <param name="value">Its name.</param>
    /// <param name="name">The output's name.</param>
    /// <param name="type">Type of its elements.</param>
    /// <param name="shape">As of <see cref="Input"/>.</param>
    public void Output(string value, string name, ScalarType type, params object[] shape)
    {
        _nodes.Add(new WireWriter().Text(1, value).Text(2, name).Text(4, "Identity"));
        _outputs.Add(Port(name, type, shape));
    }

    /// <summary>Stores a tensor.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="values">Stays the caller's.</param>
    /// <returns>Its name.</returns>
    public string Store(string name, Tensor values)
    {
        using var scope = NewDisposeScope();
        var message = new WireWriter();
        foreach (var size in values.shape)
            message.Integer(1, size);
        _initializers.Add(message.Integer(2, NumberOf(values.dtype)).Text(8, name)
            .Data(9, values.detach().cpu().contiguous().bytes));
        return name;
    }

    /// <summary>Stores whole numbers under a new name.</summary>
    public string Store(params long[] values)
    {
        using var numbers = tensor(values, int64);
        return Store(NewName("numbers"), numbers);
    }

    /// <summary>Stores one number under a new name.</summary>
    public string Store(float value)
    {
        using var number = tensor(value);
        return Store(NewName("number"), number);
    }

    /// <summary>Adds a node of one output.</summary>
    /// <param name="operation">ONNX's name of it.</param>
    /// <param name="inputs">Names of the values that go in; empty for one that is left out.</param>
    /// <param name="attributes">Each a whole number, a number, a text, or a list of whole numbers.</param>
    /// <returns>Name of the value that comes out.</returns>
    public string Node(string operation, IEnumerable<string> inputs, params (string Name, object Value)[] attributes) =>
        Node("", operation, inputs, attributes);

    /// <inheritdoc cref="Node(string, IEnumerable{string}, ValueTuple{string, object}[])"/>
    /// <param name="domain">Of the operator; empty for ONNX's own.</param>
    /// <param name="operation">Its name there.</param>
    /// <param name="inputs">Names of the values that go in; empty for one that is left out.</param>
    /// <param name="attributes">Each a whole number, a number, a text, or a list of whole numbers.</param>
    public string Node(
        string domain, string operation, IEnumerable<string> inputs, params (string Name, object Value)[] attributes)
    {
        var (node, made) = (new WireWriter(), NewName(operation));
        foreach (var input in inputs)
            node.Text(1, input);
        node.Text(2, made).Text(4, operation);
        foreach (var (name, value) in attributes)
            node.Message(5, Attribute(name, value));
        _nodes.Add(domain.Length == 0 ? node : node.Text(7, domain));
        return made;
    }

    /// <summary>The file.</summary>
    /// <param name="producer">What wrote it.</param>
    public byte[] ToFile(string producer)
    {
        var graph = new WireWriter();
        foreach (var node in _nodes)
            graph.Message(1, node);
        graph.Text(2, "graph");
        foreach (var (field, messages) in new[] { (5, _initializers), (11, _inputs), (12, _outputs) })
            foreach (var message in messages)
                graph.Message(field, message);
        return new WireWriter().Integer(1, IrVersion).Text(2, producer).Message(7, graph)
            .Message(8, new WireWriter().Text(1, "").Integer(2, opset)).ToArray();
    }

    private string NewName(string kind) => string.Create(CultureInfo.InvariantCulture, $"{kind}_{_names++}");

    private static WireWriter Attribute(string name, object value)
    {
        const int Float = 1, Int = 2, String = 3, Ints = 7;
        var attribute = new WireWriter().Text(1, name);
        switch (value)
        {
            case float number:
                return attribute.Single(2, number).Integer(20, Float);
            case long number:
                return attribute.Integer(3, number).Integer(20, Int);
            case string text:
                return attribute.Text(4, text).Integer(20, String);
            default:
                foreach (var number in (long[])value)
                    attribute.Integer(8, number);
                return attribute.Integer(20, Ints);
        }
    }

    private static WireWriter Port(string name, ScalarType type, object[] shape)
    {
        var dimensions = new WireWriter();
        foreach (var size in shape)
            dimensions.Message(
                1, size is string symbol ? new WireWriter().Text(2, symbol) : new WireWriter().Integer(1, (int)size));
        return new WireWriter().Text(1, name)
            .Message(2, new WireWriter().Message(1, new WireWriter().Integer(1, NumberOf(type)).Message(2, dimensions)));
    }

    private static int NumberOf(ScalarType type) => type switch
    {
        ScalarType.Float32 => 1,
        ScalarType.Byte => 2,
        ScalarType.Int32 => 6,
        ScalarType.Int64 => 7,
        ScalarType.Bool => 9,
        ScalarType.Float16 => 10,
        ScalarType.Float64 => 11,
        _ => throw new ArgumentException($"{type} is not written"),
    };
}
