using AdaptThenUnlearn.Torch.Checkpoints;
using Microsoft.ML.OnnxRuntime;
using static TorchSharp.torch;
using DeviceType = TorchSharp.DeviceType;

namespace AdaptThenUnlearn.Onnx;

/// <summary>Runs graphs by ONNX Runtime, where this build can.</summary>
/// <remarks>Nothing is loaded but the graph's own bytes: no library of custom operators, and no other file.</remarks>
internal sealed class GraphRunner : IGraphRuntime
{
    internal const string CudaProvider = "CUDAExecutionProvider";

    private readonly string _name = $"ONNX Runtime {OrtEnv.Instance().GetVersionString()}";
    private readonly IReadOnlyCollection<string> _providers;

    /// <summary>With the providers of this build.</summary>
    public GraphRunner()
        : this(OrtEnv.Instance().GetAvailableProviders())
    {
    }

    /// <summary>With some providers.</summary>
    /// <param name="providers">Names by which ONNX Runtime knows them.</param>
    public GraphRunner(IReadOnlyCollection<string> providers) => _providers = providers;

    /// <inheritdoc/>
    public Device DeviceFor(Device wanted) =>
        wanted.type is DeviceType.CUDA && _providers.Contains(CudaProvider) ? wanted : CPU;

    /// <inheritdoc/>
    /// <remarks>ONNX Runtime gives operators that have no kernel for CUDA, such as those on shapes, to the CPU.</remarks>
    public string Describe(Device wanted) => DeviceFor(wanted).type is DeviceType.CUDA
        ? FormattableString.Invariant(
            $"{_name} on CUDA device {OnnxGraphSession.NumberOf(wanted)} (operators without a CUDA kernel on the CPU)")
        : $"{_name} on the CPU";

    /// <inheritdoc/>
    public IGraphSession Open(byte[] graph, int threads, Device wanted) =>
        OnnxGraphSession.Open(graph, threads, DeviceFor(wanted));
}
