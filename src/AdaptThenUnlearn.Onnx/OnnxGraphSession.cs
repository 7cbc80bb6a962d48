using System.Globalization;
using System.Runtime.InteropServices;
using AdaptThenUnlearn.Torch.Checkpoints;
using Microsoft.ML.OnnxRuntime;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;
using TensorElementType = Microsoft.ML.OnnxRuntime.Tensors.TensorElementType;

namespace AdaptThenUnlearn.Onnx;

/// <summary>A graph in ONNX Runtime. Inputs are read where TorchSharp keeps them; the output is copied once.</summary>
internal sealed class OnnxGraphSession : IGraphSession
{
    private readonly InferenceSession _session;
    private readonly RunOptions _options = new();

    private OnnxGraphSession(InferenceSession session) => _session = session;

    /// <summary>Prepares a graph.</summary>
    /// <param name="graph">The whole file.</param>
    /// <param name="threads">Threads that one operator may use, at least 1.</param>
    /// <param name="device">Where it runs: the CPU or a CUDA device.</param>
    /// <exception cref="GraphException">The runtime refuses the graph, or the device cannot be used.</exception>
    public static OnnxGraphSession Open(byte[] graph, int threads, Device device)
    {
        using var options = new SessionOptions
        {
            // One operator after the other, each cut into so many parts: the order of every sum depends on that number alone.
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL,
        };

        // The bytes are what the file's reader took them for, and never the runtime's own format.
        options.AddSessionConfigEntry("session.load_model_format", "ONNX");

        // Threads that wait for work in a loop would take libtorch's cores.
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        if (device.type is TorchSharp.DeviceType.CUDA)
            UseCuda(options, device);
        return Explained(() => new OnnxGraphSession(new InferenceSession(graph, options)));
    }

    /// <summary>The number of a CUDA device; one without a number is the first.</summary>
    public static int NumberOf(Device device) => Math.Max(0, device.index);

    // As TorchBackend.KeepFloat32 keeps networks: without TF32, and without kernels that are chosen by how fast they are today.
    private static void UseCuda(SessionOptions options, Device device)
    {
        try
        {
            using var cuda = new OrtCUDAProviderOptions();
            cuda.UpdateOptions(new Dictionary<string, string>
            {
                ["device_id"] = NumberOf(device).ToString(CultureInfo.InvariantCulture),
                ["use_tf32"] = "0",
                ["cudnn_conv_algo_search"] = "DEFAULT",
            });
            options.AppendExecutionProvider_CUDA(cuda);
        }
        catch (Exception failed) when (IsOfRuntime(failed))
        {
            throw new GraphException(
                "ONNX Runtime cannot use CUDA here, and nothing is run on the CPU in its place. Its provider needs CUDA 13 and "
                    + "cuDNN 9 in the library path (LD_LIBRARY_PATH, or PATH on Windows); `--device cpu` runs everything on the "
                    + $"CPU. It said: {failed.Message}",
                failed);
        }
    }

    /// <inheritdoc/>
    public unsafe Tensor Run(IReadOnlyDictionary<string, Tensor> inputs, string output)
    {
        List<OrtValue> values = [];
        try
        {
            foreach (var tensor in inputs.Values)
            {
                var memory = tensor.bytes;
                fixed (byte* start = memory)
                    values.Add(OrtValue.CreateTensorValueWithData(
                        OrtMemoryInfo.DefaultInstance, TypeOf(tensor.dtype), tensor.shape, (nint)start, memory.Length));
            }

            return Explained(() =>
            {
                using var made = _session.Run(_options, [.. inputs.Keys], values, [output]);
                return Copied(made[0]);
            });
        }
        finally
        {
            foreach (var value in values)
                value.Dispose();
            GC.KeepAlive(inputs);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _options.Dispose();
        _session.Dispose();
    }

    private static Tensor Copied(OrtValue value)
    {
        if (!value.IsTensor)
            throw new GraphException("the output is no tensor");

        var info = value.GetTensorTypeAndShape();
        var copy = empty(info.Shape, TypeOf(info.ElementDataType), device: CPU);
        if (copy.NumberOfElements > 0)
            value.GetTensorMutableRawData().CopyTo(copy.bytes);
        return copy;
    }

    private static T Explained<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception failed) when (IsOfRuntime(failed))
        {
            throw new GraphException(failed.Message, failed);
        }
    }

    private static bool IsOfRuntime(Exception failed) => failed is OnnxRuntimeException or ArgumentException
        or InvalidOperationException or NotSupportedException or ExternalException or EntryPointNotFoundException;

    private static TensorElementType TypeOf(ScalarType type) => type switch
    {
        ScalarType.Float32 => TensorElementType.Float,
        ScalarType.Float16 => TensorElementType.Float16,
        ScalarType.Float64 => TensorElementType.Double,
        ScalarType.Byte => TensorElementType.UInt8,
        ScalarType.Int8 => TensorElementType.Int8,
        ScalarType.Int16 => TensorElementType.Int16,
        ScalarType.Int32 => TensorElementType.Int32,
        ScalarType.Int64 => TensorElementType.Int64,
        ScalarType.Bool => TensorElementType.Bool,
        _ => throw new GraphException($"a graph has no inputs of the type {type}"),
    };

    private static ScalarType TypeOf(TensorElementType type) => type switch
    {
        TensorElementType.Float => ScalarType.Float32,
        TensorElementType.Float16 => ScalarType.Float16,
        TensorElementType.Double => ScalarType.Float64,
        TensorElementType.UInt8 => ScalarType.Byte,
        TensorElementType.Int8 => ScalarType.Int8,
        TensorElementType.Int16 => ScalarType.Int16,
        TensorElementType.Int32 => ScalarType.Int32,
        TensorElementType.Int64 => ScalarType.Int64,
        TensorElementType.Bool => ScalarType.Bool,
        _ => throw new GraphException($"the output is of the type {type}, which is not read"),
    };
}
