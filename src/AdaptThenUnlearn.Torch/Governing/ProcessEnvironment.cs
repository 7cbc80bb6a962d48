using System.Diagnostics;
using System.Runtime.InteropServices;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Checkpoints;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>Describes where this process runs, for the record of a run.</summary>
public static class ProcessEnvironment
{
    /// <summary>The operating system, the versions, the device, the threads, and the largest working set so far.</summary>
    /// <param name="device">Where tensors are.</param>
    /// <param name="runsGraphs">Whether ONNX graphs were run.</param>
    public static RunEnvironment Capture(Device device, bool runsGraphs = false)
    {
        using var process = Process.GetCurrentProcess();
        return new RunEnvironment(
            RuntimeInformation.OSDescription,
            RuntimeInformation.FrameworkDescription,
            TorchBackend.Version,
            device.ToString(), get_num_threads(), process.PeakWorkingSet64, runsGraphs ? GraphRuntimes.Describe(device) : null);
    }
}
