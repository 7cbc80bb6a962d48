using System.CommandLine;
using System.Globalization;
using System.Reflection;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Torch.Backend;
using TorchSharp;

namespace AdaptThenUnlearn.Cli;

/// <summary>The options for device and threads, and the tool's version.</summary>
public static class Machine
{
    // Whoever sets one of these has chosen libtorch's number of threads.
    private static readonly string[] _ownVariables = ["OMP_NUM_THREADS", "MKL_NUM_THREADS"];

    private static readonly FreeCores _cores = FreeCores.Start();   // watches from the start of the process

    /// <summary><c>--device</c>.</summary>
    public static Option<string> Device { get; } = new("--device")
    {
        Description = "Device to compute on: auto, cpu, cuda or cuda:n (default: " +
            $"{EnvironmentDefaults.DeviceVariable}, else {EnvironmentDefaults.Device})",
    };

    /// <summary><c>--threads</c>.</summary>
    public static Option<string> Threads { get; } = CreateThreads();

    /// <summary>Name and version.</summary>
    public static string ToolVersion { get; } =
        "atu " + typeof(Machine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    /// <summary>Loads libtorch, sets the threads and chooses the device.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="terminal">Told where fewer threads than cores are used, or slower kernels.</param>
    /// <param name="resumed">Threads of the run that is resumed, where nothing else gives a number; null without one.</param>
    /// <exception cref="TorchBackendException">libtorch or the device is missing, or computes wrongly.</exception>
    /// <exception cref="BadArgumentException">A variable that replaces an option has a bad value.</exception>
    public static torch.Device Prepare(ParseResult parsed, Terminal terminal, int? resumed = null)
    {
        var environment = EnvironmentSnapshot.Capture();
        var threads = ThreadCount(parsed, environment);
        var device = parsed.GetValue(Device) is { } wanted
            ? TorchBackend.Choose(wanted)
            : EnvironmentDefaults.ChooseDevice(environment);
        if (TorchBackend.KernelFault is { } fault)
            terminal.WriteStatus($"oneDNN computes wrongly on this processor ({fault}); slower kernels are used instead");
        threads ??= resumed
            ?? (Array.Exists(_ownVariables, variable => environment[variable] is not null) ? 0 : CountFreeCores(terminal));
        if (threads > 0)
            torch.set_num_threads(threads.Value);
        return device;
    }

    /// <summary>Whether the number of threads is left to <c>atu</c>.</summary>
    /// <exception cref="BadArgumentException">A variable that replaces an option has a bad value.</exception>
    public static bool ChoosesThreads(ParseResult parsed) => ThreadCount(parsed, EnvironmentSnapshot.Capture()) is null;

    // Null for auto.
    private static int? ThreadCount(ParseResult parsed, EnvironmentSnapshot environment) =>
        parsed.GetValue(Threads) is { } given && EnvironmentDefaults.TryParseThreads(given, out var threads)
            ? threads
            : EnvironmentDefaults.ThreadCount(environment);

    private static int CountFreeCores(Terminal terminal)
    {
        var free = _cores.Measure();
        var threads = FreeCores.ThreadsFor(free);
        if (threads < Environment.ProcessorCount)
            terminal.WriteStatus(string.Create(
                CultureInfo.InvariantCulture,
                $"other processes use {Environment.ProcessorCount - free:F1} of {Environment.ProcessorCount} cores; "
                    + $"this one uses {threads} thread{(threads == 1 ? "" : "s")} (--threads sets another number)"));
        return threads;
    }

    private static Option<string> CreateThreads()
    {
        var option = new Option<string>("--threads")
        {
            Description = "Number of CPU threads: auto uses one per free core, 0 one per core. The same number gives the same " +
                $"bytes (default: {EnvironmentDefaults.ThreadsVariable}, else {EnvironmentDefaults.Threads})",
            HelpName = "auto|number",
        };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string>() is { } text && !EnvironmentDefaults.TryParseThreads(text, out _))
                result.AddError($"--threads is '{text}'; it must be {EnvironmentDefaults.ThreadsForm}");
        });
        return option;
    }
}
