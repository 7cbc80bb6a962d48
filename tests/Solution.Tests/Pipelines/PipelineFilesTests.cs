using System.Diagnostics;
using System.Runtime.Versioning;
using System.Text.RegularExpressions;
using AdaptThenUnlearn.Tests;
using YamlDotNet.RepresentationModel;
using static AdaptThenUnlearn.Solution.Tests.Pipelines.PipelineFiles;

namespace AdaptThenUnlearn.Solution.Tests.Pipelines;

/// <summary>
/// The ready-made pipelines: what GitHub's own schema says of them, and that what a caller writes never becomes code.
/// </summary>
public sealed partial class PipelineFilesTests
{
    public static TheoryData<string> Names => [.. All.Keys];

    public static TheoryData<string> GitHubNames => [.. GitHub];

    [Theory]
    [MemberData(nameof(Names))]
    public void EveryFile_IsYaml(string name) => Assert.NotEmpty(Mappings(name).First().Children);

    [Fact]
    public void EveryFile_IsFound() =>
        Assert.Superset(
            new HashSet<string>
            {
                "action.yml", ".github/workflows/ci.yml", ".github/workflows/govern.yml", ".github/workflows/publish.yml",
                "docs/github-actions.md#1", "docs/azure-pipelines.md#1", "docs/gitlab-ci.md#1"
            },
            All.Keys.ToHashSet());

