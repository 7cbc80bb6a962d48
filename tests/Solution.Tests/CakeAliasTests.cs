using System.Globalization;
using AdaptThenUnlearn.Cake;
using Cake.Core;
using Cake.Core.Diagnostics;
using Cake.Core.IO;

namespace AdaptThenUnlearn.Solution.Tests;

/// <summary>
/// The aliases against a build that starts nothing: which command line they write, and what they make of each way it can end.
/// </summary>
public sealed class CakeAliasTests
{
    private const string Failed = "/p/no-8.json: error ATU3001: failed digit-8/maxRate: 0.12, judged 0.15, must be ≤ 0.01";

    [Fact]
    public void GovernModels_EverySetting_IsOnTheCommandLineInAnyCulture()
    {
        CultureInfo.CurrentCulture = new CultureInfo("de-DE");   // of this test alone
        var build = new FakeBuild { Installed = ["atu"] };

        build.GovernModels("policies/no digit 8.json", new GovernModelsSettings
        {
            OutputDirectory = "out put",
            Device = "cuda:1",
            Threads = 4,
            Resume = true,
            Fresh = true,
            Advisory = true,
            NoTrain = true,
            Publish = true,
            RequirePublish = true,
            Set =
            {
                ["unlearning.steps"] = 2400,
                ["undesiredFeatures[0].maxRate"] = 0.005,
                ["report.publishSamples"] = true,
                ["owner"] = "the \"team\"",
                ["unlearning.data"] = null,
                ["report.formats"] = new[] { "json" }
            },
        });

        Assert.Equal("atu", build.Started);
        Assert.Equal(
            $"govern \"{build.Here}/policies/no digit 8.json\" --out \"{build.Here}/out put\" --device \"cuda:1\" --threads 4 "
            + "--set \"unlearning.steps=2400\" --set \"undesiredFeatures[0].maxRate=0.005\" --set \"report.publishSamples=true\" "
            + "--set \"owner=the \\\"team\\\"\" --set \"unlearning.data=null\" --set \"report.formats=[\\\"json\\\"]\" "
            + "--resume --fresh --advisory --no-train --publish --require-publish",
            build.Arguments);
    }

    [Fact]
    public void PublishGovernanceReport_EverySetting_IsOnTheCommandLine()
    {
        var build = new FakeBuild { Installed = ["atu"] };

        build.PublishGovernanceReport(
            [new FilePath("a/run.json"), new FilePath("b/run.json")], new PublishGovernanceReportSettings
            {
                Repository = "owner/name",
                PullRequest = 12,
                Sha = "0123abcd",
                ApiUrl = new Uri("https://github.example.com/api/v3"),
                RunUrl = new Uri("https://ci.example.com/run?a=1&b=2"),
                ArtifactUrl = new Uri("https://ci.example.com/artifact"),
                Advisory = true,
                RequirePublish = true,
            });

        Assert.Equal(
            $"publish \"{build.Here}/a/run.json\" \"{build.Here}/b/run.json\" --repository \"owner/name\" --pull-request 12 "
                + "--sha \"0123abcd\" "
            + "--api-url \"https://github.example.com/api/v3\" --run-url \"https://ci.example.com/run?a=1&b=2\" --artifact-url "
            + "\"https://ci.example.com/artifact\" "
            + "--advisory --require-publish",
            build.Arguments);
    }

    [Fact]
    public void Aliases_WithoutSettings_LeaveEveryDefaultToTheTool()
    {
        var (govern, publish) = (new FakeBuild { Installed = ["atu"] }, new FakeBuild { Installed = ["atu"] });

        var reuse = new FakeBuild { Installed = ["atu"] };
        govern.GovernModels("/p/a.json");
        reuse.GovernModels("/p/a.json", new GovernModelsSettings { Fresh = false });
        publish.PublishGovernanceReport("/r/run.json");

        Assert.Equal("govern \"/p/a.json\"", govern.Arguments);
        Assert.Equal("govern \"/p/a.json\" --reuse", reuse.Arguments);
        Assert.Equal("publish \"/r/run.json\"", publish.Arguments);
    }

    [Fact]
    public void Aliases_FilesWithoutAny_FailInsteadOfPassing()
    {
        var build = new FakeBuild { Installed = ["atu"] };

        Assert.Equal(2, Assert.Throws<CakeException>(() => build.GovernModels([])).ExitCode);
        Assert.Equal(2, Assert.Throws<CakeException>(() => build.PublishGovernanceReport([])).ExitCode);
        Assert.Null(build.Started);
    }

    [Fact]
    public void Tool_BuiltAssembly_RunsWithDotnet()
    {
        var build = new FakeBuild { Installed = ["dotnet", "atu"] };
        var assembly = FakeBuild.ExistingFile("atu.dll");

        build.GovernModels("/p/a.json", new GovernModelsSettings { AtuAssembly = assembly });

        Assert.Equal("dotnet", build.Started);
        Assert.Equal($"\"{assembly}\" govern \"/p/a.json\"", build.Arguments);
    }

