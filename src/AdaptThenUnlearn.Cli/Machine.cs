using System.CommandLine;
using System.Reflection;
using AdaptThenUnlearn.Torch.Backend;
using TorchSharp;

namespace AdaptThenUnlearn.Cli;

/// <summary>The options for device and threads, and the tool's version.</summary>
public static class Machine
{
    /// <summary><c>--device</c>.</summary>
    public static Option<string> Device { get; } = new("--device")
    {
        Description = "Device to compute on: auto, cpu, cuda or cuda:n",
        DefaultValueFactory = _ => "auto",
    };

    /// <summary><c>--threads</c>.</summary>
    public static Option<int> Threads { get; } = new("--threads")
    {
        Description = "Number of CPU threads. The same number gives the same bytes; 0 uses one per core",
    };

    /// <summary>Name and version.</summary>
    public static string ToolVersion { get; } =
        "atu " + typeof(Machine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    /// <summary>Loads libtorch, sets the threads and chooses the device.</summary>
    /// <exception cref="TorchBackendException">libtorch or the device is missing.</exception>
    public static torch.Device Prepare(ParseResult parsed)
    {
        var device = TorchBackend.Choose(parsed.GetValue(Device)!);
        if (parsed.GetValue(Threads) > 0)
            torch.set_num_threads(parsed.GetValue(Threads));
        return device;
    }
}
