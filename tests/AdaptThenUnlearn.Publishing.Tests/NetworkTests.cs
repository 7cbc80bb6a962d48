using System.Text.Json.Nodes;
using AdaptThenUnlearn.Publishing.Http;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Publishing.Targets;

namespace AdaptThenUnlearn.Publishing.Tests;

/// <summary>
/// Servers that are not what they seem: where the token goes, how much is read, and that every answer has a documented end.
/// </summary>
public sealed class NetworkTests : IDisposable
{
    private readonly FakeGitHub _github = new();
    private readonly FakeGitHub _elsewhere = new();
    private readonly Desk _desk;

    public NetworkTests() => _desk = new Desk(_github);

    public void Dispose()
    {
        _desk.Dispose();
        _github.Dispose();
        _elsewhere.Dispose();
    }

    [Theory]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(303)]
    [InlineData(307)]
    [InlineData(308)]
    public void Publish_RedirectToAnotherPort_SendsNothingThereAndSaysBoth(int status)
    {
        _github.Interrupt = sent => Redirect(status, _elsewhere.Server + sent.Path + sent.Query);

        var result = _desk.Publish(_desk.ReadRun());

        Assert.Empty(_elsewhere.Requests);
        Assert.DoesNotContain(
            result.Done,
            done => done.Contains("check", StringComparison.Ordinal) || done.Contains("comment", StringComparison.Ordinal));
        var problem = Assert.Single(result.Problems);
        Assert.Equal(PublishCodes.Unreachable, problem.Code);
        Assert.Contains(_github.Server, problem.Text, StringComparison.Ordinal);
        Assert.Contains(_elsewhere.Server, problem.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Publish_OnlyPostsRedirected_SendsTheirBodiesNowhereElse()
    {
        _github.Interrupt = sent => sent.Method == "GET"
            ? null
            : Redirect(307, _elsewhere.Server.Replace("127.0.0.1", "localhost", StringComparison.Ordinal) + sent.Path);

        var problem = Assert.Single(_desk.Publish(_desk.ReadRun()).Problems);

        Assert.Equal(PublishCodes.Unreachable, problem.Code);
        Assert.Empty(_elsewhere.Requests);
        Assert.Empty(_github.Comments);
    }

    [Theory]
    [InlineData("http://ghes.example/api/v3/x")]
    [InlineData("https://ghes.example:8443/api/v3/x")]
    [InlineData("https://ghes.example.evil/api/v3/x")]
    [InlineData("//evil.example/x")]
    [InlineData("https://ghes.example@evil.example/x")]
    public async Task SameOrigin_AnotherSchemeHostOrPort_IsNotAsked(string location)
    {
        var asked = new Recorded(location);
        using var client = new HttpClient(new SameOriginHandler(new Uri("https://ghes.example/api/v3/"), asked));

        var refused = await Assert.ThrowsAsync<UnexpectedResponseException>(
            () => client.GetAsync(new Uri("https://ghes.example/api/v3/y"), TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<UnexpectedResponseException>(
            () => client.GetAsync(new Uri(new Uri("https://ghes.example/"), location), TestContext.Current.CancellationToken));

        Assert.Equal(["https://ghes.example/api/v3/y"], asked.Addresses);
        Assert.Contains("https://ghes.example redirects to ", refused.Message, StringComparison.Ordinal);
    }

    // As GitHub answers for a repository that was renamed.
    [Theory]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(307)]
    [InlineData(308)]
    public void Publish_RenamedRepository_IsFollowedOnTheSameOrigin(int status)
    {
        _desk.Variables["GITHUB_REPOSITORY"] = "octo/old-digits";
        _github.Interrupt = sent => sent.Path.StartsWith("/repos/octo/old-digits", StringComparison.Ordinal)
            ? Redirect(status, sent.Path.Replace("old-digits", "digits", StringComparison.Ordinal) + sent.Query)
            : null;

        var result = _desk.Publish(_desk.ReadRun());

        Assert.Empty(result.Problems);
        Assert.Single(_github.Comments);
        Assert.Single(_github.CheckRuns);
        Assert.All(_github.Requests, sent => Assert.Equal($"Bearer {FakeGitHub.Token}", sent.Headers["Authorization"]));
    }

    [Theory]
    [InlineData(301, "/a")]           // a circle
    [InlineData(302, "/{0}")]         // ever another one
    [InlineData(303, "/a")]
    [InlineData(300, "/a")]
    [InlineData(304, null)]
    [InlineData(307, null)]           // to nowhere
    [InlineData(308, "http://")]
    public void Publish_RedirectThatLeadsNowhere_EndsSoonAndIsDocumented(int status, string? location)
    {
        var number = 0;
        _github.Interrupt = _ => Redirect(status, location?.Replace("{0}", $"{number++}", StringComparison.Ordinal));

        var problem = Assert.Single(_desk.Publish(_desk.ReadRun()).Problems);

        Assert.Equal(PublishCodes.Unreachable, problem.Code);

        // .NET sends a request again whose connection was closed, and so do we after a second. A redirect is not waited for: that
        // would be several times, and longer each time.
        Assert.InRange(_github.Requests.Count, 1, 20);
        Assert.InRange(_desk.Waits.Count, 0, 1);
    }

    // The list's next page is asked for under our own address, whatever address the answer gives.
    [Fact]
    public void Publish_NextPageElsewhere_IsNotAskedForThere()
    {
        _github.Interrupt = sent => sent.Method == "GET"
            && sent.Path.EndsWith("/comments", StringComparison.Ordinal)
            && !sent.Query.Contains("page=2", StringComparison.Ordinal)
            ? new Answer(200, "[]", new Dictionary<string, string>
            {
                ["Link"] = $"<{_elsewhere.Server}{sent.Path}?per_page=100&page=2>; rel=\"next\""
            })
            : null;

        Assert.Empty(_desk.Publish(_desk.ReadRun()).Problems);

        Assert.Empty(_elsewhere.Requests);
        Assert.Single(_github.Comments);
    }

    [Fact]
    public void Publish_PagesWithoutEnd_AreNotReadForEver()
    {
        _github.Interrupt = sent => sent.Method == "GET"
            ? new Answer(200, "[]", new Dictionary<string, string> { ["Link"] = "</x>; rel=\"next\"" })
            : null;

        var problem = Assert.Single(_desk.Publish(_desk.ReadRun()).Problems);

        Assert.Equal(PublishCodes.Unreachable, problem.Code);
        Assert.Contains("without end", problem.Text, StringComparison.Ordinal);
        Assert.InRange(_github.Requests.Count, 1, 101);
    }

    public static TheoryData<string, string, string> Foreign => new()
    {
        { "a page", "text/html", "<html><body>Please log in</body></html>" },
        { "a page that calls itself JSON", "application/json", "<html></html>" },
        { "cut off", "application/json", """[{"id":1,"body":"x""" },
        { "empty", "application/json", "" },
        { "text", "application/json", "\"words\"" },
        { "null", "application/json", "null" },
        { "null in a list", "application/json", "[null]" },
        { "another shape", "application/json", """{"id":[],"user":7,"head":3,"login":{}}""" },
        { "no property", "application/json", "{}" },
        { "impossible numbers", "application/json", """[{"id":1e999,"body":"x"}]""" },
        { "another kind of number", "application/json", """[{"id":"one"}]""" },
        { "too deep", "application/json", new string('[', 200_000) },
        { "an unknown character set", "application/json; charset=klingon", "[" },
        { "an archive", "application/zip", "PK" },
    };

    [Theory]
    [MemberData(nameof(Foreign))]
    public void Publish_AnswerThatIsNotGitHubs_IsADocumentedProblem(string name, string type, string body)
    {
        foreach (var method in new[] { "GET", "POST" })
        {
            foreach (var pathEnd in new[] { "/comments", "/check-runs", "/pulls/7" })
            {
                var asked = false;
                _github.Interrupt = sent => sent.Method == method
                    && sent.Path.EndsWith(pathEnd, StringComparison.Ordinal)
                    && (asked = true)
                    ? new Answer(200, body, new Dictionary<string, string> { ["Content-Type"] = type })
                    : null;

                var problems = _desk.Publish(_desk.ReadRun()).Problems;

                // Octokit reads some of these as an answer with nothing in it, which does no harm where nothing is taken from it.
                Assert.All(
                    problems,
                    problem => Assert.True(problem.Code == PublishCodes.Unreachable, $"{name}, {method} {pathEnd}: {problem}"));
                if (asked && method == "GET")
                    Assert.True(problems.Count == 1, $"{name}, {method} {pathEnd}: taken for an answer");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Foreign))]
    public void Publish_ErrorThatIsNotGitHubs_IsADocumentedProblem(string name, string type, string body)
    {
        foreach (var (status, code) in new[]
        {
            (400, PublishCodes.Refused),
            (401, PublishCodes.NoToken),
            (403, PublishCodes.NotPermitted),
            (409, PublishCodes.Refused),
            (422, PublishCodes.Refused),
            (500, PublishCodes.Unreachable)
        })
        {
            _github.Interrupt = _ => new Answer(status, body, new Dictionary<string, string> { ["Content-Type"] = type });

            Assert.All(
                _desk.Publish(_desk.ReadRun()).Problems,
                problem => Assert.True(code == problem.Code, $"{name}, {status}: {problem}"));
        }
    }

    [Fact]
    public void Publish_ErrorsListedAsNulls_AreStillTold()
    {
        _github.Interrupt = sent => sent.Method == "GET"
            ? null
            : new Answer(422, """{"message":"Validation Failed","errors":[null]}""");

        Assert.All(_desk.Publish(_desk.ReadRun()).Problems, problem => Assert.Equal(PublishCodes.Refused, problem.Code));
    }

    [Fact]
    public void Publish_AnswerWithoutEnd_IsReadUpToTheLimit()
    {
        var body = $"[\"{new string('x', 40 * 1024 * 1024)}\"]";
        _github.Interrupt = _ => new Answer(200, body);

        var problem = Assert.Single(_desk.Publish(_desk.ReadRun()).Problems);

        Assert.Equal(PublishCodes.Unreachable, problem.Code);
        Assert.Contains("32 MiB", problem.Text, StringComparison.Ordinal);
        Assert.Single(_github.Requests);
    }

    [Theory]
    [InlineData("ghs_one\nghs_two")]
    [InlineData("ghs_one\r\nX-Evil: 1")]
    [InlineData("ghs_\u0007bell")]
    [InlineData("ghs_tokén")]
    [InlineData("ghs one")]
    public void Publish_TokenThatNoHeaderCanHold_IsNotSentAndNamesTheVariable(string token)
    {
        _desk.Variables["GITHUB_TOKEN"] = token;

        var problem = Assert.Single(_desk.Publish(_desk.ReadRun()).Problems);

        Assert.Equal(PublishCodes.NoToken, problem.Code);
        Assert.Contains("GITHUB_TOKEN", problem.Text, StringComparison.Ordinal);
        Assert.Empty(_github.Requests);
    }

    [Theory]
    [InlineData("Bearer {0}")]
    [InlineData("who is {1}?")]
    [InlineData("who is {2}?")]
    [InlineData("{3} and {4}")]
    public void Publish_ServerThatEchoesAPartOfTheToken_DoesNotGetItIntoTheMessage(string message)
    {
        var token = FakeGitHub.Token;
        var text = message.Replace("{0}", token, StringComparison.Ordinal)
            .Replace("{1}", token.ToUpperInvariant(), StringComparison.Ordinal)
            .Replace("{2}", token[4..20], StringComparison.Ordinal)
            .Replace("{3}", token[..12], StringComparison.Ordinal)
            .Replace("{4}", token[^12..], StringComparison.Ordinal);
        _github.Interrupt = sent => sent.Method == "GET"
            ? null
            : new Answer(422, new JsonObject { ["message"] = text }.ToJsonString());

        Assert.All(_desk.Publish(_desk.ReadRun()).Problems, problem =>
        {
            Assert.Contains("***", problem.Text, StringComparison.Ordinal);
            for (var at = 0; at + 8 <= token.Length; at++)
                Assert.DoesNotContain(token.Substring(at, 8), problem.Text, StringComparison.OrdinalIgnoreCase);
        });
    }

    [Theory]
    [InlineData("Unable to create comment because issue is locked.", PublishCodes.Refused, "the conversation is locked")]
    [InlineData("Repository was archived so is read-only.", PublishCodes.Refused, "archived")]
    [InlineData("User is blocked", PublishCodes.Refused, "has blocked the account")]
    [InlineData("Repository access blocked", PublishCodes.Refused, "GitHub has blocked the repository")]
    [InlineData(
        "Interactions on this repository have been limited to prior contributors only",
        PublishCodes.Refused,
        "limited who may comment")]
    [InlineData(
        "Resource protected by organization SAML enforcement. You must grant your OAuth token access to this organization.",
        PublishCodes.NotPermitted,
        "single sign-on")]
    [InlineData(
        "Although you appear to have the correct authorization credentials, the `octo` organization has an IP allow list "
            + "enabled, and your IP address is not permitted to access this resource.",
        PublishCodes.NotPermitted,
        "listed IP addresses")]
    [InlineData(
        "`octo` forbids access via a personal access token (classic). Please use a GitHub App, OAuth App, or a personal "
            + "access token with fine-grained permissions.",
        PublishCodes.NotPermitted,
        "tokens of this kind")]
    [InlineData("Sorry. Your account was suspended.", PublishCodes.NoToken, "suspended")]
    public void Publish_RefusedForAnotherReasonThanRights_SaysWhich(string message, string code, string expected)
    {
        _github.Interrupt = sent => sent.Method == "GET"
            ? null
            : new Answer(403, new JsonObject { ["message"] = message }.ToJsonString());

        var problems = _desk.Publish(_desk.ReadRun()).Problems;

        Assert.NotEmpty(problems);
        Assert.All(problems, problem =>
        {
            Assert.Equal(code, problem.Code);
            Assert.Contains(expected, problem.Text, StringComparison.Ordinal);
            Assert.DoesNotContain("permissions:", problem.Text, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void Publish_SingleSignOnByItsHeader_SaysSoWithoutTheAddressThatGrantsIt()
    {
        _github.Interrupt = _ => new Answer(403, """{"message":"Forbidden"}""", new Dictionary<string, string>
        {
            ["X-GitHub-SSO"] = "required; url=https://github.example/sso?authorization_request=secret"
        });

        var problem = _desk.Publish(_desk.ReadRun()).Problems[0];

        Assert.Equal(PublishCodes.NotPermitted, problem.Code);
        Assert.Contains("single sign-on", problem.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", problem.Text, StringComparison.Ordinal);
    }

    // On any machine, a variable that names the server is heeded: the token of an Enterprise Server is not github.com's.
    [Theory]
    [InlineData("GITHUB_API_URL")]
    [InlineData("GITHUB_SERVER_URL")]
    public void Publish_OutsideOfActions_GoesToTheServerThatAVariableNames(string variable)
    {
        using var enterprise = new FakeGitHub("/api/v3");
        _desk.Variables.Clear();
        foreach (var (name, value) in new[]
        {
            ("GH_TOKEN", FakeGitHub.Token),
            ("GITHUB_REPOSITORY", FakeGitHub.Repository),
            ("GITHUB_SHA", FakeGitHub.Head)
        })
            _desk.Variables[name] = value;
        _desk.Variables[variable] = variable == "GITHUB_API_URL" ? enterprise.Api : enterprise.Server;

        Assert.Empty(_desk.Publish(_desk.ReadRun()).Problems);

        Assert.Single(enterprise.CheckRuns);
        Assert.Empty(_desk.Log);
    }

    [Fact]
    public void Target_ApiThatNobodyNamed_IsKnownAsTheDefault()
    {
        var flags = new PublishFlags { Repository = "o/r", Sha = FakeGitHub.Head };

        Assert.True(PublishTarget.Create(new CiContext(), flags).UsesDefaultApi);
        Assert.False(PublishTarget.Create(new CiContext(), flags with { ApiUrl = "https://api.github.com" }).UsesDefaultApi);
        Assert.False(PublishTarget.Create(new CiContext { ServerUrl = "https://github.com" }, flags).UsesDefaultApi);
    }

    private sealed class Recorded(string location) : HttpMessageHandler
    {
        public List<string> Addresses { get; } = [];

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Addresses.Add(request.RequestUri!.AbsoluteUri);
            return Task.FromResult(new HttpResponseMessage(System.Net.HttpStatusCode.TemporaryRedirect)
            {
                Headers = { Location = new Uri(location, UriKind.RelativeOrAbsolute) }
            });
        }
    }

    private static Answer Redirect(int status, string? location) =>
        new(status, "", location is null ? null : new Dictionary<string, string> { ["Location"] = location });
}
