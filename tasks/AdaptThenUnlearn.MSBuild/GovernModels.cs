using System.Diagnostics;
using System.Globalization;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

namespace AdaptThenUnlearn.MSBuild;

/// <summary>Runs <c>atu govern</c> as part of a build; the build fails when the gate does.</summary>
/// <remarks>
/// A separate process, so that libtorch never enters the build's own. The task judges nothing: MSBuild itself turns the
/// tool's <c>file(line,column): error ATU…</c> lines into build errors, and <c>--advisory</c> makes the tool say
/// <i>warning</i> and exit with 0. It does see to it that a policy without a verdict is never taken for one that passed.
/// </remarks>
public sealed class GovernModels : ToolTask
{
    // How atu govern ends what it says about each policy.
    private const string EndOfVerdict = "; evidence in ";

    // How it tells of a rule that failed where a failed gate is only advice.
    private const string FailedAndLetThrough = ": warning ATU3001: ";

    private GovernMode _mode;
    private AtuTool? _tool;
    private string _lastWords = "";
    private bool _letThrough;
    private int _verdicts;

    /// <summary>The project that is built; its folder is where relative paths start.</summary>
    [Required]
    public string Project { get; set; } = "";

    /// <summary>NuGet's package folder, where local tools lie too.</summary>
    public string? PackageFolder { get; set; }

    /// <summary>The policy files; at least one, unless <see cref="Mode"/> is <c>Off</c>.</summary>
    public ITaskItem[] Policies { get; set; } = [];

    /// <summary><c>Enforce</c>, <c>Advisory</c> or <c>Off</c>.</summary>
    public string Mode { get; set; } = "";

    /// <summary><c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:n</c>.</summary>
    [Required]
    public string Device { get; set; } = "";

    /// <summary>Folder under which each policy has a folder of its name; relative to the project.</summary>
    [Required]
    public string OutputFolder { get; set; } = "";

    /// <summary>The tool, a program or a .NET assembly; empty to look for it in a tool manifest and on the PATH.</summary>
    public string? AtuPath { get; set; }

    /// <summary><c>true</c>: measure anew; <c>false</c>: believe a record that is there; empty: as <c>atu</c> does by itself.</summary>
    public string? Fresh { get; set; }

    /// <summary>More arguments for <c>atu govern</c>, as on a command line.</summary>
    public string? Arguments { get; set; }

    /// <inheritdoc/>
    protected override string ToolName => "atu";

    /// <inheritdoc/>
    protected override MessageImportance StandardOutputLoggingImportance => MessageImportance.High;

    /// <inheritdoc/>
    protected override MessageImportance StandardErrorLoggingImportance => MessageImportance.High;

    private string ProjectFolder => Path.GetDirectoryName(Project)!;

    // No trailing separator: on Windows it would escape the quote that follows.
    private string FullOutput => Path.GetFullPath(Path.Combine(ProjectFolder, OutputFolder)).TrimEnd(Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar);

    /// <inheritdoc/>
    public override bool Execute()
    {
        var modes = Enum.GetNames(typeof(GovernMode));
        if (!modes.Contains(Mode, StringComparer.OrdinalIgnoreCase))   // by name alone: parsing takes numbers and lists too
            return Fail("ATU5001", $"GovernModelsMode is '{Mode}'; it can be {string.Join(", ", modes)}");
        _mode = (GovernMode)Enum.Parse(typeof(GovernMode), Mode, ignoreCase: true);
        if (_mode == GovernMode.Off)
            return LogNothingGoverned();
        if (!IsEmptyOr(Fresh, "true", "false"))
            return Fail("ATU5009", $"GovernModelsFresh is '{Fresh}'; it can be true, false, or empty");
        if (Policies.Length == 0)
            return Fail("ATU5002", "there is no policy to govern by: no UnlearningPolicy item, or its wildcard finds no file; correct it, or set GovernModelsMode to Off");

        _tool = AtuTool.Find(AtuPath, ProjectFolder, PackageFolder);
        if (_tool is null)
            return Fail("ATU5003", AtuTool.HowToGetIt(AtuPath));
        if (_mode == GovernMode.Enforce && AdvisoryArgument.IsIn(Arguments))
            WarnAboutAdvisoryArgument();

        try
        {
            using var outputLock = OutputLock.Wait(FullOutput, ToolCanceled);
            return outputLock is not null && base.Execute();
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            return Fail("ATU5006", $"GovernModelsOutput cannot be written: {refused.Message}");
        }
    }

