using System.Diagnostics;
using System.Text;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>Runs <c>atu</c>: the real program in another process, or its entry point in this one.</summary>
internal sealed class Atu : IDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(10);
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

    /// <param name="variables">Environment variables, beside those that <see cref="AtuHere.CleanEnvironment"/> leaves.</param>
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
            Environment = { ["LC_ALL"] = "de_DE.UTF-8", ["DOTNET_NOLOGO"] = "1" },
        };
        foreach (var (name, value) in variables)
            start.Environment[name] = value;
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "atu.dll"));
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        return new Atu(Process.Start(start)!);
    }

    /// <summary>Runs a command line in this process, where nothing depends on a process of its own.</summary>
    public static (int ExitCode, string Output, string Errors) Run(params string[] arguments) => AtuHere.Run(arguments);

    /// <summary>Runs a command line in a new process, where a test is about the program as a whole.</summary>
    public static (int ExitCode, string Output, string Errors) RunProcess(params string[] arguments)
    {
        using var atu = Start(arguments);
        return atu.Finish();
    }

    public bool HasExited => _process.HasExited;

    /// <summary>The processor time that it has used so far, which tells on a busy machine too how far it is.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

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
