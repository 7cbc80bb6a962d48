using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using Microsoft.ML.OnnxRuntime;
using static TorchSharp.torch;
using DeviceType = TorchSharp.DeviceType;

namespace AdaptThenUnlearn.Onnx;

/// <summary>ONNX Runtime: on the CPU, or on a GPU where the networks are and this build brought the provider for CUDA.</summary>
/// <remarks>Nothing is loaded but the graph's own bytes: no library of custom operators, and no other file.</remarks>
public sealed class OnnxGraphRuntime : IGraphRuntime
{
    internal const string CudaProvider = "CUDAExecutionProvider";

    private readonly string _name = $"ONNX Runtime {OrtEnv.Instance().GetVersionString()}";
    private readonly IReadOnlyCollection<string> _providers;

    /// <summary>With the providers of this build.</summary>
    public OnnxGraphRuntime()
        : this(OrtEnv.Instance().GetAvailableProviders())
    {
    }

    /// <summary>With some providers.</summary>
    /// <param name="providers">Names by which ONNX Runtime knows them.</param>
    internal OnnxGraphRuntime(IReadOnlyCollection<string> providers) => _providers = providers;

    /// <inheritdoc/>
    public Device DeviceFor(Device wanted) =>
        wanted.type is DeviceType.CUDA && _providers.Contains(CudaProvider) ? wanted : CPU;

    /// <inheritdoc/>
    /// <remarks>ONNX Runtime gives operators that have no kernel for CUDA, such as those on shapes, to the CPU.</remarks>
    public string Describe(Device wanted) => DeviceFor(wanted).type is DeviceType.CUDA
        ? FormattableString.Invariant(
            $"{_name} on CUDA device {OnnxGraphSession.NumberOf(wanted)} (operators without a CUDA kernel on the CPU)")
        : $"{_name} on the CPU";

    /// <summary>Lets graphs and the tokenizers of prompts be loaded; called once, when the application starts.</summary>
    /// <remarks>The native library is loaded with the first graph.</remarks>
    public static void Register()
    {
        GraphRuntimes.Register(new LazyRuntime());
        PromptTokenizers.Register(new ClipTokenizers());
    }

    /// <inheritdoc/>
    public IGraphSession Open(byte[] graph, int threads, Device wanted) =>
        OnnxGraphSession.Open(graph, threads, DeviceFor(wanted));

    // The native library takes time to load, and most commands run no graph.
    private sealed class LazyRuntime : IGraphRuntime
    {
        private readonly Lazy<OnnxGraphRuntime> _runtime = new(() => new OnnxGraphRuntime());

        public Device DeviceFor(Device wanted) => _runtime.Value.DeviceFor(wanted);

        public string Describe(Device wanted) => _runtime.Value.Describe(wanted);

        public IGraphSession Open(byte[] graph, int threads, Device wanted) => _runtime.Value.Open(graph, threads, wanted);
    }
}
