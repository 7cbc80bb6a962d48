using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>The runtime for ONNX graphs, which the application registers when it starts.</summary>
public static class GraphRuntimes
{
    private static volatile Lazy<IGraphRuntime>? _registered;

    /// <summary>Registers the runtime, in place of an earlier one.</summary>
    /// <param name="create">
    /// Makes it when the first graph is loaded. Its class knows tensors, and most commands start without libtorch.
    /// </param>
    public static void Register(Func<IGraphRuntime> create) => _registered = new Lazy<IGraphRuntime>(create);

    /// <summary>What the registered runtime is, and where it runs graphs; null where there is none.</summary>
    /// <param name="wanted">The device of the networks.</param>
    public static string? Describe(Device wanted) => _registered?.Value.Describe(wanted);

    /// <summary>The registered runtime.</summary>
    /// <param name="path">The file that needs it.</param>
    /// <exception cref="CheckpointException">None is registered.</exception>
    internal static IGraphRuntime For(string path) => _registered?.Value ?? throw new CheckpointException(
        path,
        "is an ONNX graph, and this program has no runtime for one",
        "add the package AdaptThenUnlearn.Onnx to the program and call OnnxGraphRuntime.Register() when it starts");
}
