using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Checkpoints.Onnx;

/// <summary>Reads the few fields of an ONNX file that say what its graph takes, makes and uses.</summary>
/// <remarks>
/// The fields are those of the ONNX specification ("Open Neural Network Exchange Intermediate Representation", onnx.ai), by their
/// numbers. A message that comes several times counts every time, because protobuf merges them. So no tensor and no operator is
/// overlooked that the runtime would see.
/// </remarks>
/// <param name="file">The file, as it was hashed.</param>
/// <param name="content">All its bytes.</param>
internal sealed class OnnxReader(CheckpointFile file, byte[] content)
{
    private const int DeepestGraph = 16;          // graphs within nodes of graphs
    private const int MostNodes = 1_000_000;
    private const int MostPorts = 4096;
    private const int LongestName = 4096;         // bytes
    private const int LongestText = 1 << 20;      // bytes of a metadata entry
    private const long External = 1;              // TensorProto.DataLocation
    private const long RawData = 9;
    private const int FloatData = 4;
    private const int DoubleData = 10;

    private readonly Dictionary<string, long> _opsets = [];
    private readonly Dictionary<string, string> _metadata = [];
    private readonly List<GraphPort> _inputs = [];
    private readonly List<GraphPort> _outputs = [];
    private readonly List<GraphNode> _nodes = [];
    private readonly Dictionary<(string, string), int> _operators = [];
    private readonly HashSet<(string, string)> _functions = [];
    private readonly List<TensorEntry> _tensors = [];
    private readonly List<UnreadTensor> _unread = [];
    private readonly HashSet<string> _initialized = [];
    private readonly List<string> _external = [];
    private int _nodeCount;

    /// <summary>Reads the file.</summary>
    /// <exception cref="CheckpointException">It is not a whole ONNX file.</exception>
    public OnnxModel Read()
    {
        // A file may be a message and the runtime's own format at once; the runtime would take it for the latter.
        var model = new WireReader(file.Path, content, 0, content.Length);
        if (content.AsSpan(Math.Min(4, content.Length)).StartsWith("ORTM"u8))
            throw model.Bad("is in ONNX Runtime's own format");

        long irVersion = 0;
        var (producer, version, hasGraph) = ("", "", false);
        while (model.MoveNext())
            switch (model.Field)
            {
                case 1:
                    irVersion = model.Integer();
                    break;
                case 2:
                    producer = model.Text(LongestName);
                    break;
                case 3:
                    version = model.Text(LongestName);
                    break;
                case 7:
                    ReadGraph(model.Message(), depth: 0);
                    hasGraph = true;
                    break;
                case 8:
                    ReadOpset(model.Message());
                    break;
                case 14:
                    ReadMetadata(model.Message());
                    break;
                case 20:
                    ReadTraining(model.Message());
                    break;
                case 25:
                    ReadFunction(model.Message());
                    break;
                default:
                    model.Skip();
                    break;
            }

        if (!hasGraph)
            throw model.Bad("holds no graph");
        return new OnnxModel(
            irVersion, $"{producer} {version}".Trim(), _opsets, _metadata,
            [.. _inputs.Where(input => !_initialized.Contains(input.Name))], _outputs, _nodes, _operators, _functions, _tensors,
            _unread, _external);
    }

    private void ReadOpset(WireReader opset)
    {
        var (domain, version) = ("", 0L);
        while (opset.MoveNext())
            switch (opset.Field)
            {
                case 1:
                    domain = opset.Text(LongestName);
                    break;
                case 2:
                    version = opset.Integer();
                    break;
                default:
                    opset.Skip();
                    break;
            }

        _opsets[domain] = version;
    }

    private void ReadMetadata(WireReader entry)
    {
        var (key, value) = ("", "");
        while (entry.MoveNext())
            switch (entry.Field)
            {
                case 1:
                    key = entry.Text(LongestName);
                    break;
                case 2:
                    value = entry.Text(LongestText);
                    break;
                default:
                    entry.Skip();
                    break;
            }

        if (_metadata.Count < MostPorts)
            _metadata[key] = value;
    }

