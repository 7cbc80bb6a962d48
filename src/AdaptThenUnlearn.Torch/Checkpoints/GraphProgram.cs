using AdaptThenUnlearn.Torch.Checkpoints.Onnx;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>
/// An ONNX graph in the registered runtime, which runs only where a policy or a command line names it. Its failures become
/// exceptions of one line.
/// </summary>
/// <remarks>
/// The bytes that run are those whose digest was checked. A graph whose batch has a fixed size is run once for each so many rows;
/// the last rows are filled up with copies, which are dropped again.
/// </remarks>
internal sealed class GraphProgram : IDisposable
{
    private readonly string _contract;
    private readonly IGraphSession _session;
    private readonly IGraphRuntime _runtime;
    private readonly Device _wanted;

    private GraphProgram(
        CheckpointFile file, OnnxModel model, string contract, IGraphSession session, IGraphRuntime runtime, Device wanted) =>
        (File, Model, _contract, _session, _runtime, _wanted) = (file, model, contract, session, runtime, wanted);

    /// <summary>The graph's file, as it was hashed.</summary>
    public CheckpointFile File { get; }

    /// <summary>What the file says of the graph.</summary>
    public OnnxModel Model { get; }

    /// <summary>Path of the graph's file.</summary>
    public string Path => File.Path;

    /// <summary>What runs it, and where.</summary>
    public string Runtime => _runtime.Describe(_wanted);

    /// <summary>Where it runs.</summary>
    public Device RunsOn => _runtime.DeviceFor(_wanted);

    /// <summary>Loads a graph; belongs to the caller.</summary>
    /// <param name="file">An ONNX file.</param>
    /// <param name="contract">What the graph must do, as the end of a sentence.</param>
    /// <param name="wanted">The device of the networks; the runtime says whether it can run graphs there.</param>
    /// <exception cref="CheckpointException">
    /// The file is missing, has changed or is damaged, no runtime is registered, or the graph must not or cannot be run.
    /// </exception>
    public static GraphProgram Load(CheckpointFile file, string contract, Device wanted)
    {
        CheckpointFormats.Read(file, OnnxFormat.FormatName);   // says what another file is, and refuses a damaged one
        var model = OnnxModel.Read(file);
        model.RequireRunnable(file.Path);
        var runtime = GraphRuntimes.For(file.Path);
        try
        {
            return new GraphProgram(
                file, model, contract, runtime.Open(OnnxModel.BytesOf(file), get_num_threads(), wanted), runtime, wanted);
        }
        catch (GraphException refused)
        {
            throw new CheckpointException(
                file.Path, $"cannot be loaded: {Reason(refused)}", Remedy(refused, contract, runtime.Describe(wanted)),
                cause: refused);
        }
    }

    /// <summary>Loads the same graph again; belongs to the caller.</summary>
    /// <exception cref="CheckpointException">The file is missing or has changed.</exception>
    public GraphProgram Reload() => Load(File, _contract, _wanted);

    /// <summary>The output of a name, or the only one.</summary>
    /// <param name="name">What the policy says; null where it says nothing.</param>
    /// <param name="property">The policy's property that names it, for the message.</param>
    /// <exception cref="CheckpointException">There is no such output, or none was named and there are several.</exception>
    public GraphPort Output(string? name, string property)
    {
        var found = name is null
            ? Model.Outputs is [var only] ? only : null
            : Model.Outputs.FirstOrDefault(output => output.Name == name);
        return found ?? throw new CheckpointException(
            Path,
            name is null
                ? $"has {Model.Outputs.Count} outputs ({Listed(Model.Outputs)}), and which one is meant is not said"
                : $"has no output '{CheckpointException.Sanitize(name)}'; it has {Listed(Model.Outputs)}",
            $"say it: {property}");
    }

