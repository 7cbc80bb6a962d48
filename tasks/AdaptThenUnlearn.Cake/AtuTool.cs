using System.Collections.Concurrent;
using System.Globalization;
using System.Text.RegularExpressions;
using Cake.Core;
using Cake.Core.Diagnostics;
using Cake.Core.IO;
using Cake.Core.Tooling;

namespace AdaptThenUnlearn.Cake;

/// <summary>
/// Runs <c>atu</c>: builds its arguments, shows its output, and turns its exit code into an exception. It decides nothing.
/// </summary>
/// <param name="context">Context of the build.</param>
/// <param name="settings">Settings of the command; an instance runs it once.</param>
/// <exception cref="CakeException">There is no <c>atu</c>.</exception>
internal sealed partial class AtuTool(ICakeContext context, AtuSettings settings)
    : Tool<AtuSettings>(context.FileSystem, context.Environment, context.ProcessRunner, context.Tools)
{
    private readonly ConcurrentQueue<string> _errorLines = new();
    private int _exitCode;
    private readonly AtuLaunch _launch = AtuLaunch.Choose(context, settings);

    /// <summary>Runs the command over some files.</summary>
    /// <exception cref="CakeException">It did not end with success.</exception>
    public void Run(IReadOnlyList<FilePath> files)
    {
        if (files.Count == 0)
            throw new CakeException(
                AtuFailure.BadArguments, $"atu {settings.Command}: there is no file to work on; did a pattern match nothing?");

        var process = new ProcessSettings { RedirectStandardError = true, RedirectedStandardErrorHandler = OnErrorLine };
        try
        {
            Run(settings, Arguments(files), process, Finish);
            WarnAboutIgnoredFailure();
        }
        catch (TimeoutException)
        {
            throw new CakeException(AtuFailure.NotFinished, string.Create(
                CultureInfo.InvariantCulture,
                $"atu {settings.Command}: stopped after {settings.ToolTimeout}, the timeout that was set"));
        }

        void Finish(IProcess ended)
        {
            ended.WaitForExit();   // a wait with a timeout may return before the last lines have come
            _exitCode = ended.GetExitCode();
            settings.PostAction?.Invoke(ended);
        }
    }

    /// <inheritdoc/>
    protected override string GetToolName() => "atu";

    /// <inheritdoc/>
    protected override IEnumerable<string> GetToolExecutableNames() => _launch.Programs;

    /// <inheritdoc/>
    protected override void ProcessExitCode(int exitCode)
    {
        if (exitCode != 0)
            throw AtuFailure.Create(settings.Command, exitCode, _errorLines);
    }

    // Where the build's own settings turn a failure into a success, the last line says so, because readers of a log look there.
    private void WarnAboutIgnoredFailure()
    {
        if (_exitCode != 0)
            Warn(string.Create(
                CultureInfo.InvariantCulture,
                $"ended with exit code {_exitCode}, and the build goes on because HandleExitCode says so"));
        else if (_errorLines.Any(line => AdvicePattern().IsMatch(line)))
            Warn("the gate failed, and the build goes on because atu ran with --advisory");

        // The log formats its text, so braces are doubled.
        void Warn(string text) => context.Log.Warning(
            $"atu {settings.Command}: warning ATU5008: {text}"
                .Replace("{", "{{", StringComparison.Ordinal).Replace("}", "}}", StringComparison.Ordinal));
    }

    private ProcessArgumentBuilder Arguments(IReadOnlyList<FilePath> files)
    {
        var line = new ProcessArgumentBuilder();
        foreach (var first in _launch.FirstArguments)
            line.AppendQuoted(first);
        line.Append(settings.Command);
        foreach (var file in files)
            line.AppendQuoted(file.MakeAbsolute(context.Environment).FullPath);
        // A build that is killed cannot end its tools, so atu watches it and ends with it.
        line.Append(string.Create(CultureInfo.InvariantCulture, $"--parent-process {Environment.ProcessId}"));
        settings.AppendTo(line, context.Environment);
        return line;
    }

    private string? OnErrorLine(string? line)
    {
        if (line is null)
            return null;

        _errorLines.Enqueue(line);
        switch (DiagnosticPattern().Match(line).Groups[1].Value)
        {
            case "error":
                context.Log.Error(line);
                break;
            case "warning":
                context.Log.Warning(line);
                break;
            default:
                context.Log.Information(line);
                break;
        }

        return line;
    }

    [GeneratedRegex(@": warning ATU3001: ")]
    private static partial Regex AdvicePattern();

    [GeneratedRegex(@": (error|warning) ATU\d{4}: ")]
    private static partial Regex DiagnosticPattern();
}
