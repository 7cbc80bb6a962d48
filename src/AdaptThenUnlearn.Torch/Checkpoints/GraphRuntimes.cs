using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>The runtime for ONNX graphs, which the application registers when it starts.</summary>
public static class GraphRuntimes
{
    private static volatile IGraphRuntime? _registered;

    /// <summary>Registers the runtime, in place of an earlier one.</summary>
    public static void Register(IGraphRuntime runtime) => _registered = runtime;

    /// <summary>What the registered runtime is, and where it runs graphs; null where there is none.</summary>
    /// <param name="wanted">The device of the networks.</param>
    public static string? Describe(Device wanted) => _registered?.Describe(wanted);

    /// <summary>The registered runtime.</summary>
    /// <param name="path">The file that needs it.</param>
    /// <exception cref="CheckpointException">None is registered.</exception>
    internal static IGraphRuntime For(string path) => _registered ?? throw new CheckpointException(
        path,
        "is an ONNX graph, and this program has no runtime for one",
        "add the package AdaptThenUnlearn.Onnx to the program and call OnnxGraphRuntime.Register() when it starts");
}