    [Fact]
    public void Tool_AssemblyNotBuilt_SaysWhereItWasLookedFor()
    {
        var build = new FakeBuild { Installed = ["dotnet"] };

        var failed = Assert.Throws<CakeException>(
            () => build.GovernModels("/p/a.json", new GovernModelsSettings { AtuAssembly = "bin/atu.dll" }));

        Assert.Equal(3, failed.ExitCode);
        Assert.Contains($"{build.Here}/bin/atu.dll", failed.Message, StringComparison.Ordinal);
        Assert.Null(build.Started);
    }

    [Fact]
    public void Tool_Path_IsTakenAsItIs()
    {
        var build = new FakeBuild();

        build.GovernModels("/p/a.json", new GovernModelsSettings
        {
            ToolPath = FakeBuild.ExistingFile("my-atu"),
            ArgumentCustomization = line => line.Append("--new-option")
        });

        Assert.Equal("my-atu", build.Started);
        Assert.Equal("govern \"/p/a.json\" --new-option", build.Arguments);
    }

    [Theory]
    [InlineData(
        """{ "version": 1, "tools": { "adaptthenunlearn.tool": { "version": "0.1.0", "commands": ["atu"] } } }""",
        "dotnet")]
    [InlineData("""{ "version": 1, "tools": { "cake.tool": { "version": "7.0.0", "commands": ["dotnet-cake"] } } }""", "atu")]
    public void Tool_PinnedByAManifestAbove_GoesBeforeOneThatHappensToBeInstalled(string manifest, string started)
    {
        using var repository = new Manifests(manifest);
        var build = new FakeBuild { Installed = ["dotnet", "atu"] };

        build.GovernModels("/p/a.json", new GovernModelsSettings { WorkingDirectory = repository.Below });

        Assert.Equal(started, build.Started);
        Assert.Equal(
            started == "dotnet" ? "\"tool\" \"run\" \"atu\" \"--\" govern \"/p/a.json\"" : "govern \"/p/a.json\"",
            build.Arguments);
    }

    [Fact]
    public void Tool_PinnedAboveTheRootManifest_IsNotThisRepositorys()
    {
        using var repository = new Manifests(
            """{ "version": 1, "tools": { "adaptthenunlearn.tool": { "version": "0.1.0", "commands": ["atu"] } } }""",
            """{ "version": 1, "isRoot": true, "tools": { } }""");
        var build = new FakeBuild { Installed = ["dotnet", "atu"] };

        build.GovernModels("/p/a.json", new GovernModelsSettings { WorkingDirectory = repository.Below });

        Assert.Equal("atu", build.Started);
    }

    [Fact]
    public void Tool_NowhereToBeFound_SaysHowToGetIt()
    {
        var build = new FakeBuild { Installed = ["dotnet"] };

        var failed = Assert.Throws<CakeException>(() => build.GovernModels("/p/a.json"));

        Assert.Equal(3, failed.ExitCode);
        Assert.Contains("dotnet tool install AdaptThenUnlearn.Tool", failed.Message, StringComparison.Ordinal);
        Assert.Null(build.Started);
    }

    [Theory]
    [InlineData(1, "the gate failed")]
    [InlineData(2, "the policy or an argument is wrong")]
    [InlineData(3, "the run could not finish")]
    [InlineData(4, "the report was not published")]
    [InlineData(130, "cancelled")]
    [InlineData(139, "ended unexpectedly")]
    public void ExitCode_OtherThanSuccess_IsSaidWithTheToolsOwnErrorInOneLine(int exitCode, string meaning)
    {
        var build = new FakeBuild
        {
            Installed = ["atu"],
            ExitCode = exitCode,
            Says = ["adapting 5/20", Failed, "/p/no-8.json: warning ATU3002: a waiver has expired"]
        };

        var failed = Assert.Throws<CakeException>(() => build.GovernModels("/p/no-8.json"));

        Assert.Equal(exitCode, failed.ExitCode);
        Assert.Equal(
            string.Create(CultureInfo.InvariantCulture, $"atu govern: {meaning} (exit code {exitCode}): {Failed}"),
            failed.Message);
    }

    [Fact]
    public void ExitCode_OneWithoutADiagnostic_IsNoVerdict()
    {
        var build = new FakeBuild
        {
            Installed = ["atu"],
            ExitCode = 1,
            Says = ["Run \"dotnet tool restore\" to make the \"atu\" command available.", ""]
        };

        var failed = Assert.Throws<CakeException>(() => build.GovernModels("/p/a.json"));

        Assert.Equal(3, failed.ExitCode);
        Assert.Equal(
            "atu govern: the run could not finish (exit code 3): Run \"dotnet tool restore\" to make the \"atu\" command "
                + "available.",
            failed.Message);
    }

