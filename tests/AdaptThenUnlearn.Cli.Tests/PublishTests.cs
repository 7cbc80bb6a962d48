using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using AdaptThenUnlearn.Publishing.Tests;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>Publishing in a real process: what the user sees, exit codes, and that the token is seen nowhere.</summary>
public sealed class PublishTests : IClassFixture<SmallHouse>, IDisposable
{
    private readonly SmallHouse _house;
    private readonly FakeGitHub _github = new();
    private readonly Desk _desk;
    private readonly string _record;

    public PublishTests(SmallHouse house)
    {
        (_house, _desk) = (house, new Desk(_github));
        _desk.ReadRun();
        _record = _desk.At("artifacts/no-eights/run.json");
    }

    public void Dispose()
    {
        _desk.Dispose();
        _github.Dispose();
    }

    [Fact]
    public void Publish_Twice_UpdatesAndDoesNotAdd()
    {
        var (exitCode, output, errors) = Atu("publish", _record, "--artifact-url", "https://github.example/artifact/1");
        Assert.True(exitCode == 0, errors);
        Assert.Contains("published no-eights: comment added on #7", output, StringComparison.Ordinal);
        Assert.Contains(
            "published no-eights: check run 'atu / no-eights / generator': success", output, StringComparison.Ordinal);
        Assert.Contains("published no-eights: job summary appended", output, StringComparison.Ordinal);

        (exitCode, output, errors) = Atu("publish", _record);

        Assert.Equal(0, exitCode);
        Assert.Contains("comment updated on #7", output, StringComparison.Ordinal);
        Assert.Equal("", errors);
        // The number is not written 0,2 %, whatever the culture.
        Assert.Contains("0.2\u00a0%", Assert.Single(_github.Comments).Body, StringComparison.Ordinal);
    }

    [Fact]
    public void Publish_WithHistoryAndBaseline_ShowsThemBesideTheRun()
    {
        var earlier = _desk.At("main/evidence/run.json");
        Directory.CreateDirectory(Path.GetDirectoryName(earlier)!);
        RunRecordFile.Write(earlier, Desk.MakeRecord(hits: 40));
        File.WriteAllText(_desk.At("main/bad-run.json"), "{}");

        var (exitCode, _, errors) = Atu("publish", _record, "--history", _desk.At("main"), "--baseline", earlier);

        Assert.Equal(0, exitCode);
        Assert.Contains("passed over: ", errors, StringComparison.Ordinal);
        var comment = Assert.Single(_github.Comments).Body;
        Assert.Contains("| Baseline |", comment, StringComparison.Ordinal);
        Assert.Contains("<summary>Trend over 2 runs", comment, StringComparison.Ordinal);
    }

