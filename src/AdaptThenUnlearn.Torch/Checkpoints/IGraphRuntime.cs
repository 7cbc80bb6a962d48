using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>Runs ONNX graphs. This library has none: the application registers one with <see cref="GraphRuntimes"/>.</summary>
public interface IGraphRuntime
{
    /// <summary>Where it runs a graph: on the wanted device, or on the CPU where it can use no other.</summary>
    /// <param name="wanted">The device of the networks.</param>
    Device DeviceFor(Device wanted);

    /// <summary>Its name and version, and where it runs graphs: <c>ONNX Runtime 1.31.1 on the CPU</c>.</summary>
    /// <param name="wanted">The device of the networks.</param>
    string Describe(Device wanted);

    /// <summary>Prepares a graph; belongs to the caller.</summary>
    /// <param name="graph">The whole file: nothing is read from anywhere else.</param>
    /// <param name="threads">How many threads it may use, at least 1; the same number gives the same bits on one machine.</param>
    /// <param name="wanted">The device of the networks; the graph runs where <see cref="DeviceFor"/> says.</param>
    /// <exception cref="GraphException">The runtime refuses the graph, or the device cannot be used.</exception>
    IGraphSession Open(byte[] graph, int threads, Device wanted);
}

/// <summary>A graph that can be run, from one thread at a time.</summary>
public interface IGraphSession : IDisposable
{
    /// <summary>Runs the graph.</summary>
    /// <param name="inputs">
    /// By the inputs' names; on the CPU, contiguous, and of the types and shapes that the graph takes. They stay the caller's.
    /// </param>
    /// <param name="output">The output that is wanted.</param>
    /// <returns>On the CPU; belongs to the caller's dispose scope.</returns>
    /// <exception cref="GraphException">The graph cannot be run on these inputs.</exception>
    Tensor Run(IReadOnlyDictionary<string, Tensor> inputs, string output);
}

/// <summary>A runtime refuses a graph, or cannot run it.</summary>
/// <param name="message">The runtime's reason.</param>
/// <param name="cause">The runtime's exception.</param>
public sealed class GraphException(string message, Exception? cause = null) : Exception(message, cause);
