using System.Diagnostics;
using System.Text;
using AdaptThenUnlearn.Publishing.Hosts;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>Runs the real <c>atu</c> in another process.</summary>
internal sealed class Atu : IDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(4);
    private readonly Process _process;
    private readonly Task<string> _output;
    private readonly Task<string> _errors;

    private readonly TaskCompletionSource<string> _firstLine = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private Atu(Process process) =>
        (_process, _output, _errors) = (process, ReadAsync(process.StandardOutput), process.StandardError.ReadToEndAsync());

    /// <summary>The first line of its output, as soon as it is there.</summary>
    public Task<string> FirstLine => _firstLine.Task.WaitAsync(_patience);

    public static Atu Start(params string[] arguments) => StartWith(new Dictionary<string, string>(), arguments);

    /// <param name="folder">Its working directory.</param>
    /// <param name="arguments">Of the command line.</param>
    public static Atu StartIn(string folder, params string[] arguments) =>
        StartWith(new Dictionary<string, string>(), folder, arguments);

    /// <param name="variables">Environment variables; those of a CI host and tokens are removed.</param>
    /// <param name="arguments">Of the command line.</param>
    public static Atu StartWith(IReadOnlyDictionary<string, string> variables, params string[] arguments) =>
        StartWith(variables, Path.GetTempPath(), arguments);

    private static Atu StartWith(IReadOnlyDictionary<string, string> variables, string folder, string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet"
            ? host
            : "dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
            // Only the CPU gives the same bytes each time.
            Environment =
                { ["OMP_NUM_THREADS"] = "1", ["CUDA_VISIBLE_DEVICES"] = "", ["LC_ALL"] = "de_DE.UTF-8", ["DOTNET_NOLOGO"] = "1" },
        };
        start.Environment["DOTNET_TieredPGO"] = "0";   // a short process gains nothing from what it would learn about itself
        foreach (var name in start.Environment.Keys.Where(
            name => name.StartsWith("GITHUB_", StringComparison.Ordinal)
                || name.EndsWith("_TOKEN", StringComparison.Ordinal)).ToList())
            start.Environment.Remove(name);
        foreach (var name in BuildServer.Variables)
            start.Environment.Remove(name);
        foreach (var (name, value) in variables)
            start.Environment[name] = value;
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "atu.dll"));
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        return new Atu(Process.Start(start)!);
    }

    public static (int ExitCode, string Output, string Errors) Run(params string[] arguments)
    {
        using var atu = Start(arguments);
        return atu.Finish();
    }

    public bool HasExited => _process.HasExited;

    public void Kill() => _process.Kill();

    public void Interrupt() => Signals.Interrupt(_process.Id);

    public (int ExitCode, string Output, string Errors) Finish()
    {
        if (!_process.WaitForExit(_patience))
        {
            _process.Kill();
            Assert.Fail($"atu did not end within {_patience}");
        }

        return (_process.ExitCode, _output.GetAwaiter().GetResult(), _errors.GetAwaiter().GetResult());
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }

    private async Task<string> ReadAsync(StreamReader output)
    {
        var line = new StringBuilder();
        var character = new char[1];
        while (await output.ReadAsync(character) == 1 && character[0] != '\n')
            line.Append(character[0]);
        _firstLine.SetResult(line.ToString().TrimEnd());
        return line + (character[0] == '\n' ? "\n" : "") + await output.ReadToEndAsync();
    }
}
