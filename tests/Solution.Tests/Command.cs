using System.Diagnostics;
using System.Text;
using AdaptThenUnlearn.Cli.Tests;

namespace AdaptThenUnlearn.Solution.Tests;

/// <summary>A program that runs, and everything it says.</summary>
internal sealed class Command : IDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _said = new();

    private Command(Process process) => _process = process;

    /// <summary>Starts <c>dotnet</c>, or another program, under a culture that writes numbers with commas.</summary>
    /// <param name="folder">Where.</param>
    /// <param name="environment">Variables over this process's; null removes one.</param>
    /// <param name="program">The program.</param>
    /// <param name="arguments">As the program gets them.</param>
    public static Command Start(
        string folder, IReadOnlyDictionary<string, string?> environment, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(
            program, arguments)
        { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        // A build that runs these tests must not steer the builds that they start.
        foreach (var inherited in start.Environment.Keys.Where(
            name => name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToList())
            start.Environment.Remove(inherited);
        // Nor must they take themselves for a build server's, unless a test says so.
        foreach (var server in new[] { "GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "JENKINS_URL", "TEAMCITY_VERSION" })
            start.Environment.Remove(server);
        foreach (var (name, value) in new Dictionary<string, string?>(environment)
        {
            ["LC_ALL"] = "de_DE.UTF-8",
            ["DOTNET_CLI_UI_LANGUAGE"] = "en",
            ["DOTNET_NOLOGO"] = "1",
            ["OMP_NUM_THREADS"] = "1",
            ["MSBUILDDISABLENODEREUSE"] = "1",
            ["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0",
            ["CI"] = null,
            ["AtuCoverage"] = null,
        })
            start.Environment[name] = value;

        var command = new Command(Process.Start(start)!);
        command._process.OutputDataReceived += command.Hear;
        command._process.ErrorDataReceived += command.Hear;
        command._process.BeginOutputReadLine();
        command._process.BeginErrorReadLine();
        return command;
    }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public string Output
    {
        get
        {
            lock (_said)
                return _said.ToString();
        }
    }

    /// <summary>Waits for its end.</summary>
    public (int ExitCode, string Output) Finish(TimeSpan? patience = null)
    {
        if (!_process.WaitForExit(patience ?? TimeSpan.FromMinutes(10)))
        {
            _process.Kill(entireProcessTree: true);
            Assert.Fail($"it did not end in time, and wrote: {Output}");
        }

        _process.WaitForExit();   // until its output is read as well
        return (_process.ExitCode, Output);
    }

    /// <summary>Kills this process and no other, as a machine that runs out of memory does.</summary>
    public void Kill() => _process.Kill();

    /// <summary>What Ctrl-C sends, to this process alone.</summary>
    public void Interrupt() => Signals.Interrupt(_process.Id);

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }

    private void Hear(object sender, DataReceivedEventArgs line)
    {
        lock (_said)
            if (line.Data is not null)
                _said.AppendLine(line.Data);
    }
}