    /// <inheritdoc/>
    protected override string GenerateFullPathToTool() => _tool!.Program;

    /// <inheritdoc/>
    protected override string GetWorkingDirectory() => ProjectFolder;

    /// <inheritdoc/>
    protected override string GenerateCommandLineCommands()
    {
        var line = new CommandLineBuilder();
        foreach (var part in _tool!.Arguments)
            line.AppendFileNameIfNotNull(part);
        line.AppendSwitch("govern");
        foreach (var policy in Policies)
            line.AppendFileNameIfNotNull(policy.GetMetadata("FullPath"));
        line.AppendSwitchIfNotNull("--out ", FullOutput);
        line.AppendSwitchIfNotNull("--device ", Device);
        // A build that is killed cannot take its tools with it, so they watch it.
        line.AppendSwitchIfNotNull("--parent-process ", Process.GetCurrentProcess().Id.ToString(CultureInfo.InvariantCulture));
        if (_mode == GovernMode.Advisory)
            line.AppendSwitch("--advisory");
        if (!string.IsNullOrWhiteSpace(Fresh))
            line.AppendSwitch(Fresh!.Trim().Equals("true", StringComparison.OrdinalIgnoreCase) ? "--fresh" : "--reuse");

        return string.IsNullOrWhiteSpace(Arguments) ? line.ToString() : $"{line} {Arguments!.Trim()}";
    }

    /// <inheritdoc/>
    protected override void LogEventsFromTextOutput(string singleLine, MessageImportance messageImportance)
    {
        if (singleLine.Contains(EndOfVerdict))
            _verdicts++;
        if (_mode == GovernMode.Enforce && singleLine.Contains(FailedAndLetThrough))
            WarnAboutAdvisoryArgument();   // asked for in a way that the arguments do not show, such as a response file
        if (!string.IsNullOrWhiteSpace(singleLine))
            _lastWords = singleLine.Trim();
        base.LogEventsFromTextOutput(singleLine, messageImportance);
    }

    /// <inheritdoc/>
    protected override int ExecuteTool(string pathToTool, string responseFileCommands, string commandLineCommands)
    {
        var exitCode = base.ExecuteTool(pathToTool, responseFileCommands, commandLineCommands);
        if (exitCode != 0 || _verdicts >= Policies.Length)
            return exitCode;

        Fail("ATU5004", $"{pathToTool} ended well, but gave {_verdicts} verdicts on {Policies.Length} policies: is it atu, and does GovernModelsArguments keep it from governing?");
        return -1;   // an error that is told does not yet stop the targets that follow
    }

    /// <inheritdoc/>
    protected override bool HandleTaskExecutionErrors() =>
        HasLoggedErrors || ToolCanceled.WaitOne(0)
            ? false
            : Fail("ATU5004", $"atu ended with exit code {ExitCode} and without an error; its last words: {_lastWords}");

    private bool LogNothingGoverned()
    {
        if (Policies.Length > 0)
            Warn("ATU5007", $"GovernModelsMode is Off: {Policies.Length} {(Policies.Length == 1 ? "policy is" : "policies are")} not asked, and what this build packs or publishes is not governed");
        else
            Log.LogMessage(MessageImportance.High, "{0}: GovernModelsMode is Off, and nothing is governed", Project);
        return true;
    }

    private void WarnAboutAdvisoryArgument()
    {
        if (!_letThrough)
            Warn("ATU5008", "a failed gate does not fail this build, although GovernModelsMode is Enforce: GovernModelsArguments makes atu advisory; take --advisory out, or set GovernModelsMode to Advisory");
        _letThrough = true;
    }

    private static bool IsEmptyOr(string? value, params string[] allowed) =>
        string.IsNullOrWhiteSpace(value) || allowed.Contains(value!.Trim(), StringComparer.OrdinalIgnoreCase);

    private void Warn(string code, string text) => Log.LogWarning(null, code, null, Project, 0, 0, 0, 0, text);

    private bool Fail(string code, string text)
    {
        Log.LogError(null, code, null, Project, 0, 0, 0, 0, text);
        return false;
    }
}

/// <summary>What a build does about a gate that fails.</summary>
public enum GovernMode
{
    /// <summary>It fails.</summary>
    Enforce,

    /// <summary>It warns.</summary>
    Advisory,

    /// <summary>It does not ask.</summary>
    Off,
}