    [Fact]
    public void Publish_HistoryAndBaselineThatCannotBeRead_AreWarningsAndTheRestIsPublished()
    {
        var (exitCode, output, errors) =
            Atu("publish", _record, "--history", _desk.At("nowhere"), "--baseline", _desk.At("nowhere/run.json"));

        Assert.Equal(0, exitCode);
        Assert.Equal(2, errors.Split("warning ATU2009").Length - 1);
        Assert.Contains("comment added on #7", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "warning")]
    [InlineData(4, "error", "--require-publish")]
    public void Publish_ReadOnlyToken_IsOneLineAndTheDocumentedExitCode(int expected, string severity, params string[] more)
    {
        _github.Interrupt = sent => sent.Method == "GET" ? null : FakeGitHub.Forbidden;

        var (exitCode, _, errors) = Atu(["publish", _record, .. more]);

        Assert.Equal(expected, exitCode);
        Assert.StartsWith(
            $"atu: {severity} ATU4003: not everything was published:",
            Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries)),
            StringComparison.Ordinal);
        Assert.Contains("permissions: pull-requests: write", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Publish_NetworkGone_IsOneWarning()
    {
        _github.Dispose();

        var (exitCode, _, errors) = Atu("publish", _record);

        Assert.Equal(0, exitCode);
        Assert.Contains(
            "warning ATU4004",
            Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries)),
            StringComparison.Ordinal);
    }

    // The proxy is not there, so that nothing leaves this machine.
    [Fact]
    public void Publish_HostThatNobodyNamed_IsSaidBeforeTheTokenGoesThere()
    {
        foreach (var name in _desk.Variables.Keys.Where(name => name.StartsWith("GITHUB_", StringComparison.Ordinal)).ToList())
            _desk.Variables.Remove(name);
        foreach (var (name, value) in new[]
        {
            ("GH_TOKEN", FakeGitHub.Token),
            ("HTTPS_PROXY", "http://127.0.0.1:1"),
            ("https_proxy", "http://127.0.0.1:1"),
            ("NO_PROXY", ""),
            ("no_proxy", "")
        })
            _desk.Variables[name] = value;

        var (exitCode, _, errors) =
            Atu("publish", _record, "--repository", "octo/digits", "--sha", FakeGitHub.Head, "--only", "check");

        Assert.Equal(0, exitCode);
        Assert.StartsWith(
            "the token in GH_TOKEN goes to api.github.com, because nothing names another host", errors, StringComparison.Ordinal);
        Assert.Contains("warning ATU4004", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Publish_ServerThatEchoesTheToken_ShowsItNowhere()
    {
        _github.Interrupt = sent => sent.Method == "GET" ? null
            : new Answer(422, new JsonObject
            {
                ["message"] = sent.Headers["Authorization"],
                ["errors"] = new JsonArray(sent.Headers["Authorization"])
            }.ToJsonString());

        var (exitCode, output, errors) = Atu("publish", _record);

        Assert.Equal(0, exitCode);
        Assert.Contains("***", errors, StringComparison.Ordinal);
        Assert.DoesNotContain(FakeGitHub.Token, output + errors, StringComparison.Ordinal);
        Assert.All(
            Directory.EnumerateFiles(_desk.At(""), "*", SearchOption.AllDirectories),
            file => Assert.DoesNotContain(FakeGitHub.Token, File.ReadAllText(file), StringComparison.Ordinal));
    }

    [Fact]
    public void Publish_UntrustedRecord_IsJudgedAgainByTheRepositorysPolicy()
    {
        _desk.Event(new
        {
            workflow_run = new
            {
                @event = "pull_request",
                head_sha = FakeGitHub.Head,
                head_branch = "feature",
                head_repository = new { full_name = "someone/digits", owner = new { login = "someone" } }
            }
        });
        File.WriteAllText(
            _desk.At("policies/policy.json"),
            File.ReadAllText(_desk.At("policies/policy.json"))
                .Replace("\"maxRate\": 0.01", "\"maxRate\": 0.001", StringComparison.Ordinal));

        var (exitCode, _, errors) = Atu("publish", "--untrusted", _record, "--policy", _desk.At("policies/policy.json"));

        Assert.True(exitCode == 0, errors);
        Assert.Contains("❌\u00a0Failed: no-eights", Assert.Single(_github.Comments).Body, StringComparison.Ordinal);
        Assert.Equal("failure", (string?)Assert.Single(_github.CheckRuns)["conclusion"]);
        Assert.Equal("policies/policy.json", (string?)_github.CheckRuns[0]["output"]!["annotations"]![0]!["path"]);
    }

    // Its author could have raised the limits.
    [Fact]
    public void Publish_UntrustedWithoutAPolicy_PostsNothingAndEndsWith2()
    {
        var (exitCode, _, errors) = Atu("publish", "--untrusted", _record);

        Assert.Equal(2, exitCode);
        Assert.Contains("error ATU4010: --untrusted needs --policy", errors, StringComparison.Ordinal);
        Assert.Empty(_github.Requests);
    }

    [Theory]
    [InlineData("\"samples\": 10000,", "\"samples\": 20000,", 1, "error ATU3003")]
    [InlineData("\"tool\":", "\"extra\": 1, \"tool\":", 3, "error ATU2009")]
    public void Publish_RecordThatCannotBeBelieved_PostsNothing(string from, string to, int expected, string code)
    {
        var text = File.ReadAllText(_record);
        Assert.Contains(from, text, StringComparison.Ordinal);
        File.WriteAllText(_record, text.Replace(from, to, StringComparison.Ordinal));

        var (exitCode, _, errors) = Atu("publish", _record);

        Assert.Equal(expected, exitCode);
        Assert.Contains(code, errors, StringComparison.Ordinal);
        Assert.Empty(_github.Requests);
    }

    [Fact]
    public void Publish_OneOfSeveralRecordsIsUnreadable_PublishesTheOthersAndFails()
    {
        var (exitCode, output, errors) = Atu("publish", _desk.At("nowhere/run.json"), _record);

        Assert.Equal(3, exitCode);
        Assert.Contains(
            "error ATU2009", Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
        Assert.Contains("published no-eights", output, StringComparison.Ordinal);
        Assert.Single(_github.Comments);
    }

    [Theory]
    [InlineData("--pull-request", "seven")]
    [InlineData("--only", "everything")]
    [InlineData("--key", "CUDA")]
    [InlineData("--host", "bitbucket")]
    [InlineData("--policy", "nowhere.json")]
    public void Publish_WrongArgument_EndsWith2(string option, string value) =>
        Assert.Equal(2, Atu("publish", _record, option, value).ExitCode);

    [Theory]
    [InlineData("gitlab-ci.md", "CI_JOB_URL", "/artifacts/browse")]
    [InlineData("azure-pipelines.md", "SYSTEM_COLLECTIONURI", "")]
    public void Page_ItsLineThatPublishes_WritesTheComment(string page, string variable, string evidence)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Bash expands the page's line");
        using FakeCodeHost host = page == "gitlab-ci.md" ? new FakeGitLab() : new FakeAzure();
        using var desk = new Desk(host);
        desk.ReadRun();
        desk.Variables["OUT"] = desk.At("artifacts");
        var text = File.ReadAllText(Path.Combine(AdaptThenUnlearn.Tests.Repository.Root, "docs", page));
        var line = Regex.Match(text, @"(?m)^ *- (?:bash: )?(?:\.atu/)?atu (publish .*)$").Groups[1].Value;
        Assert.Contains(host.TokenVariable, text, StringComparison.Ordinal);

        using var atu = Cli.Tests.Atu.StartWith(desk.Variables, Expand(line, desk));
        var (exitCode, output, errors) = atu.Finish();

        Assert.True(exitCode == 0, errors);
        Assert.Equal("", errors);
        Assert.Contains("published no-eights: comment added on #7", output, StringComparison.Ordinal);
        Assert.Single(host.Verdicts);
        var link = $"[Evidence]({desk.Variables[variable]}{evidence})";
        Assert.Equal(evidence.Length > 0, Assert.Single(host.Comments).Body.Contains(link, StringComparison.Ordinal));
        Assert.DoesNotContain(host.Accepted, output + errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Publish_WithFlagsAlone_PublishesOnAnotherKindOfHost()
    {
        using var gitlab = new FakeGitLab();
        foreach (var name in _desk.Variables.Keys.Where(name => name.StartsWith("GITHUB_", StringComparison.Ordinal)).ToList())
            _desk.Variables.Remove(name);
        _desk.Variables[gitlab.TokenVariable] = gitlab.Accepted;

        var (exitCode, output, errors) = Atu(
            "publish", _record, "--host", "gitlab", "--repository", "group/sub.group/digits", "--pull-request", "7", "--sha",
            FakeCodeHost.Head, "--api-url", gitlab.Api, "--key", "cuda");

        Assert.True(exitCode == 0, errors);
        Assert.Contains("commit status 'atu / no-eights / generator / cuda': success", output, StringComparison.Ordinal);
        Assert.Contains("no-eights (cuda)", Assert.Single(gitlab.Comments).Body, StringComparison.Ordinal);
    }

    [Fact]
    public void Help_OfPublish_HasTheFlagsOfItsPageAndNoOther()
    {
        var (page, common) = (Page("publishing.md"), Flags(Page("cli.md"), @"(?m)^\| `(--[a-z-]+)`"));
        var help = Atu("publish", "--help").Output;

        Assert.Equal(
            Flags(help, @"(?m)^ +(?:-\?, -h, )?(--[a-z-]+)").Except(common).Order(StringComparer.Ordinal),
            Flags(page, @"(?m)^\| `(--[a-z-]+)` \|").Order(StringComparer.Ordinal));

        static string Page(string name) =>
            File.ReadAllText(Path.Combine(AdaptThenUnlearn.Tests.Repository.Root, "docs", name));

        static IEnumerable<string> Flags(string text, string pattern) =>
            Regex.Matches(text, pattern).Select(match => match.Groups[1].Value).Distinct();
    }

    [Fact]
    public void Govern_Publish_TheGatesExitCodeComesFirst()
    {
        _github.Interrupt = sent => sent.Method == "GET" ? null : FakeGitHub.Forbidden;
        var (failing, passing) = (_house.Policy("published-strict"), _house.Policy("published-lenient", "\"maxRate\": 0.9"));
        string[] usual = ["--no-train", "--threads", "1", "--publish", "--out", _house.At("published")];

        Assert.Equal(1, Atu(["govern", failing, .. usual, "--require-publish"]).ExitCode);
        Assert.Equal(0, Atu(["govern", passing, .. usual]).ExitCode);
        Assert.Equal(4, Atu(["govern", passing, .. usual, "--require-publish"]).ExitCode);
        // To require publishing is to ask for it.
        Assert.Equal(
            4, Atu(["govern", passing, .. usual.Where(argument => argument != "--publish"), "--require-publish"]).ExitCode);

        _github.Interrupt = _ => null;
        var (exitCode, output, errors) = Atu(["govern", failing, passing, .. usual, "--require-publish"]);
        Assert.Equal(1, exitCode);
        Assert.Equal(2, _github.Comments.Count);
        Assert.Contains("published published-lenient: comment added", output, StringComparison.Ordinal);
        Assert.DoesNotContain("ATU4", errors, StringComparison.Ordinal);
        foreach (var file in Directory.EnumerateFiles(_house.At("published"), "*.json", SearchOption.AllDirectories))
            Assert.DoesNotContain(FakeGitHub.Token, File.ReadAllText(file), StringComparison.Ordinal);
        Assert.Equal("neutral", Conclusion(Atu(["govern", failing, .. usual, "--advisory"]).ExitCode));

        string? Conclusion(int advisory)
        {
            Assert.Equal(0, advisory);
            return (string?)_github.CheckRuns[^1]["conclusion"];
        }
    }

    // The arguments that a shell makes of a line in the build's folder.
    private static string[] Expand(string line, Desk desk)
    {
        var start = new ProcessStartInfo("bash", ["-c", $"printf '%s\\n' {line}"])
        {
            WorkingDirectory = desk.At(""),
            RedirectStandardOutput = true,
        };
        foreach (var (name, value) in desk.Variables)
            start.Environment[name] = value;
        using var bash = Process.Start(start)!;
        var arguments = bash.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return [.. arguments.Select(argument => File.Exists(desk.At(argument)) ? desk.At(argument) : argument)];
    }

    private (int ExitCode, string Output, string Errors) Atu(params string[] arguments)
    {
        using var atu = Cli.Tests.Atu.StartWith(_desk.Variables, arguments);
        var ended = atu.Finish();
        Assert.DoesNotContain(FakeGitHub.Token, ended.Output + ended.Errors, StringComparison.Ordinal);
        return ended;
    }
}
