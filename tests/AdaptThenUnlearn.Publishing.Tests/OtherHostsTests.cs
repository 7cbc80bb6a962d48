using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Publishing.PullRequests;
using AdaptThenUnlearn.Publishing.Targets;

namespace AdaptThenUnlearn.Publishing.Tests;

/// <summary>What GitLab, Azure DevOps and Gitea have of their own: environments, Markdown, statuses.</summary>
public sealed class OtherHostsTests
{
    private const string Head = FakeCodeHost.Head;

    [Fact]
    public void GitLab_LineThatBeginsWithASlash_IsNotACommand()
    {
        using var gitlab = new FakeGitLab();
        using var desk = new Desk(gitlab);
        var run = desk.ReadRun();

        Assert.Empty(desk.Publish(run with { Policy = run.Policy with { Description = "/merge" } }).Problems);

        Assert.Empty(gitlab.Commands);
        Assert.Contains("\n\\/merge\n", Assert.Single(gitlab.Comments).Body, StringComparison.Ordinal);
    }

    [Fact]
    public void Dialect_MentionKeptApartByAnEmptyComment_IsKeptApartByASpaceWithoutWidth()
    {
        Assert.Equal("@&#8203;all", CommentDialect.ForGitLab("@<!-- -->all"));
        Assert.Equal("<!-- atu:report {} -->\n@&#8203;all", CommentDialect.ForAzure("<!-- atu:report {} -->\n@<!-- -->all"));
    }

    [Fact]
    public void GitLab_Status_HasNameAddressAndVerdict()
    {
        using var gitlab = new FakeGitLab();
        using var desk = new Desk(gitlab);
        desk.Flags = new PublishFlags { Key = "cuda" };

        desk.Publish(desk.ReadRun());

        var status = Assert.Single(gitlab.Statuses);
        Assert.Equal("atu / no-eights / generator / cuda", (string?)status["name"]);
        Assert.EndsWith("/-/jobs/4711", (string?)status["target_url"], StringComparison.Ordinal);
        Assert.StartsWith("Passed: ", (string?)status["description"], StringComparison.Ordinal);
    }

    [Fact]
    public void GitLab_MergedResults_MeansTheHeadAndTheTargetProject()
    {
        var context = new GitLabCi().Describe(new EnvironmentSnapshot(new Dictionary<string, string>
        {
            ["CI_COMMIT_SHA"] = new string('e', 40),
            ["CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"] = Head,
            ["CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"] = "feature",
            ["CI_COMMIT_REF_NAME"] = "refs/merge-requests/7/merge",
            ["CI_MERGE_REQUEST_IID"] = "7",
            ["CI_PROJECT_PATH"] = "someone/digits",
            ["CI_MERGE_REQUEST_SOURCE_PROJECT_PATH"] = "someone/digits",
            ["CI_MERGE_REQUEST_PROJECT_PATH"] = "group/digits",
            ["GITLAB_USER_LOGIN"] = "octocat",
        }));

        Assert.Equal(
            (Head, "someone/digits:feature", 7, "group/digits"),
            (context.HeadSha, context.Ref, context.PullRequest, context.Repository));
        Assert.Equal((true, "octocat"), (context.IsFork, context.Actor));
    }

    [Fact]
    public void Azure_Thread_IsClosedSoThatItHoldsUpNobody()
    {
        using var azure = new FakeAzure();
        using var desk = new Desk(azure);

        desk.Publish(desk.ReadRun(Desk.MakeRecord(hits: 400)));

        Assert.Equal([4], azure.ThreadStatuses);   // CommentThreadStatus.closed
    }

    [Fact]
    public void Azure_Status_IsThePullRequestsOrElseTheCommits()
    {
        using var azure = new FakeAzure();
        using var desk = new Desk(azure);
        desk.Publish(desk.ReadRun());
        azure.LeavePullRequestOut(desk.Variables);
        desk.Publish(desk.ReadRun());

        Assert.Equal(["pull request", "commit"], azure.Statuses.Select(status => (string?)status["of"]));
        Assert.All(azure.Statuses, status =>
        {
            Assert.Equal("atu", (string?)status["context"]!["genre"]);
            Assert.Equal("no-eights / generator", (string?)status["context"]!["name"]);
            Assert.Equal($"{azure.Api}/My%20Project/_build/results?buildId=4711", (string?)status["targetUrl"]);
        });
    }

    [Fact]
    public void Azure_RepositoryOnGitHub_IsPublishedOnGitHub()
    {
        using var github = new FakeGitHub("/api/v3");
        using var desk = new Desk(github);
        desk.Variables.Clear();
        foreach (var (name, value) in new[]
        {
            ("TF_BUILD", "True"),
            ("BUILD_REPOSITORY_PROVIDER", "GitHubEnterprise"),
            ("BUILD_REPOSITORY_NAME", FakeGitHub.Repository),
            ("BUILD_REPOSITORY_URI", github.Server.Replace("://", "://user:secret@", StringComparison.Ordinal) + "/o/r.git"),
            ("SYSTEM_PULLREQUEST_PULLREQUESTID", "123456"),
            ("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER", "7"),
            ("SYSTEM_PULLREQUEST_SOURCECOMMITID", Head),
            ("SYSTEM_ACCESSTOKEN", "not-for-github"),
            ("GH_TOKEN", "ghp_octocat")
        })
            desk.Variables[name] = value;
        github.Login = "octocat";
        github.Accepted = "ghp_octocat";

        Assert.Empty(desk.Publish(desk.ReadRun()).Problems);

        Assert.Single(github.Comments);
        Assert.Empty(desk.Log);
    }

