using System.Diagnostics;
using System.Runtime.InteropServices;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Backend;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>Describes where this process runs, for the record of a run.</summary>
public static class ProcessEnvironment
{
    /// <summary>The operating system, the versions, the device, the threads, and the largest working set so far.</summary>
    /// <param name="device">Where tensors are.</param>
    public static RunEnvironment Capture(Device device)
    {
        using var process = Process.GetCurrentProcess();
        return new RunEnvironment(
            RuntimeInformation.OSDescription,
            RuntimeInformation.FrameworkDescription,
            TorchBackend.Version,
            device.ToString(), get_num_threads(), process.PeakWorkingSet64);
    }
}
