using System.CommandLine;
using System.Reflection;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Torch.Backend;
using TorchSharp;

namespace AdaptThenUnlearn.Cli;

/// <summary>The options for device and threads, and the tool's version.</summary>
public static class Machine
{
    /// <summary><c>--device</c>.</summary>
    public static Option<string> Device { get; } = new("--device")
    {
        Description = "Device to compute on: auto, cpu, cuda or cuda:n (default: " +
            $"{EnvironmentDefaults.DeviceVariable}, else {EnvironmentDefaults.Device})",
    };

    /// <summary><c>--threads</c>.</summary>
    public static Option<int?> Threads { get; } = new("--threads")
    {
        Description = "Number of CPU threads. The same number gives the same bytes; 0 uses one per core (default: " +
            $"{EnvironmentDefaults.ThreadsVariable}, else 0)",
    };

    /// <summary>Name and version.</summary>
    public static string ToolVersion { get; } =
        "atu " + typeof(Machine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    /// <summary>Loads libtorch, sets the threads and chooses the device.</summary>
    /// <exception cref="TorchBackendException">libtorch or the device is missing.</exception>
    /// <exception cref="BadArgumentException">A variable that replaces an option has a bad value.</exception>
    public static torch.Device Prepare(ParseResult parsed)
    {
        var environment = EnvironmentSnapshot.Capture();
        var threads = parsed.GetValue(Threads) ?? EnvironmentDefaults.ThreadCount(environment);
        var device = parsed.GetValue(Device) is { } wanted
            ? TorchBackend.Choose(wanted)
            : EnvironmentDefaults.ChooseDevice(environment);
        if (threads > 0)
            torch.set_num_threads(threads);
        return device;
    }
}
