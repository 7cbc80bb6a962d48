using System.Text.Json;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Publishing.Targets;

namespace AdaptThenUnlearn.Publishing.Tests;

/// <summary>What GitHub Actions says about the build, for each event and for damaged ones.</summary>
public sealed class GitHubActionsTests : IDisposable
{
    private const string Head = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    private const string Merge = "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee";

    private readonly string _event = Path.GetTempFileName();

    public void Dispose() => File.Delete(_event);

    [Fact]
    public void Actions_PullRequest_IsItsHeadAndNotTheTrialMerge()
    {
        var context = Describe(
            "pull_request",
            new { pull_request = new { number = 12, head = new { sha = Head, repo = new { full_name = "octo/digits" } } } });

        Assert.Equal((12, Head, false), (context.PullRequest, context.HeadSha, context.IsFork));
        Assert.Equal("https://github.com/octo/digits/actions/runs/5/attempts/2", context.RunUrl);
    }

    [Theory]
    [InlineData("octo/digits", "feature")]
    [InlineData("octocat/digits", "octocat:feature")]
    public void Actions_PullRequest_NamesItsBranchAndWhoStartedTheBuild(string repository, string expected)
    {
        var context = Describe("pull_request", new
        {
            pull_request = new
            {
                number = 12,
                user = new { login = "author" },
                head = new { sha = Head, @ref = "feature", label = "octocat:feature", repo = new { full_name = repository } },
            }
        });

        Assert.Equal((expected, "re-runner"), (context.Ref, context.Actor));
    }

    [Fact]
    public void Actions_Push_NamesTheBranchAndWhoPushed()
    {
        File.WriteAllText(_event, "{}");
        var context = Describe("push", null, rerun: false);

        Assert.Equal(("main", "pusher"), (context.Ref, context.Actor));
    }

    [Fact]
    public void Actions_WorkflowRun_NamesTheBranchAndTheActorOfTheRunThatMeasured()
    {
        var context = Describe("workflow_run", new
        {
            workflow_run = new
            {
                head_sha = Head,
                head_branch = "feature",
                head_repository = new { full_name = "octocat/digits", owner = new { login = "octocat" } },
                triggering_actor = new { login = "octocat" },
            }
        });

        Assert.Equal(("octocat:feature", "octocat"), (context.Ref, context.Actor));
    }

    [Fact]
    public void Actions_PullRequestOfADeletedFork_IsAFork() =>
        Assert.True(Describe(
            "pull_request", new { pull_request = new { number = 12, head = new { sha = Head, repo = (object?)null } } }).IsFork);

    [Fact]
    public void Actions_WorkflowRunInTheRepository_HasItsNumber()
    {
        var context = Describe("workflow_run", new
        {
            workflow_run = new
            {
                @event = "pull_request",
                head_sha = Head,
                head_branch = "b",
                head_repository = new { full_name = "octo/digits", owner = new { login = "octo" } },
                pull_requests = new[] { new { number = 3 } }
            }
        });

        Assert.Equal((3, Head, false), (context.PullRequest, context.HeadSha, context.IsFork));
    }

    [Fact]
    public void Actions_CommentOnAPullRequest_KnowsTheNumberAndNoCommit()
    {
        var context = Describe("issue_comment", new { issue = new { number = 4, pull_request = new { url = "x" } } });

        Assert.Equal((4, (string?)null, (string?)null), (context.PullRequest, context.HeadSha, context.Ref));
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
        Assert.Null(context.Ref);
        Assert.Contains(
            _event,
            Assert.Throws<PublishException>(() => PublishTarget.Create(context, new PublishFlags())).Message,
            StringComparison.Ordinal);
        Assert.Equal(3, PublishTarget.Create(context, new PublishFlags { PullRequest = 3, Sha = Head }).PullRequest);
    }

    private CiContext Describe(string name, object? content, bool rerun = true)
    {
        if (content is not null)
            File.WriteAllText(_event, JsonSerializer.Serialize(content));
        return CiHosts.Describe(new EnvironmentSnapshot(new Dictionary<string, string>
        {
            ["GITHUB_ACTIONS"] = "true",
            ["GITHUB_EVENT_NAME"] = name,
            ["GITHUB_EVENT_PATH"] = _event,
            ["GITHUB_SHA"] = Merge,
            ["GITHUB_REF_NAME"] = "main",
            ["GITHUB_ACTOR"] = "pusher",
            ["GITHUB_TRIGGERING_ACTOR"] = rerun ? "re-runner" : "",
            ["GITHUB_REPOSITORY"] = "octo/digits",
            ["GITHUB_SERVER_URL"] = "https://github.com",
            ["GITHUB_RUN_ID"] = "5",
            ["GITHUB_RUN_ATTEMPT"] = "2",
        }));
    }
}
