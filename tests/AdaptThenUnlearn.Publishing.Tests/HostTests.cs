using System.Text.Json;
using AdaptThenUnlearn.Publishing.GitHub;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Publishing.Targets;

namespace AdaptThenUnlearn.Publishing.Tests;

/// <summary>What CI hosts know of the build, and what is made of it together with the flags.</summary>
public sealed class HostTests : IDisposable
{
    private const string Head = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    private const string Merge = "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee";

    private readonly string _event = Path.GetTempFileName();

    public void Dispose() => File.Delete(_event);

    [Fact]
    public void Actions_PullRequest_IsItsHeadAndNotTheTrialMerge()
    {
        var context = Describe("pull_request", new { pull_request = new { number = 12, head = new { sha = Head, repo = new { full_name = "octo/digits" } } } });

        Assert.Equal((12, Head, false), (context.PullRequest, context.HeadSha, context.IsFork));
        Assert.Equal("https://github.com/octo/digits/actions/runs/5/attempts/2", context.RunUrl);
    }

    [Fact]
    public void Actions_PullRequestOfADeletedFork_IsAFork() =>
        Assert.True(Describe("pull_request", new { pull_request = new { number = 12, head = new { sha = Head, repo = (object?)null } } }).IsFork);

    [Fact]
    public void Actions_WorkflowRunInTheRepository_HasItsNumber()
    {
        var context = Describe("workflow_run", new { workflow_run = new { @event = "pull_request", head_sha = Head, head_branch = "b", head_repository = new { full_name = "octo/digits", owner = new { login = "octo" } }, pull_requests = new[] { new { number = 3 } } } });

        Assert.Equal((3, Head, false), (context.PullRequest, context.HeadSha, context.IsFork));
    }

    [Fact]
    public void Actions_CommentOnAPullRequest_KnowsTheNumberAndNoCommit()
    {
        var context = Describe("issue_comment", new { issue = new { number = 4, pull_request = new { url = "x" } } });

        Assert.Equal((4, (string?)null), (context.PullRequest, context.HeadSha));
    }

    [Theory]
    [InlineData("push", "{}", Merge)]
    [InlineData("merge_group", """{"merge_group":{"head_sha":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}}""", Head)]
    [InlineData("pull_request", """{"pull_request":{"number":"7","head":7}}""", null)]
    [InlineData("odd", """[1]""", Merge)]
    public void Actions_OtherEvents_HaveNoPullRequest(string name, string text, string? sha)
    {
        File.WriteAllText(_event, text);
        var context = Describe(name, null);

        Assert.Null(context.PullRequest);
        Assert.Equal(sha, context.HeadSha);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("")]
    public void Actions_DamagedEvent_SaysWhichFile(string text)
    {
        File.WriteAllText(_event, text);

        var context = Describe("pull_request", null);

        Assert.Contains(_event, context.ReadError, StringComparison.Ordinal);
        Assert.Contains(_event, Assert.Throws<PublishException>(() => PublishTarget.Create(context, new PublishFlags())).Message, StringComparison.Ordinal);
        Assert.Equal(3, PublishTarget.Create(context, new PublishFlags { PullRequest = 3, Sha = Head }).PullRequest);
    }

    [Theory]
    [InlineData(null, null, "https://api.github.com/")]
    [InlineData("https://api.github.com", null, "https://api.github.com/")]
    [InlineData("https://api.tenant.ghe.com", null, "https://api.tenant.ghe.com/")]
    [InlineData("https://ghes.example/api/v3", null, "https://ghes.example/api/v3/")]
    [InlineData(null, "https://github.com", "https://api.github.com/")]
    [InlineData(null, "https://tenant.ghe.com", "https://api.tenant.ghe.com/")]
    [InlineData(null, "https://ghes.example", "https://ghes.example/api/v3/")]
    [InlineData("http://localhost:5000", null, "http://localhost:5000/")]
    public void Target_Api_IsTheHostsOwn(string? api, string? server, string expected) =>
        Assert.Equal(expected, PublishTarget.Create(new CiContext { Repository = "o/r", HeadSha = Head, ApiUrl = api, ServerUrl = server }, new PublishFlags()).Api.AbsoluteUri);