    [Fact]
    public void Azure_PullRequest_IsItsSourceAndNotTheTrialMerge()
    {
        using var azure = new FakeAzure();
        var variables = azure.Build(name => name);
        variables["SYSTEM_PULLREQUEST_SOURCEBRANCH"] = "refs/heads/feature/eights";
        variables["BUILD_REQUESTEDFOR"] = "A Person";

        var context = new AzurePipelines().Describe(new EnvironmentSnapshot(variables));

        Assert.Equal((Head, "feature/eights", "A Person"), (context.HeadSha, context.Ref, context.Actor));
        Assert.Equal(("My Project/digits", 7, CodeHost.Azure), (context.Repository, context.PullRequest, context.CodeHost));
    }

    // GITHUB_TOKEN on Gitea is Gitea's, and nothing that goes to GitHub.
    [Fact]
    public void Gitea_PublishingToGitHub_DoesNotTakeGiteasToken()
    {
        using var gitea = FakeGitHub.Gitea();
        using var desk = new Desk(gitea);
        desk.Host = CodeHost.GitHub;
        desk.Flags = new PublishFlags { ApiUrl = gitea.Api };

        Assert.Equal(PublishCodes.NoToken, Assert.Single(desk.Publish(desk.ReadRun()).Problems).Code);
        Assert.Empty(gitea.Requests);
    }

    [Fact]
    public void Gitea_Build_LinksToItsOwnPage()
    {
        var context = CiHosts.Describe(new EnvironmentSnapshot(new Dictionary<string, string>
        {
            ["GITHUB_ACTIONS"] = "true",
            ["GITEA_ACTIONS"] = "true",
            ["GITHUB_SERVER_URL"] = "https://gitea.example",
            ["GITHUB_REPOSITORY"] = "o/r",
            ["GITHUB_RUN_ID"] = "4711",
            ["GITHUB_RUN_NUMBER"] = "3",
        }));

        Assert.Equal(
            ("Gitea Actions", CodeHost.Gitea, "https://gitea.example/o/r/actions/runs/3"),
            (context.Host, context.CodeHost, context.RunUrl));
    }

    [Fact]
    public void Describe_RepositoryOnAnotherKindOfHost_LeavesOutWhatIsOfTheBuildsOwn()
    {
        using var gitlab = new FakeGitLab();
        var variables = gitlab.Build(name => name);
        variables["GITHUB_REPOSITORY"] = "o/r";

        var context = CiHosts.Describe(new EnvironmentSnapshot(variables), CodeHost.GitHub);

        Assert.Equal((CodeHost.GitHub, "o/r", Head), (context.CodeHost, context.Repository, context.HeadSha));
        Assert.Equal(default, (context.PullRequest, context.ApiUrl, context.ServerUrl));
        Assert.Equal($"{gitlab.Server}/group/sub.group/digits/-/jobs/4711", context.RunUrl);
    }

    [Theory]
    [InlineData(CodeHost.GitLab, "group/sub/digits", null, null, "https://gitlab.com/api/v4/")]
    [InlineData(CodeHost.GitLab, "4711", null, "https://gitlab.example/", "https://gitlab.example/api/v4/")]
    [InlineData(CodeHost.Gitea, "o/r", null, "https://gitea.example", "https://gitea.example/api/v1/")]
    [InlineData(CodeHost.Azure, "My Project/Wörter", "https://dev.azure.com/org", null, "https://dev.azure.com/org/")]
    public void Target_OfEachHost_HasItsApi(CodeHost host, string repository, string? api, string? server, string expected)
    {
        var context = new CiContext
        {
            CodeHost = host,
            Repository = repository,
            HeadSha = Head,
            ApiUrl = api,
            ServerUrl = server,
        };

        Assert.Equal(expected, PublishTarget.Create(context, new PublishFlags()).Api.AbsoluteUri);
    }

    [Theory]
    [InlineData(CodeHost.GitLab, "digits", "https://x.example", "write it as group/project")]
    [InlineData(CodeHost.GitLab, "group/../digits", "https://x.example", "write it as group/project")]
    [InlineData(CodeHost.GitLab, "group/digits", "http://gitlab.example/api/v4", "unencrypted")]
    [InlineData(CodeHost.Azure, "My Project", "https://x.example", "write it as project/repository")]
    [InlineData(CodeHost.Azure, "../digits", "https://x.example", "write it as project/repository")]
    [InlineData(CodeHost.Azure, "p/r", null, "name its address with --api-url")]
    [InlineData(CodeHost.Gitea, "o/r", null, "name its API with --api-url")]
    public void Target_ImpossibleOnItsHost_SaysWhat(CodeHost host, string repository, string? api, string expected) =>
        Assert.Contains(
            expected,
            Assert.Throws<PublishException>(() => PublishTarget.Create(
                new CiContext { CodeHost = host, Repository = repository, HeadSha = Head },
                new PublishFlags { ApiUrl = api })).Message,
            StringComparison.Ordinal);

    [Theory]
    [InlineData("")]
    [InlineData("CUDA")]
    [InlineData("a b")]
    [InlineData("a\n")]
    public void Key_WithOtherCharacters_IsRefused(string key) =>
        Assert.Throws<ArgumentException>(() => new PublishFlags { Key = key });
}