    /// <summary>Runs the graph on some rows.</summary>
    /// <param name="feeds">What each input gets; at least one has rows.</param>
    /// <param name="batch">Rows that the graph takes at a time; null where it takes any number.</param>
    /// <param name="output">The output that is wanted.</param>
    /// <returns>One row for each row that went in, on the device of the rows; belongs to the caller's scope.</returns>
    /// <exception cref="CheckpointException">The graph cannot be run so, or does not make one row for each.</exception>
    public Tensor Run(IReadOnlyList<GraphFeed> feeds, long? batch, string output)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var rows = feeds.First(feed => feed.HasRows).Values;
        var (count, device) = (rows.shape[0], rows.device);
        if (batch is not { } step)
            return RunOnce(feeds, 0, count, count, output).to(device).MoveToOuterDisposeScope();

        List<Tensor> parts = [];
        for (var start = 0L; start < count; start += step)
        {
            using var inner = NewDisposeScope();
            var made = RunOnce(feeds, start, Math.Min(step, count - start), step, output);
            parts.Add(made.narrow(0, 0, Math.Min(step, count - start)).clone().MoveToOuterDisposeScope());
        }

        return cat(parts).to(device).MoveToOuterDisposeScope();
    }

    /// <summary>The exception for a graph that does not keep its contract.</summary>
    /// <param name="problem">What is wrong, without a full stop.</param>
    public CheckpointException ContractViolation(string problem) => new(Path, problem, _contract);

    /// <summary>Ports in a message.</summary>
    public static string Listed(IEnumerable<GraphPort> ports) =>
        string.Join(", ", ports.Select(port => $"'{CheckpointException.Sanitize(port.Name)}' {port}"));

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();

    // Rows start to start + count, filled up to step.
    private Tensor RunOnce(IReadOnlyList<GraphFeed> feeds, long start, long count, long step, string output)
    {
        var inputs = feeds.ToDictionary(feed => feed.Port.Name, feed => Converted(feed));
        Tensor made;
        try
        {
            made = _session.Run(inputs, output);
        }
        catch (GraphException failed)
        {
            var given = string.Join(", ", inputs.Select(
                named => $"'{CheckpointException.Sanitize(named.Key)}' {ScriptProgram.ShapeText(named.Value)}"));
            throw new CheckpointException(
                Path, $"cannot be run on {given}: {Reason(failed)}", Remedy(failed, _contract, Runtime),
                cause: failed);
        }

        return made.dim() > 0 && made.shape[0] == step
            ? made
            : throw ContractViolation($"makes {made.dtype} {ScriptProgram.ShapeText(made)} of {step} rows");

        Tensor Converted(GraphFeed feed)
        {
            var values = feed.HasRows ? feed.Values.narrow(0, start, count) : feed.Values;
            if (feed.HasRows && count < step)
                values = cat([values, values.narrow(0, 0, 1).expand([step - count, .. values.shape[1..]])]);
            return values.detach().to(CPU).to(feed.Port.Type!.Value).contiguous();
        }
    }

    // A runtime's message may have several lines.
    private static string Reason(GraphException failed) => CheckpointException.Sanitize(
        string.Join(' ', failed.Message.Split(['\r', '\n'],
            StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)),
        400);

    private static string Remedy(GraphException failed, string contract, string runtime) =>
        failed.Message.Contains("opset", StringComparison.OrdinalIgnoreCase)
            || failed.Message.Contains("IR version", StringComparison.OrdinalIgnoreCase)
            ? $"it is newer than {runtime} reads: export it again with an older one, torch.onnx.export(…, "
                + "opset_version=17)"
            : contract;
}

/// <summary>What one input of a graph gets.</summary>
/// <param name="Port">The input.</param>
/// <param name="Values">Its values, of the input's shape; they stay the caller's.</param>
/// <param name="HasRows">Whether its first dimension is the batch; otherwise every call gets all of it.</param>
internal sealed record GraphFeed(GraphPort Port, Tensor Values, bool HasRows);
