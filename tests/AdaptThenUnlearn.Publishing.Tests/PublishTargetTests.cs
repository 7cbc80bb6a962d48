using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Publishing.Targets;

namespace AdaptThenUnlearn.Publishing.Tests;

/// <summary>What is made of host and flags together: the target, and the links that pages may show.</summary>
public sealed class PublishTargetTests
{
    private const string Head = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    private const string Merge = "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee";

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
        Assert.Equal(expected, PublishTarget.Create(
            new CiContext { Repository = "o/r", HeadSha = Head, ApiUrl = api, ServerUrl = server },
            new PublishFlags()).Api.AbsoluteUri);

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
        var failed = Assert.Throws<PublishException>(
            () => PublishTarget.Create(new CiContext(), new PublishFlags { Repository = repository, Sha = sha, ApiUrl = api }));

        Assert.Equal(PublishCodes.NoTarget, failed.Problem.Code);
        Assert.Contains(expected, failed.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Target_Flags_WinOverTheHost()
    {
        var context = new CiContext
        {
            Repository = "o/r",
            PullRequest = 1,
            HeadSha = Merge,
            HeadLabel = "a:b",
            ApiUrl = "https://one.example"
        };

        var target = PublishTarget.Create(
            context, new PublishFlags { Repository = "p/s", PullRequest = 2, Sha = Head, ApiUrl = "https://two.example" });

        Assert.Equal(
            ("p/s", 2, Head, null, "https://two.example/"),
            (target.Repository, target.PullRequest, target.HeadSha, target.HeadLabel, target.Api.AbsoluteUri));
    }

    // What is not valid is left out rather than shown; a publish without a commit still has its summary.
    [Fact]
    public void Context_FlagsAndHost_FlagsWinAndOnlyWhatIsValidIsShown()
    {
        var host = new CiContext { HeadSha = Merge, RunUrl = "https://ci.example/1" };

        var byHost = PublishContext.Create(host, new PublishFlags { ArtifactUrl = "javascript:alert(1)" });
        var byFlags = PublishContext.Create(
            host,
            new PublishFlags { Sha = Head.ToUpperInvariant(), RunUrl = "https://ci.example/2", Advisory = true });

        Assert.Equal(new PublishContext { HeadSha = Merge, RunUrl = "https://ci.example/1" }, byHost);
        Assert.Equal(new PublishContext { HeadSha = Head, RunUrl = "https://ci.example/2", Advisory = true }, byFlags);
        Assert.Equal("", PublishContext.Create(new CiContext { HeadSha = "abc" }, new PublishFlags()).HeadSha);
    }

    [Theory]
    [InlineData("https://github.com/a/b/actions/runs/1", "https://github.com/a/b/actions/runs/1")]
    [InlineData("https://x.example/a(b)", "https://x.example/a%28b%29")]
    [InlineData("https://x.example/a\" onclick=\"x", "https://x.example/a%22%20onclick=%22x")]
    [InlineData("javascript:alert(1)", null)]
    [InlineData("words", null)]
    [InlineData(null, null)]
    public void Link_OnlyWebAddresses_AreShown(string? address, string? expected) =>
        Assert.Equal(expected, PublishTarget.Link(address));

    [Theory]
    [InlineData(null, null, "https://github.com/octo/digits")]
    [InlineData("https://github.example/sub", null, "https://github.example/sub/octo/digits")]
    [InlineData(null, "https://api.tenant.ghe.com", "https://tenant.ghe.com/octo/digits")]
    [InlineData("https://github.com", "https://ghe.example/api/v3/", "https://ghe.example/octo/digits")]
    [InlineData("javascript:alert(1)", null, null)]
    public void SourceLinks_ServerAndApi_GiveThePagesOfTheRepository(string? server, string? api, string? expected)
    {
        var host = new CiContext { Repository = "octo/digits", HeadSha = new string('A', 40), ServerUrl = server };

        var links = SourceLinks.Create(host, new PublishFlags { ApiUrl = api });

        Assert.Equal(expected, links?.Repository);
        Assert.Equal(expected is null ? null : $"{expected}/commit/{new string('a', 40)}", links?.Commit(links.Sha));
    }

    [Theory]
    [InlineData("octo/digits", "abc")]
    [InlineData("octo", null)]
    [InlineData("octo/../..", null)]
    public void SourceLinks_NoRepositoryOrCommit_AreNone(string repository, string? sha) =>
        Assert.Null(SourceLinks.Create(
            new CiContext { Repository = repository, HeadSha = sha ?? new string('a', 40) }, new PublishFlags()));

    // A record may name any path, and the address stands in a Markdown link.
    [Fact]
    public void SourceLinks_AnyPath_StaysInTheRepositoryAndInTheLink()
    {
        const string Path = "a b/(x)\n[y]?#z\"`|&.json", Escaped = "a%20b/%28x%29%0A%5By%5D%3F%23z%22%60%7C%26.json";

        Assert.Equal($"https://x.example/octo/digits/blob/abc/{Escaped}#L12", Line(CodeHost.GitHub));
        Assert.Equal($"https://x.example/octo/digits/src/commit/abc/{Escaped}#L12", Line(CodeHost.Gitea));
        Assert.Equal($"https://x.example/octo/digits/-/blob/abc/{Escaped}#L12", Line(CodeHost.GitLab));
        Assert.Equal(
            $"https://x.example/octo/digits?path=/{Escaped}&version=GCabc&line=12&lineEnd=13&lineStartColumn=1&lineEndColumn=1",
            Line(CodeHost.Azure));

        static string Line(CodeHost host) => new SourceLinks(host, "https://x.example/octo/digits", "abc").Line(Path, 12);
    }

    [Theory]
    [InlineData(CodeHost.GitLab, "a/b/c", null, null, "https://gitlab.com/a/b/c", "/-/commit/")]
    [InlineData(CodeHost.GitLab, "a/b/c", null, "https://lab.example/api/v4", "https://lab.example/a/b/c", "/-/commit/")]
    [InlineData(CodeHost.Gitea, "a/b", "https://tea.example/sub", null, "https://tea.example/sub/a/b", "/commit/")]
    [InlineData(CodeHost.Gitea, "a/b", null, "https://tea.example/api/v1", "https://tea.example/a/b", "/commit/")]
    [InlineData(CodeHost.Gitea, "a/b", null, null, null, null)]
    [InlineData(
        CodeHost.Azure, "My Project/web", "https://dev.azure.com/org/", null, "https://dev.azure.com/org/My%20Project/_git/web",
        "/commit/")]
    [InlineData(CodeHost.Azure, "P/web", null, "https://dev.azure.com/org", "https://dev.azure.com/org/P/_git/web", "/commit/")]
    [InlineData(CodeHost.Azure, "P/web", null, null, null, null)]
    public void SourceLinks_OtherHosts_GiveThePagesOfTheRepository(
        CodeHost kind, string repository, string? server, string? api, string? expected, string? commit)
    {
        var host = new CiContext { CodeHost = kind, Repository = repository, HeadSha = new string('a', 40), ServerUrl = server };

        var links = SourceLinks.Create(host, new PublishFlags { ApiUrl = api });

        Assert.Equal(expected, links?.Repository);
        Assert.Equal(expected is null ? null : $"{expected}{commit}{links!.Sha}", links?.Commit(links.Sha));
    }
}
