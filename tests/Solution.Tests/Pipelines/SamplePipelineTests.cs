using System.Runtime.Versioning;
using System.Text.RegularExpressions;
using AdaptThenUnlearn.Cli.Tests;
using AdaptThenUnlearn.Tests;
using YamlDotNet.RepresentationModel;
using static AdaptThenUnlearn.Solution.Tests.Pipelines.PipelineFiles;

namespace AdaptThenUnlearn.Solution.Tests.Pipelines;

/// <summary>
/// The samples of pipelines: they are the pages' own text, and their shell lines do what they should, above all where a gate
/// fails.
/// </summary>
public sealed partial class SamplePipelineTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    private const string Met = "0.9";
    private const string NotMet = "0.001";

    [Theory]
    [InlineData("docs/github-actions.md#1", "github-actions", ".github/workflows/govern.yml")]
    [InlineData("docs/gitlab-ci.md#1", "gitlab", ".gitlab-ci.yml")]
    [InlineData("docs/azure-pipelines.md#1", "azure-pipelines", "azure-pipelines.yml")]
    public void Sample_PipelineFile_IsThePagesText(string page, string sample, string file) =>
        Golden.Check(file, All[page], $"../samples/{sample}");

    [Theory]
    [UnsupportedOSPlatform("windows")]
    [InlineData(Met, 0)]
    [InlineData(NotMet, 1)]
    public void GitLabSample_Lines_GovernAndLeaveTheReports(string limit, int expected)
    {
        using var machine = new PipelineMachine("gitlab", house, limit);
        var job = (YamlMappingNode)Parse("docs/gitlab-ci.md#1")["govern"];
        string[] script = [.. Lines(job["before_script"]), .. Lines(job["script"])];

        var (exitCode, output) = machine.Bash("set -eo pipefail\n" + string.Join('\n', script), []);
        var (_, after) = machine.Bash(string.Join('\n', Lines(job["after_script"])), new()
        {
            ["CI_JOB_URL"] = "https://gitlab.example/team/digits/-/jobs/1",
        });

        Assert.True(exitCode == expected, output);
        Assert.DoesNotContain("error ATU2", output + after, StringComparison.Ordinal);
        machine.HasEvidence("artifacts");
        Assert.Equal("artifacts/*/junit.xml", job["artifacts"]["reports"]["junit"].ToString());
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public void AzureSample_FailedGate_FailsTheJobAndLeavesTheReports()
    {
        using var machine = new PipelineMachine("azure-pipelines", house, NotMet);
        var pipeline = Parse("docs/azure-pipelines.md#1");
        Assert.Equal("$(System.DefaultWorkingDirectory)/artifacts", pipeline["variables"]["out"].ToString());
        Dictionary<string, string?> environment = new()
        {
            ["OUT"] = machine.At("artifacts"),
            ["AGENT_TEMPDIRECTORY"] = machine.At("temp"),
        };
        var failed = 0;
        Directory.CreateDirectory(machine.At("artifacts/other/images"));
        File.WriteAllText(machine.At("artifacts/other/images/attack-truncation-ban-after.png"), "a picture of what is banned");

        foreach (var step in ((YamlSequenceNode)pipeline["steps"]).Cast<YamlMappingNode>().Where(step => Has(step, "bash")))
        {
            if (failed != 0 && (!Has(step, "condition") || step["condition"].ToString() != "succeededOrFailed()"))
                continue;

            var (exitCode, output) = machine.Bash(step["bash"].ToString(), environment);
            Assert.True(exitCode is 0 or 1, output);
            Assert.DoesNotContain("error ATU2", output, StringComparison.Ordinal);
            foreach (Match folder in PrependPathPattern().Matches(output))
                machine.PrependPath(folder.Groups[1].Value);
            failed = Math.Max(failed, exitCode);
        }

        Assert.Equal(1, failed);
        machine.HasEvidence("artifacts");
        Assert.False(File.Exists(machine.At("artifacts/my-policy/images/before-after.png")));
        Assert.False(File.Exists(machine.At("artifacts/other/images/attack-truncation-ban-after.png")));
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public void GitHubSample_FailedGate_FailsTheJobAndLeavesTheReports()
    {
        using var machine = new PipelineMachine("github-actions", house, NotMet);
        var inputs = ((YamlMappingNode)Parse("action.yml")["inputs"]).Children
            .Where(input => Has((YamlMappingNode)input.Value, "default"))
            .ToDictionary(input => input.Key.ToString(), input => input.Value["default"].ToString());
        var use = Mappings("docs/github-actions.md#1").Single(
            step => Has(step, "uses") && step["uses"].ToString().Contains("AdaptThenUnlearn", StringComparison.Ordinal));
        foreach (var (name, value) in (YamlMappingNode)use["with"])
            inputs[name.ToString()] = value.ToString();
        var failed = 0;

        foreach (var step in ((YamlSequenceNode)Parse("action.yml")["runs"]["steps"]).Cast<YamlMappingNode>())
        {
            if (!Has(step, "run")
                || (failed != 0 && !step["if"].ToString().Contains("!cancelled()", StringComparison.Ordinal)))
                continue;

            Dictionary<string, string?> environment = new()
            {
                ["GITHUB_OUTPUT"] = machine.At("outputs"),
                ["GITHUB_PATH"] = machine.At("paths"),
                ["RUNNER_TEMP"] = machine.At("temp"),
            };
            foreach (var (name, value) in (YamlMappingNode)step["env"])
                environment[name.ToString()] = InputPattern().Match(value.ToString()) is { Success: true } input
                    ? inputs[input.Groups[1].Value]
                    : "";
            environment["GITHUB_TOKEN"] = null;
            var (exitCode, output) = machine.Bash("set -eo pipefail\n" + step["run"], environment);
            Assert.True(exitCode is 0 or 1, output);
            Assert.DoesNotContain("error ATU2", output, StringComparison.Ordinal);
            foreach (var folder in File.Exists(machine.At("paths")) ? File.ReadAllLines(machine.At("paths")) : [])
                machine.PrependPath(folder);
            failed = Math.Max(failed, exitCode);
        }

        Assert.Equal(1, failed);
        Assert.Contains("exit-code=1\n", File.ReadAllText(machine.At("outputs")), StringComparison.Ordinal);
        machine.HasEvidence("artifacts");
    }

    private static bool Has(YamlMappingNode node, string key) => node.Children.ContainsKey(key);

    private static IEnumerable<string> Lines(YamlNode script) => ((YamlSequenceNode)script).Select(line => line.ToString());

    [GeneratedRegex(@"##vso\[task\.prependpath\](\S+)")]
    private static partial Regex PrependPathPattern();

    [GeneratedRegex(@"^\$\{\{ inputs\.([a-z-]+) \}\}$")]
    private static partial Regex InputPattern();
}