    // Its graphs are not run, but what they hold must not be overlooked either.
    private void ReadTraining(WireReader training)
    {
        while (training.MoveNext())
            if (training.Field is 1 or 2)
                ReadGraph(training.Message(), depth: 1);
            else
                training.Skip();
    }

    private void ReadFunction(WireReader function)
    {
        var (name, domain) = ("", "");
        while (function.MoveNext())
            switch (function.Field)
            {
                case 1:
                    name = function.Text(LongestName);
                    break;
                case 10:
                    domain = function.Text(LongestName);
                    break;
                case 7:
                    ReadNode(function.Message(), depth: 1);
                    break;
                case 11:
                    ReadAttribute(function.Message(), depth: 1);
                    break;
                default:
                    function.Skip();
                    break;
            }

        _functions.Add((domain, name));
    }

    private void ReadGraph(WireReader graph, int depth)
    {
        if (depth > DeepestGraph)
            throw graph.Bad("has graphs within graphs that are too deep");

        while (graph.MoveNext())
            switch (graph.Field)
            {
                case 1:
                    ReadNode(graph.Message(), depth);
                    break;
                case 5:
                    ReadInitializer(graph.Message(), depth);
                    break;
                case 11:
                    ReadPort(graph.Message(), depth == 0 ? _inputs : null);
                    break;
                case 12:
                    ReadPort(graph.Message(), depth == 0 ? _outputs : null);
                    break;
                case 15:
                    ReadSparse(graph.Message(), depth == 0);
                    break;
                default:
                    graph.Skip();
                    break;
            }
    }

    private void ReadNode(WireReader node, int depth)
    {
        if (++_nodeCount > MostNodes)
            throw node.Bad(FormattableString.Invariant($"has more than {MostNodes} nodes"));

        var (name, domain, castTo) = ("", "", (long?)null);
        var (inputs, outputs) = (new List<string>(), new List<string>());
        while (node.MoveNext())
            switch (node.Field)
            {
                case 1:
                    inputs.Add(node.Text(LongestName));
                    break;
                case 2:
                    outputs.Add(node.Text(LongestName));
                    break;
                case 4:
                    name = node.Text(LongestName);
                    break;
                case 5:
                    castTo = ReadAttribute(node.Message(), depth) ?? castTo;
                    break;
                case 7:
                    domain = node.Text(LongestName);
                    break;
                default:
                    node.Skip();
                    break;
            }

        _operators[(domain, name)] = _operators.GetValueOrDefault((domain, name)) + 1;
        if (depth == 0)
            _nodes.Add(new GraphNode(
                domain is "" or "ai.onnx" ? name : $"{domain}.{name}", inputs, outputs, name == "Cast" ? castTo : null));
    }

    // Graphs and tensors may be in attributes too. Returns the value of the attribute "to".
    private long? ReadAttribute(WireReader attribute, int depth)
    {
        var (name, value) = ("", (long?)null);
        while (attribute.MoveNext())
            switch (attribute.Field)
            {
                case 1:
                    name = attribute.Text(LongestName);
                    break;
                case 3:
                    value = attribute.Integer();
                    break;
                case 5 or 10:
                    ReadTensor(attribute.Message());
                    break;
                case 6 or 11:
                    ReadGraph(attribute.Message(), depth + 1);
                    break;
                case 22 or 23:
                    ReadSparse(attribute.Message(), isInitializer: false);
                    break;
                default:
                    attribute.Skip();
                    break;
            }

        return name == "to" ? value : null;
    }

    private void ReadSparse(WireReader sparse, bool isInitializer)
    {
        while (sparse.MoveNext())
            if (sparse.Field is 1 or 2)
            {
                var tensor = ReadTensor(sparse.Message());
                if (isInitializer && sparse.Field == 1)
                {
                    _initialized.Add(tensor.Name);
                    _unread.Add(new UnreadTensor(tensor.Name, "sparse", tensor.Shape));
                }
            }
            else
            {
                sparse.Skip();
            }
    }

