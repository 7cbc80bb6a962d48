using System.Globalization;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Checkpoints.Onnx;

/// <summary>What an ONNX file says of its graph. Nothing of it is run, and no other file is opened.</summary>
internal sealed class OnnxModel
{
    /// <summary>Operators that draw random numbers, whose seed nobody can set.</summary>
    private static readonly HashSet<string> _randomOperators =
        ["RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"];

    // Operators of the runtime itself: those of ONNX, and those that its own optimiser and quantiser write.
    private static readonly HashSet<string> _knownDomains = ["", "ai.onnx", "ai.onnx.ml", "com.microsoft"];

    internal OnnxModel(
        long irVersion, string producer, IReadOnlyDictionary<string, long> opsets, IReadOnlyDictionary<string, string> metadata,
        IReadOnlyList<GraphPort> inputs, IReadOnlyList<GraphPort> outputs, IReadOnlyList<GraphNode> nodes,
        IReadOnlyDictionary<(string Domain, string Name), int> operators, IReadOnlySet<(string Domain, string Name)> functions,
        IReadOnlyList<TensorEntry> tensors, IReadOnlyList<UnreadTensor> unread, IReadOnlyList<string> external)
    {
        (IrVersion, Producer, Opsets, Metadata) = (irVersion, producer, opsets, metadata);
        (Inputs, Outputs, Nodes, Operators) = (inputs, outputs, nodes, operators);
        (Tensors, Unread, ExternalTensors) = (tensors, unread, external);
        CustomOperators =
        [
            .. operators.Keys.Where(used => !_knownDomains.Contains(used.Domain) && !functions.Contains(used))
                .Select(used => $"{used.Domain}.{used.Name}").Order(StringComparer.Ordinal),
        ];
        RedefinedOperators =
        [
            .. functions.Where(function => function.Domain is "" or "ai.onnx").Select(function => function.Name)
                .Order(StringComparer.Ordinal),
        ];
        RandomOperators =
        [
            .. operators.Keys.Where(used => used.Domain is "" or "ai.onnx" && _randomOperators.Contains(used.Name))
                .Select(used => used.Name).Order(StringComparer.Ordinal),
        ];
    }

    /// <summary>Version of the file format.</summary>
    public long IrVersion { get; }

    /// <summary>What wrote the file, with its version; empty where the file does not say.</summary>
    public string Producer { get; }

    /// <summary>Version of each set of operators, by its domain; ONNX's own is empty.</summary>
    public IReadOnlyDictionary<string, long> Opsets { get; }

    /// <summary>Text by key.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The inputs that a call must give; those that have a value in the file are left out.</summary>
    public IReadOnlyList<GraphPort> Inputs { get; }

    /// <summary>The outputs, in order.</summary>
    public IReadOnlyList<GraphPort> Outputs { get; }

    /// <summary>The graph's own nodes, without those of graphs within them.</summary>
    public IReadOnlyList<GraphNode> Nodes { get; }

    /// <summary>How often each operator is used, in all graphs and functions.</summary>
    public IReadOnlyDictionary<(string Domain, string Name), int> Operators { get; }

    /// <summary>The stored tensors whose elements lie in the file as bytes.</summary>
    public IReadOnlyList<TensorEntry> Tensors { get; }

    /// <summary>The other stored tensors.</summary>
    public IReadOnlyList<UnreadTensor> Unread { get; }

    /// <summary>Names of the tensors whose elements are in another file.</summary>
    public IReadOnlyList<string> ExternalTensors { get; }

    /// <summary>Operators that neither ONNX nor the file defines, with their domains.</summary>
    public IReadOnlyList<string> CustomOperators { get; }

    /// <summary>Functions of the file that have the names of ONNX's own operators, or could have them.</summary>
    public IReadOnlyList<string> RedefinedOperators { get; }

    /// <summary>Operators that draw random numbers.</summary>
    public IReadOnlyList<string> RandomOperators { get; }

    /// <summary>Reads a file.</summary>
    /// <exception cref="CheckpointException">It is not a whole ONNX file, or too large.</exception>
    public static OnnxModel Read(CheckpointFile file) => new OnnxReader(file, BytesOf(file)).Read();

    /// <summary>A file's bytes, as they were hashed.</summary>
    /// <exception cref="CheckpointException">The file has changed, cannot be read, or has more than 2 GB.</exception>
    public static byte[] BytesOf(CheckpointFile file)
    {
        using var bytes = CheckpointBytes.Open(file);
        return bytes.Length <= Array.MaxLength
            ? bytes.Read(0, (int)bytes.Length, "graph")
            : throw new CheckpointException(
                file.Path,
                FormattableString.Invariant($"has {bytes.Length} bytes, and ONNX files of up to 2 GB are read"),
                "export it in half precision");
    }

    /// <summary>Refuses what must not be run, or could not be measured.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="CheckpointException">The message says what it is, and what to do.</exception>
    public void RequireRunnable(string path)
    {
        foreach (var (problem, remedy) in Obstacles())
            throw new CheckpointException(path, problem, remedy);
    }

    /// <summary>Why it would not be run, with what to do about it.</summary>
    public IEnumerable<(string Problem, string Remedy)> Obstacles()
    {
        if (ExternalTensors.Count > 0)
            yield return (
                $"keeps the weights of {Listed(ExternalTensors)} in another file, and only what is in the file itself is hashed",
                "save it as one file: onnx.save_model(onnx.load(\"model.onnx\"), \"whole.onnx\", save_as_external_data=False)");
        if (CustomOperators.Count > 0)
            yield return (
                $"uses operators that ONNX does not define ({Listed(CustomOperators)}), and no library of custom operators is "
                    + "loaded",
                "export it with standard operators alone");
        if (RedefinedOperators.Count > 0)
            yield return (
                $"defines operators under ONNX's own names ({Listed(RedefinedOperators)}), so that its nodes are not what they "
                    + "seem",
                "give the functions a domain of their own");
        if (RandomOperators.Count > 0)
            yield return (
                $"draws random numbers itself ({Listed(RandomOperators)}), whose seed cannot be set, so that nothing could be "
                    + "measured twice",
                "export it with its noise as an input, or with noise_mode='const'");
    }

    /// <summary>Names in a message, the first few.</summary>
    internal static string Listed(IReadOnlyList<string> names)
    {
        const int Most = 6;
        var shown = string.Join(", ", names.Take(Most).Select(name => $"'{CheckpointException.Sanitize(name)}'"));
        return names.Count <= Most
            ? shown
            : string.Create(CultureInfo.InvariantCulture, $"{shown} and {names.Count - Most} others");
    }
}

/// <summary>One node of a graph.</summary>
/// <param name="Operator">What it computes, of ONNX's own operators; with its domain and a dot for others.</param>
/// <param name="Inputs">Names of the values that go in; empty for one that is left out.</param>
/// <param name="Outputs">Names of the values that come out.</param>
/// <param name="CastTo">ONNX's number of the type to which a Cast converts; null for others.</param>
internal sealed record GraphNode(
    string Operator, IReadOnlyList<string> Inputs, IReadOnlyList<string> Outputs, long? CastTo);