    [Fact]
    public void GitHubFiles_FollowGitHubsOwnSchemas()
    {
        using var folder = new Folder();
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Root, "tests", "Solution.Tests", "workflows"), "*.*js*"))
            File.Copy(file, folder.At(Path.GetFileName(file)));
        var (installed, output) = Run(folder.Path, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund");
        NeededProgram.Require(NeededProgram.Node, installed == 0
            ? null
            : $"Node and npm with a package feed are needed to check workflows: {output.Split('\n')[0]}");
        var names = GitHub.Select(
            (name, index) => (Name: name, File: folder.At(name == "action.yml" ? name : $"workflow-{index}.yml"))).ToList();
        foreach (var (name, file) in names)
            File.WriteAllText(file, All[name]);

        var (exitCode, problems) = Run(folder.Path, "node", ["check.mjs", .. names.Select(name => name.File)]);

        Assert.Equal(0, exitCode);
        Assert.Equal("", problems);

        // So that silence means something: one letter less is a problem.
        var broken = folder.At("broken.yml");
        File.WriteAllText(
            broken, All[".github/workflows/govern.yml"].Replace("permissions:", "permission:", StringComparison.Ordinal));
        Assert.Contains("permission", Run(folder.Path, "node", "check.mjs", broken).Output, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(GitHubNames))]
    public void GitHubFile_Scripts_HoldNoExpressions(string name) =>
        Assert.All(Values(name, "run"), script => Assert.DoesNotContain("${{", script, StringComparison.Ordinal));

    [Theory]
    [MemberData(nameof(GitHubNames))]
    public void GitHubFile_ForeignActions_SayTheirVersion(string name) =>
        Assert.All(
            Values(name, "uses").Where(action => !action.StartsWith("./", StringComparison.Ordinal)),
            action => Assert.Matches("@(v[0-9]+|[0-9a-f]{40}|VERSION)$", action));

    [Theory]
    [MemberData(nameof(GitHubNames))]
    public void GitHubFile_Workflow_SaysItsRightsAndWhatItCancels(string name)
    {
        if (name == "action.yml")
            return;

        var workflow = (YamlMappingNode)Parse(name);
        Assert.IsType<YamlMappingNode>(workflow["permissions"]);
        Assert.True(workflow.Children.ContainsKey("concurrency"));
        Assert.All(
            ((YamlMappingNode)workflow["jobs"]).Children.Values,
            job => Assert.True(((YamlMappingNode)job).Children.ContainsKey("timeout-minutes")));
    }

    [Fact]
    public void Action_Inputs_AreThoseThatItUses()
    {
        var declared = ((YamlMappingNode)((YamlMappingNode)Parse("action.yml"))["inputs"]).Children.Keys
            .Select(key => key.ToString());

        Assert.Equal(
            declared.Order(StringComparer.Ordinal),
            InputPattern()
                .Matches(All["action.yml"])
                .Select(match => match.Groups[1].Value)
                .Distinct()
                .Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Action_DocumentedInputs_AreThoseThatItHas()
    {
        var declared = ((YamlMappingNode)((YamlMappingNode)Parse("action.yml"))["inputs"]).Children.Keys
            .Select(key => key.ToString());
        var page = File.ReadAllText(Path.Combine(Root, "docs", "github-actions.md"));

        Assert.All(declared, input => Assert.Contains($"`{input}`", page, StringComparison.Ordinal));
    }

    [Theory]
    [UnsupportedOSPlatform("windows")]
    [InlineData("enforce", "true", "0", 0, "--fresh")]
    [InlineData("enforce", "false", "1", 1, "--reuse")]
    [InlineData("advisory", "true", "0", 0, "--advisory", "--fresh")]
    [InlineData("strict", "true", "0", 2)]
    [InlineData("enforce", "perhaps", "0", 2)]
    public void ActionGovern_HostileInputs_ReachTheToolAsTheyAre(
        string mode, string fresh, string exitCode, int expected, params string[] more)
    {
        Assert.SkipWhen(
            OperatingSystem.IsWindows() || Run(Root, "bash", "--version").ExitCode != 0,
            "a Bash is needed, and a system whose files are programs by their mode");
        using var folder = new Folder();
        File.WriteAllText(folder.At("atu"), $"#!/bin/sh\nprintf '%s\\n' \"$@\" > '{folder.At("arguments")}'\nexit {exitCode}\n");
        File.SetUnixFileMode(folder.At("atu"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        File.WriteAllText(
            folder.At("govern.sh"),
            Values("action.yml", "run").Single(script => script.Contains("atu govern", StringComparison.Ordinal)));
        File.WriteAllText(folder.At("first.sh"), ActionSteps()[0]["run"].ToString());
        File.WriteAllText(folder.At("outputs"), "");
        Directory.CreateDirectory(folder.At("the \"out\" folder/checked in"));
        File.WriteAllText(folder.At("the \"out\" folder/checked in/run.json"), "{}");

        var (first, outputOfFirst) = Script("first.sh");
        Assert.True(first == 0, outputOfFirst);
        Assert.False(
            File.Exists(folder.At("the \"out\" folder/checked in/run.json")),
            "a record that the checkout brought could be taken for this job's verdict");
        var (code, output) = Script("govern.sh");

        Assert.True(code == expected, output);
        Assert.False(File.Exists(folder.At("pwned")));
        // Without a verdict, nothing is published.
        Assert.Equal(expected == 2 ? "" : $"exit-code={exitCode}\n", File.ReadAllText(folder.At("outputs")));
        if (expected == 2)
            return;

        Assert.Equal(
            [
                "govern", "--out", "the \"out\" folder", "--device", "cpu",
                "--set=description=`touch pwned`; exit 0", .. more, "--", "a b.json", "$(touch pwned).json"
            ],
            File.ReadAllLines(folder.At("arguments")));

        (int ExitCode, string Output) Script(string name) => Run(
            folder.Path, "bash", ["--noprofile", "--norc", "-eo", "pipefail", name],
            ("PATH", $"{folder.Path}:{Environment.GetEnvironmentVariable("PATH")}"), ("GITHUB_OUTPUT", folder.At("outputs")),
            ("ATU_POLICIES", "a b.json\n$(touch pwned).json\n"), ("ATU_ARGUMENTS", "--set=description=`touch pwned`; exit 0\n"),
            ("ATU_MODE", mode), ("ATU_FRESH", fresh), ("ATU_DEVICE", "cpu"), ("ATU_OUT", "the \"out\" folder"));
    }

    // A step that runs whatever failed before it must not tell of a job that never came to govern.
    [Fact]
    public void Action_StepsAfterGovern_AskWhetherItGoverned()
    {
        var after = ActionSteps()
            .SkipWhile(step => !step.Children.TryGetValue("id", out var id) || id.ToString() != "govern")
            .Skip(1)
            .ToList();

        Assert.NotEmpty(after);
        Assert.All(
            after,
            step => Assert.Contains("steps.govern.outputs.exit-code != ''", step["if"].ToString(), StringComparison.Ordinal));
    }

    // Each finds the record of an earlier run believable if every hash fits, and such a one can be checked in.
    [Theory]
    [InlineData("docs/azure-pipelines.md#1", "atu govern", "\"$OUT\"/*/run.json")]
    [InlineData("docs/gitlab-ci.md#1", "atu govern", "artifacts/*/run.json")]
    [InlineData("docs/publishing.md#1", "-- govern", "artifacts/*/run.json")]
    public void Example_BeforeItGoverns_RemovesRecordsThatTheCheckoutBrought(string name, string governs, string records) =>
        Assert.InRange(
            All[name].IndexOf($"rm -f {records}", StringComparison.Ordinal),
            0,
            All[name].IndexOf(governs, StringComparison.Ordinal));

    // A record proves nothing about who wrote it: a pipeline asks for a new one.
    [Theory]
    [InlineData("docs/azure-pipelines.md")]
    [InlineData("docs/gitlab-ci.md")]
    [InlineData("docs/publishing.md")]
    [InlineData("README.md")]
    public void Example_ThatGoverns_MeasuresAnew(string page)
    {
        var steps = File.ReadAllLines(Path.Combine(Root, page)).Where(line => line.Contains("govern ", StringComparison.Ordinal)
            && (line.Contains("- run:", StringComparison.Ordinal) || line.StartsWith("    ", StringComparison.Ordinal))).ToList();

        Assert.NotEmpty(steps);
        Assert.All(steps, step => Assert.Contains(" --fresh", step, StringComparison.Ordinal));
    }

    // GitHub lets a required check wait forever whose workflow its paths skip, and cancels what waits in a group when another
    // comes.
    [Theory]
    [InlineData("docs/github-actions.md#1")]
    [InlineData("docs/github-actions.md#2")]
    public void Example_ThatMayBeRequired_RunsOnEachPullRequestAndKeepsOthersWaiting(string name)
    {
        var workflow = (YamlMappingNode)Parse(name);

        Assert.DoesNotContain(
            workflow["on"].AllNodes.OfType<YamlMappingNode>().SelectMany(node => node.Children.Keys),
            key => key.ToString().StartsWith("paths", StringComparison.Ordinal));
        Assert.Contains("${{ github.ref }}", workflow["concurrency"]["group"].ToString(), StringComparison.Ordinal);
    }

    private static List<YamlMappingNode> ActionSteps() =>
        [.. ((YamlSequenceNode)Parse("action.yml")["runs"]["steps"]).Cast<YamlMappingNode>()];

    private static IEnumerable<string> Values(string name, string key) =>
        Mappings(name)
            .Where(mapping => mapping.Children.TryGetValue(key, out var value) && value is YamlScalarNode)
            .Select(mapping => mapping[key].ToString());

    private static (int ExitCode, string Output) Run(string folder, string program, params string[] arguments) =>
        Run(folder, program, arguments, []);

    private static (int ExitCode, string Output) Run(
        string folder, string program, string[] arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(
            program, arguments)
        { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        try
        {
            using var process = Process.Start(start)!;
            var errors = process.StandardError.ReadToEndAsync();
            var output = process.StandardOutput.ReadToEnd() + errors.GetAwaiter().GetResult();
            process.WaitForExit();
            return (process.ExitCode, output);
        }
        catch (System.ComponentModel.Win32Exception missing)
        {
            return (-1, missing.Message);
        }
    }

    [GeneratedRegex(@"\binputs\.([a-z-]+)")]
    private static partial Regex InputPattern();

    private sealed class Folder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("atu-pipelines-").FullName;

        public string At(string name) => System.IO.Path.Combine(Path, name);

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
