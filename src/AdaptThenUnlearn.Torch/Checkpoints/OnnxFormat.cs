using System.Globalization;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints.Onnx;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>An ONNX graph. Its description and its weights are read here; it is not run.</summary>
public sealed class OnnxFormat : ICheckpointFormat
{
    internal const string FormatName = GeneratorChoice.Onnx;

    private const byte IrVersion = 0x08;   // the first field of every file: its number, and that it is a whole number

    // The fields that may come next, in the order of their numbers: producer, its version, domain, model version, text, graph,
    // operator sets, metadata.
    private static readonly byte[] _next = [0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42, 0x72];

    /// <inheritdoc/>
    public string Name => FormatName;

    /// <inheritdoc/>
    public bool IsProgram => true;

    /// <inheritdoc/>
    /// <remarks>ONNX files have no mark of their own; they begin with their version, and writers keep the order of
    /// fields.</remarks>
    public bool Recognises(ReadOnlySpan<byte> start, CheckpointFile file) =>
        start is [IrVersion, > 0 and < 0x20, var next, ..] && _next.Contains(next);

    /// <inheritdoc/>
    public TensorFile Read(CheckpointFile file, bool inspectOnly = false)
    {
        var model = OnnxModel.Read(file);
        return new TensorFile(file, Name, model.Tensors, model.Metadata, [.. Describe(model)], unread: model.Unread);
    }

    /// <inheritdoc/>
    public void Rewrite(
        TensorFile file, string path, IReadOnlyDictionary<string, Tensor> values, IReadOnlyDictionary<string, string> metadata) =>
        InPlaceRewriter.Write(file, path, values);

    /// <summary>The exception for a graph where the format does not say that one is expected.</summary>
    internal static CheckpointException NotNamed(string path) => new(
        path, "is an ONNX graph, and to use it is to run it",
        $"if you trust it, name the format ('{FormatName}'), and ONNX Runtime runs it; `atu inspect` says what else the policy "
            + "needs");

    /// <summary>What a graph is, and what a policy has to say to use it, in sentences.</summary>
    /// <param name="file">The file.</param>
    internal static IEnumerable<string> NotesOn(CheckpointFile file)
    {
        var model = OnnxModel.Read(file);
        yield return $"It is an ONNX graph; nothing of it was run. Only where its format is named, '{FormatName}', is it run.";
        foreach (var (problem, remedy) in model.Obstacles())
            yield return $"It will not be run: it {problem}; {remedy}.";
        yield return $"As a generator it needs in the policy: {GraphAdvice.ForGenerator(model)}.";
        yield return $"As a classifier it needs in the policy: {GraphAdvice.ForClassifier(model)}.";
    }

    private static IEnumerable<PlainValue> Describe(OnnxModel model)
    {
        yield return new PlainValue("ir version", "number", model.IrVersion.ToString(CultureInfo.InvariantCulture));
        foreach (var (domain, version) in model.Opsets)
            yield return new PlainValue(
                domain.Length == 0 ? "opset" : $"opset {CheckpointException.Sanitize(domain)}", "number",
                version.ToString(CultureInfo.InvariantCulture));
        if (model.Producer.Length > 0)
            yield return new PlainValue("producer", "text", CheckpointException.Sanitize(model.Producer));
        foreach (var input in model.Inputs)
            yield return new PlainValue($"input {CheckpointException.Sanitize(input.Name)}", "port", input.ToString());
        foreach (var output in model.Outputs)
            yield return new PlainValue($"output {CheckpointException.Sanitize(output.Name)}", "port", output.ToString());
        var operators = model.Operators.OrderBy(used => used.Key.Domain, StringComparer.Ordinal)
            .ThenBy(used => used.Key.Name, StringComparer.Ordinal)
            .Select(used => string.Create(
                CultureInfo.InvariantCulture,
                $"{(used.Key.Domain.Length == 0 ? "" : used.Key.Domain + ".")}{used.Key.Name} ×{used.Value}"));
        yield return new PlainValue("operators", "text", CheckpointException.Sanitize(string.Join(", ", operators), 1000));
    }
}
