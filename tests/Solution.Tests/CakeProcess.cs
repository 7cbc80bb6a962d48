using System.Diagnostics;
using System.Text.Json;
using AdaptThenUnlearn.Tests;

namespace AdaptThenUnlearn.Solution.Tests;

/// <summary>A real process of a build: German, on one thread, and never for ever.</summary>
internal sealed class CakeProcess : IDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(10);
    private static readonly Dictionary<string, string> _environment = new()
    {
        ["LC_ALL"] = "de_DE.UTF-8",
        ["OMP_NUM_THREADS"] = "1",
        ["DOTNET_NOLOGO"] = "1",
        ["DOTNET_CLI_UI_LANGUAGE"] = "en",
        ["MSBUILDDISABLENODEREUSE"] = "1",   // a node that stays would hold the pipes open
    };

    private readonly Process _process;
    private readonly Task<string> _output;
    private readonly Task<string> _errors;

    private CakeProcess(Process process) =>
        (_process, _output, _errors) = (process, process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());

    /// <summary>Of Cake, as the tool manifest pins it.</summary>
    public static string Version { get; } = VersionInManifest();

    /// <summary>The folder of Cake's assemblies, in the machine's package cache.</summary>
    public static string Folder { get; } = Path.Combine(
        Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages"),
        "cake.tool", Version, "tools", "net10.0", "any");

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>Starts a program in a folder.</summary>
    public static CakeProcess Start(string folder, string program, params string[] arguments) =>
        Start(new ProcessStartInfo(program, arguments), folder);

    public static (int ExitCode, string Output, string Errors) Run(string folder, string program, params string[] arguments)
    {
        using var process = Start(folder, program, arguments);
        return process.Finish();
    }

    /// <summary>
    /// Starts Cake itself, without <c>dotnet cake</c> before it, so that a signal reaches the one that runs the script.
    /// </summary>
    /// <param name="folder">
    /// Where packages come from (<c>feed</c>) and go to: those of an earlier run, which have the same version, are not taken for
    /// them.
    /// </param>
    /// <param name="arguments">The script first.</param>
    public static CakeProcess StartScript(string folder, params string[] arguments) =>
        Start(
            new ProcessStartInfo("dotnet", [Path.Combine(Folder, "Cake.dll"), .. arguments])
            {
                Environment =
                {
                    ["CAKE_NUGET_SOURCE"] = Path.Combine(folder, "feed"),
                    ["NUGET_PACKAGES"] = Path.Combine(folder, "feed", "cache")
                },
            },
            folder);

    private static string VersionInManifest()
    {
        using var manifest = JsonDocument.Parse(File.ReadAllText(Path.Combine(Repository.Root, ".config", "dotnet-tools.json")));
        return manifest.RootElement.GetProperty("tools").GetProperty("cake.tool").GetProperty("version").GetString()!;
    }

    private static CakeProcess Start(ProcessStartInfo start, string folder)
    {
        (start.WorkingDirectory, start.RedirectStandardOutput, start.RedirectStandardError) = (folder, true, true);
        foreach (var (name, value) in _environment)
            start.Environment[name] = value;
        return new CakeProcess(Process.Start(start)!);
    }

    public (int ExitCode, string Output, string Errors) Finish()
    {
        AwaitExit();
        Assert.True(Task.WaitAll([_output, _errors], _patience), "the process ended, and what it started still holds its output");
        return (_process.ExitCode, _output.Result, _errors.Result);
    }

    public void AwaitExit()
    {
        if (_process.WaitForExit(_patience))
            return;

        _process.Kill(entireProcessTree: true);
        Assert.Fail($"the process did not end within {_patience}");
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }
}
