using System.Collections.Concurrent;
using System.Globalization;
using System.Text.RegularExpressions;
using Cake.Core;
using Cake.Core.Diagnostics;
using Cake.Core.IO;
using Cake.Core.Tooling;

namespace AdaptThenUnlearn.Cake;

/// <summary>Runs <c>atu</c>: builds its arguments, shows what it says, and turns its exit code into an exception. It decides nothing.</summary>
/// <param name="context">Of the build.</param>
/// <param name="runner">Starts the process. One instance runs one command.</param>
internal sealed partial class AtuTool(ICakeContext context, IProcessRunner runner)
    : Tool<AtuSettings>(context.FileSystem, context.Environment, runner, context.Tools)
{
    private static readonly string[] _executables = ["atu", "atu.exe"];
    private static readonly string[] _host = ["dotnet", "dotnet.exe"];
    private readonly ConcurrentQueue<string> _said = new();
    private string _command = "";

    /// <summary>Runs one command over some files.</summary>
    /// <exception cref="CakeException">It did not end with success.</exception>
    public void Run(IReadOnlyList<FilePath> files, AtuSettings settings)
    {
        _command = settings.Command;
        if (files.Count == 0)
            throw new CakeException(AtuFailure.BadArguments, $"atu {_command}: there is no file to work on; did a pattern match nothing?");
        if (settings.AtuAssembly is { } assembly && !context.FileSystem.Exist(assembly.MakeAbsolute(context.Environment)))
            throw new CakeException(AtuFailure.NotFinished, $"atu {_command}: there is no {assembly.MakeAbsolute(context.Environment)}; build it first, or leave AtuAssembly unset and install the tool");

        var process = new ProcessSettings { RedirectStandardError = true, RedirectedStandardErrorHandler = Hear };
        try
        {
            Run(settings, Arguments(files, settings), process, Finish);
        }
        catch (TimeoutException)
        {
            throw new CakeException(AtuFailure.NotFinished, string.Create(CultureInfo.InvariantCulture, $"atu {_command}: stopped after {settings.ToolTimeout}, the timeout that was set; with Resume it goes on from there"));
        }

        void Finish(IProcess ended)
        {
            ended.WaitForExit();   // a wait with a timeout may return before the last lines have come
            settings.PostAction?.Invoke(ended);
        }
    }

    /// <inheritdoc/>
    protected override string GetToolName() => "atu";

    /// <inheritdoc/>
    protected override IEnumerable<string> GetToolExecutableNames() => _executables;

    /// <inheritdoc/>
    protected override IEnumerable<string> GetToolExecutableNames(AtuSettings settings) =>
        settings.AtuAssembly is not null || IsInManifestAlone(settings) ? _host : _executables;

    /// <inheritdoc/>
    protected override void ProcessExitCode(int exitCode)
    {
        if (exitCode != 0)
            throw AtuFailure.Of(_command, exitCode, _said);
    }

    private ProcessArgumentBuilder Arguments(IReadOnlyList<FilePath> files, AtuSettings settings)
    {
        var line = new ProcessArgumentBuilder();
        if (settings.AtuAssembly is { } assembly)
            line.AppendQuoted(assembly.MakeAbsolute(context.Environment).FullPath);
        else if (IsInManifestAlone(settings))
            line.Append("tool").Append("run").Append("atu").Append("--");

        line.Append(settings.Command);
        foreach (var file in files)
            line.AppendQuoted(file.MakeAbsolute(context.Environment).FullPath);
        settings.AppendTo(line, context.Environment);
        return line;
    }

    // A local tool is known to `dotnet tool run` alone; Cake's locator does not see it.
    private bool IsInManifestAlone(AtuSettings settings) => settings is { AtuAssembly: null, ToolPath: null } && context.Tools.Resolve(_executables) is null;

    private string? Hear(string? line)
    {
        if (line is null)
            return null;

        _said.Enqueue(line);
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

    [GeneratedRegex(@": (error|warning) ATU\d{4}: ")]
    private static partial Regex DiagnosticPattern();
}