    [Theory]
    [InlineData("o", Head, null, "write it as owner/name")]
    [InlineData("../r", Head, null, "write it as owner/name")]
    [InlineData("o/..", Head, null, "write it as owner/name")]
    [InlineData("o/r", "abc", null, "is not a commit")]
    [InlineData("o/r", Head, "http://ghes.example/api/v3", "unencrypted")]
    [InlineData("o/r", Head, "https://user:secret@ghes.example", "is not an address")]
    [InlineData("o/r", Head, "ftp://x", "is not an address")]
    public void Target_Impossible_SaysWhat(string repository, string sha, string? api, string expected)
    {
        var failed = Assert.Throws<PublishException>(() => PublishTarget.Create(new CiContext(), new PublishFlags { Repository = repository, Sha = sha, ApiUrl = api }));

        Assert.Equal(PublishCodes.NoTarget, failed.Problem.Code);
        Assert.Contains(expected, failed.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Target_Flags_WinOverTheHost()
    {
        var context = new CiContext { Repository = "o/r", PullRequest = 1, HeadSha = Merge, HeadLabel = "a:b", ApiUrl = "https://one.example" };

        var target = PublishTarget.Create(context, new PublishFlags { Repository = "p/s", PullRequest = 2, Sha = Head, ApiUrl = "https://two.example" });

        Assert.Equal(("p", "s", 2, Head, null, "https://two.example/"), (target.Owner, target.Repository, target.PullRequest, target.HeadSha, target.HeadLabel, target.Api.AbsoluteUri));
    }

    [Theory]
    [InlineData("https://github.com/a/b/actions/runs/1", "https://github.com/a/b/actions/runs/1")]
    [InlineData("https://x.example/a(b)", "https://x.example/a%28b%29")]
    [InlineData("https://x.example/a\" onclick=\"x", "https://x.example/a%22%20onclick=%22x")]
    [InlineData("javascript:alert(1)", null)]
    [InlineData("words", null)]
    [InlineData(null, null)]
    public void Link_OnlyWebAddresses_AreShown(string? address, string? expected) => Assert.Equal(expected, PublishTarget.Link(address));

    [Fact]
    public void Token_OurOwnVariable_WinsAndNothingShowsIt()
    {
        var variables = new Dictionary<string, string> { ["GITHUB_TOKEN"] = "three", ["GH_TOKEN"] = "two", ["ATU_GITHUB_TOKEN"] = "one-secret\n" };
        var environment = new EnvironmentSnapshot(variables);
        var token = GitHubToken.Find(environment)!;

        Assert.Equal(("one-secret", "ATU_GITHUB_TOKEN"), (token.Reveal(), token.Variable));
        Assert.DoesNotContain("one", $"{token} {environment}", StringComparison.Ordinal);
        Assert.Equal("a *** b", token.Redact("a one-secret b"));
        variables.Remove("ATU_GITHUB_TOKEN");
        Assert.Equal("two", GitHubToken.Find(environment)!.Reveal());
        variables["GH_TOKEN"] = "";
        Assert.Equal("three", GitHubToken.Find(environment)!.Reveal());
        variables["GH_TOKEN"] = " \n";
        Assert.Equal("three", GitHubToken.Find(environment)!.Reveal());
        variables.Remove("GITHUB_TOKEN");
        Assert.Null(GitHubToken.Find(environment));
    }

    [Theory]
    [InlineData(403, "retry-after", "7", 7.0)]
    [InlineData(429, "Retry-After", "30", 30.0)]
    [InlineData(403, "x-ratelimit-reset", "1000000100", 101.0)]
    [InlineData(429, "x-ratelimit-reset", "1000009999", null)]      // an hour and more is not waited for
    [InlineData(429, "Retry-After", "301", null)]
    [InlineData(429, "none", "", 60.0)]
    [InlineData(403, "none", "", null)]
    [InlineData(404, "Retry-After", "1", null)]
    [InlineData(503, "none", "", 1.0)]
    [InlineData(503, "Retry-After", "5", 5.0)]
    [InlineData(501, "none", "", null)]
    public void Retry_Answers_AreWaitedForAsTheySay(int status, string header, string value, double? seconds)
    {
        var attempt = new Attempt((System.Net.HttpStatusCode)status, new Dictionary<string, string> { [header] = value, ["X-RateLimit-Remaining"] = header == "x-ratelimit-reset" ? "0" : "9" }, "", NeverSent: false);

        Assert.Equal(seconds, RetryPlan.DelayAfter(attempt, 1, repeatable: true, DateTimeOffset.FromUnixTimeSeconds(1_000_000_000), TimeSpan.Zero)?.TotalSeconds);
    }

    [Fact]
    public void Retry_EndsInNumberAndInTime()
    {
        var gone = new Attempt(null, new Dictionary<string, string>(), "", NeverSent: true);
        var now = DateTimeOffset.UnixEpoch;

        Assert.NotNull(RetryPlan.DelayAfter(gone, 3, false, now, TimeSpan.Zero));
        Assert.Null(RetryPlan.DelayAfter(gone, 4, true, now, TimeSpan.Zero));
        Assert.Null(RetryPlan.DelayAfter(gone, 1, true, now, RetryPlan.MaxTotalWait));
        Assert.Null(RetryPlan.DelayAfter(gone with { NeverSent = false }, 1, repeatable: false, now, TimeSpan.Zero));
    }

    private CiContext Describe(string name, object? content)
    {
        if (content is not null)
            File.WriteAllText(_event, JsonSerializer.Serialize(content));
        return CiHosts.Describe(new EnvironmentSnapshot(new Dictionary<string, string>
        {
            ["GITHUB_ACTIONS"] = "true", ["GITHUB_EVENT_NAME"] = name, ["GITHUB_EVENT_PATH"] = _event, ["GITHUB_SHA"] = Merge, ["GITHUB_REPOSITORY"] = "octo/digits",
            ["GITHUB_SERVER_URL"] = "https://github.com", ["GITHUB_RUN_ID"] = "5", ["GITHUB_RUN_ATTEMPT"] = "2",
        }));
    }
}