    private void ReadInitializer(WireReader message, int depth)
    {
        var tensor = ReadTensor(message);
        if (depth > 0)
            return;
        if (_tensors.Count + _unread.Count >= TensorFile.MaximumNames)
            throw message.Bad(FormattableString.Invariant($"has more than {TensorFile.MaximumNames} tensors"));

        _initialized.Add(tensor.Name);
        if (OnnxTypes.ToElementType(tensor.Type) is { } type && tensor.Data is { } data)
            _tensors.Add(TensorEntry.Describe(
                tensor.Name,
                new StoredElements(file, content.Length, type, data.Start, (data.End - data.Start) / type.Size(), First: 0),
                [.. tensor.Shape]));
        else
            _unread.Add(new UnreadTensor(
                tensor.Name, tensor.IsExternal ? "in another file" : $"{OnnxTypes.NameOf(tensor.Type)}, as a list",
                tensor.Shape));
    }

    private StoredTensorMessage ReadTensor(WireReader tensor)
    {
        List<long> shape = [];
        var (type, name, isExternal) = (0L, "", false);
        var (data, field, parts) = (((int Start, int End)?)null, 0, 0);
        while (tensor.MoveNext())
            switch (tensor.Field)
            {
                case 1:
                    tensor.Integers(shape, TensorEntry.MaximumRank);
                    break;
                case 2:
                    type = tensor.Integer();
                    break;
                case FloatData or DoubleData or (int)RawData:
                    (data, field, parts) = (tensor.Range(), tensor.Field, parts + 1);
                    break;
                case 8:
                    name = tensor.Text(LongestName);
                    break;
                case 13:
                    tensor.Skip();
                    isExternal = true;
                    break;
                case 14:
                    isExternal |= tensor.Integer() == External;
                    break;
                default:
                    tensor.Skip();
                    break;
            }

        if (isExternal)
            _external.Add(name);

        // Packed numbers are the bytes themselves, and so is raw data; lists of other numbers are not.
        var isBytes = parts == 1 && !isExternal
            && (field == RawData || (field == FloatData && type == 1) || (field == DoubleData && type == 11));
        return new StoredTensorMessage(name, type, shape, isExternal, isBytes ? data : null);
    }

    private static void ReadPort(WireReader port, List<GraphPort>? into)
    {
        if (into is null)
            return;
        if (into.Count >= MostPorts)
            throw port.Bad(FormattableString.Invariant($"has more than {MostPorts} inputs or outputs"));

        var (name, type, shape) = ("", 0L, (List<GraphDimension>?)null);
        while (port.MoveNext())
            switch (port.Field)
            {
                case 1:
                    name = port.Text(LongestName);
                    break;
                case 2:
                    ReadType(port.Message(), ref type, ref shape);
                    break;
                default:
                    port.Skip();
                    break;
            }

        into.Add(new GraphPort(name, type, shape));
    }

    private static void ReadType(WireReader message, ref long type, ref List<GraphDimension>? shape)
    {
        while (message.MoveNext())
            if (message.Field == 1)
            {
                var tensor = message.Message();
                while (tensor.MoveNext())
                    switch (tensor.Field)
                    {
                        case 1:
                            type = tensor.Integer();
                            break;
                        case 2:
                            shape = ReadShape(tensor.Message());
                            break;
                        default:
                            tensor.Skip();
                            break;
                    }
            }
            else
            {
                message.Skip();
            }
    }

    private static List<GraphDimension> ReadShape(WireReader message)
    {
        List<GraphDimension> shape = [];
        while (message.MoveNext())
            if (message.Field == 1)
            {
                var dimension = message.Message();
                var (size, symbol) = ((long?)null, (string?)null);
                while (dimension.MoveNext())
                    switch (dimension.Field)
                    {
                        case 1:
                            size = dimension.Integer();
                            break;
                        case 2:
                            symbol = dimension.Text(LongestName);
                            break;
                        default:
                            dimension.Skip();
                            break;
                    }

                if (shape.Count >= TensorEntry.MaximumRank)
                    throw message.Bad("has a shape of too many dimensions");
                shape.Add(new GraphDimension(size is > 0 ? size : null, symbol));   // some exporters write 0 or -1 for any size
            }
            else
            {
                message.Skip();
            }

        return shape;
    }

    private sealed record StoredTensorMessage(
        string Name, long Type, IReadOnlyList<long> Shape, bool IsExternal, (int Start, int End)? Data);
}
