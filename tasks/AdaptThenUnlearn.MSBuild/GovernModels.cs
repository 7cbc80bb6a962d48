using System.Diagnostics;
using System.Globalization;
using AdaptThenUnlearn.Tasks;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

namespace AdaptThenUnlearn.MSBuild;

/// <summary>Runs <c>atu govern</c> as part of a build. The build fails where the gate does.</summary>
/// <remarks>
/// <c>atu</c> is a separate process, so that libtorch is never loaded into the build. The task judges nothing. MSBuild itself
/// turns the tool's <c>file(line,column): error ATU…</c> lines into build errors; with <c>--advisory</c> the tool writes warnings
/// and exits with 0. The task requires a <see cref="VerdictLine"/> for every policy, so that a policy without a verdict never
/// counts as passed. A JSON schema among the policies, which the tool skips, needs none.
/// </remarks>
public sealed class GovernModels : ToolTask
{
    private readonly string _marker = Guid.NewGuid().ToString("N");
    private readonly HashSet<string> _judged = new(StringComparer.Ordinal);
    private GovernMode _mode;
    private AtuTool? _tool;
    private string _lastLine = "";
    private bool _warnedAboutAdvisory;
    private int _skipped;

    /// <summary>Path of the project that is built; relative paths start in its folder.</summary>
    [Required]
    public string Project { get; set; } = "";

    /// <summary>NuGet's package folder, which also has the local tools.</summary>
    public string? PackageFolder { get; set; }

    /// <summary>The policy files; at least one, unless <see cref="Mode"/> is <c>Off</c>.</summary>
    public ITaskItem[] Policies { get; set; } = [];

    /// <summary><c>Enforce</c>, <c>Advisory</c> or <c>Off</c>.</summary>
    public string Mode { get; set; } = "";

    /// <summary><c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:n</c>; empty leaves that to <c>atu</c>.</summary>
    public string? Device { get; set; }

    /// <summary>Folder in which each policy has a folder of its name; relative to the project.</summary>
    [Required]
    public string OutputFolder { get; set; } = "";

    /// <summary>The tool, as a program or a .NET assembly; where it is empty, a tool manifest or the PATH gives it.</summary>
    public string? AtuPath { get; set; }

    /// <summary>
    /// <c>true</c> measures again, <c>false</c> believes an earlier record, and empty leaves that to <c>atu</c>.
    /// </summary>
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

    // There is no trailing separator: on Windows it would escape the quote that follows.
    private string FullOutput => Path.GetFullPath(Path.Combine(ProjectFolder, OutputFolder))
        .TrimEnd(Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar);

    /// <inheritdoc/>
    public override bool Execute()
    {
        // Check the properties. The mode is compared by name, because parsing accepts numbers and lists too.
        var modes = Enum.GetNames(typeof(GovernMode));
        if (!modes.Contains(Mode, StringComparer.OrdinalIgnoreCase))
            return Fail("ATU5001", $"GovernModelsMode is '{Mode}'; it can be {string.Join(", ", modes)}");
        _mode = (GovernMode)Enum.Parse(typeof(GovernMode), Mode, ignoreCase: true);
        if (_mode == GovernMode.Off)
            return LogNothingGoverned();
        if (!IsEmptyOr(Fresh, "true", "false"))
            return Fail("ATU5009", $"GovernModelsFresh is '{Fresh}'; it can be true, false, or empty");
        if (Policies.Length == 0)
            return Fail(
                "ATU5002",
                "there is no policy to govern by: no UnlearningPolicy item, or its wildcard finds no file; "
                + "correct it, or set GovernModelsMode to Off");

        // Find the tool, and run it while no other project governs into the same folder.
        _tool = AtuTool.Find(AtuPath, ProjectFolder, PackageFolder);
        if (_tool is null)
            return Fail("ATU5003", AtuTool.HowToGetIt(AtuPath));
        if (_mode == GovernMode.Enforce && AdvisoryArgument.IsIn(Arguments))
            WarnAboutAdvisoryArgument();

        EnvironmentVariables = [.. EnvironmentVariables ?? [], $"{VerdictLine.Variable}={_marker}"];
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
        line.AppendSwitchIfNotNull("--device ", string.IsNullOrWhiteSpace(Device) ? null : Device);
        // A build that is killed cannot end its tools, so they watch it.
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
        if (VerdictLine.Read(singleLine, _marker) is { } verdict)
        {
            NoteVerdict(verdict);
            Log.LogMessage(MessageImportance.Low, "{0}", singleLine);   // for programs; the line before it is for people
            return;
        }

        if (!string.IsNullOrWhiteSpace(singleLine))
            _lastLine = singleLine.Trim();
        base.LogEventsFromTextOutput(singleLine, messageImportance);
    }

    /// <inheritdoc/>
    protected override int ExecuteTool(string pathToTool, string responseFileCommands, string commandLineCommands)
    {
        var exitCode = base.ExecuteTool(pathToTool, responseFileCommands, commandLineCommands);
        var policies = Policies.Length - _skipped;
        if (exitCode != 0 || (policies > 0 && _judged.Count >= policies))
            return exitCode;

        Fail(
            "ATU5004",
            $"{pathToTool} ended well, but gave {_judged.Count} verdicts on {policies} policies: "
            + "is it atu, and does GovernModelsArguments keep it from governing?");
        return -1;   // a logged error alone does not stop the targets that follow
    }

    /// <inheritdoc/>
    protected override bool HandleTaskExecutionErrors() =>
        HasLoggedErrors || ToolCanceled.WaitOne(0)
            ? false
            : Fail("ATU5004", $"atu ended with exit code {ExitCode} and without an error; its last line: {_lastLine}");

    private void NoteVerdict(VerdictLine verdict)
    {
        if (verdict.IsVerdict)
            _judged.Add(verdict.Policy);
        if (verdict.Outcome == VerdictLine.Skipped)
            _skipped++;

        // Something that the arguments do not show, such as a response file, makes the tool advisory.
        if (_mode == GovernMode.Enforce && verdict.Outcome == VerdictLine.Advisory)
            WarnAboutAdvisoryArgument();
    }

    private bool LogNothingGoverned()
    {
        if (Policies.Length > 0)
            Warn(
                "ATU5007",
                $"GovernModelsMode is Off: {Policies.Length} {(Policies.Length == 1 ? "policy is" : "policies are")} not asked, "
                + "and what this build packs or publishes is not governed");
        else
            Log.LogMessage(MessageImportance.High, "{0}: GovernModelsMode is Off, and nothing is governed", Project);
        return true;
    }

    private void WarnAboutAdvisoryArgument()
    {
        if (!_warnedAboutAdvisory)
            Warn(
                "ATU5008",
                "a failed gate does not fail this build, although GovernModelsMode is Enforce: "
                + "GovernModelsArguments makes atu advisory; take --advisory out, or set GovernModelsMode to Advisory");
        _warnedAboutAdvisory = true;
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

/// <summary>What a build does where the gate fails.</summary>
public enum GovernMode
{
    /// <summary>The build fails.</summary>
    Enforce,

    /// <summary>The build warns and continues.</summary>
    Advisory,

    /// <summary>The build does not govern.</summary>
    Off,
}