    [Fact]
    public void ExitCode_WithNothingSaid_IsSaidAlone()
    {
        var build = new FakeBuild { Installed = ["atu"], ExitCode = 137 };

        Assert.Equal(
            "atu govern: ended unexpectedly (exit code 137)",
            Assert.Throws<CakeException>(() => build.GovernModels("/p/a.json")).Message);
    }

    [Fact]
    public void Errors_MoreThanThree_AreCountedAfterTheThird()
    {
        var build = new FakeBuild
        {
            Installed = ["atu"],
            ExitCode = 2,
            Says = [.. Enumerable.Range(1, 5).Select(line => $"a.json({line},1): error ATU1004: wrong")]
        };

        var failed = Assert.Throws<CakeException>(() => build.GovernModels("/p/a.json"));

        Assert.EndsWith(
            ": a.json(1,1): error ATU1004: wrong; a.json(2,1): error ATU1004: wrong; a.json(3,1): error ATU1004: wrong; and 2 "
                + "more above",
            failed.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void ExitCode_HandledByTheSettings_DoesNotFail()
    {
        var build = new FakeBuild { Installed = ["atu"], ExitCode = 1, Says = [Failed] };

        build.GovernModels("/p/a.json", new GovernModelsSettings { HandleExitCode = exitCode => exitCode == 1 });

        Assert.Equal("atu", build.Started);
        Assert.Equal(
            (
                LogLevel.Warning,
                "atu govern: warning ATU5008: ended with exit code 1, and the build goes on because HandleExitCode says so"),
            build.Logged[^1]);
    }

    // Whether by the setting or by an argument of the build's own.
    [Fact]
    public void Advisory_GateThatFailed_IsSaidLast()
    {
        var advice = Failed.Replace("error", "warning", StringComparison.Ordinal);
        var (failed, passed) = (
            new FakeBuild { Installed = ["atu"], Says = [advice, "words"] },
            new FakeBuild { Installed = ["atu"], Says = ["words"] });

        failed.GovernModels("/p/a.json", new GovernModelsSettings { ArgumentCustomization = line => line.Append("--advisory") });
        passed.GovernModels("/p/a.json", new GovernModelsSettings { Advisory = true });

        const string Warning =
            "atu govern: warning ATU5008: the gate failed, and the build goes on because atu ran with --advisory";
        Assert.Equal((LogLevel.Warning, Warning), failed.Logged[^1]);
        Assert.DoesNotContain(passed.Logged, line => line.Item1 == LogLevel.Warning);
    }

    [Fact]
    public void Lines_OfTheTool_KeepTheirSeverityInTheLog()
    {
        var build = new FakeBuild
        {
            Installed = ["atu"],
            Says = ["unlearning 5/20 {0}", Failed, "/p/a.json: warning ATU3002: a waiver has expired"]
        };

        build.GovernModels("/p/a.json");

        Assert.Equal(
            [
                (LogLevel.Information, "unlearning 5/20 {0}"),
                (LogLevel.Error, Failed),
                (LogLevel.Warning, "/p/a.json: warning ATU3002: a waiver has expired")
            ],
            build.Logged);
        Assert.False(build.Settings!.RedirectStandardOutput);   // results go where the build's own do
    }

    [Fact]
    public void Timeout_Exceeded_IsARunThatCouldNotFinish()
    {
        var build = new FakeBuild { Installed = ["atu"], Hangs = true };

        var failed = Assert.Throws<CakeException>(
            () => build.GovernModels("/p/a.json", new GovernModelsSettings { ToolTimeout = TimeSpan.FromMinutes(90) }));

        Assert.Equal(3, failed.ExitCode);
        Assert.Contains("01:30:00", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Timeout_Kept_StillHearsTheLastLines()
    {
        var build = new FakeBuild { Installed = ["atu"], ExitCode = 1, Says = [Failed] };
        var acted = false;

        var failed = Assert.Throws<CakeException>(() => build.GovernModels(
            "/p/a.json", new GovernModelsSettings { ToolTimeout = TimeSpan.FromMinutes(90), PostAction = _ => acted = true }));

        Assert.Contains(Failed, failed.Message, StringComparison.Ordinal);
        Assert.True(acted);
    }

    /// <summary>A folder below folders with tool manifests.</summary>
    private sealed class Manifests : IDisposable
    {
        private readonly DirectoryInfo _top = Directory.CreateTempSubdirectory("atu-manifests-");

        public Manifests(params string[] outermostFirst)
        {
            var folder = _top;
            foreach (var manifest in outermostFirst)
            {
                folder = folder.CreateSubdirectory("below");
                File.WriteAllText(
                    System.IO.Path.Combine(folder.CreateSubdirectory(".config").FullName, "dotnet-tools.json"), manifest);
            }

            Below = folder.CreateSubdirectory("below").FullName;
        }

        public DirectoryPath Below { get; }

        public void Dispose() => _top.Delete(recursive: true);
    }
}
