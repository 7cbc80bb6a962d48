using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Publishing.GitHub;
using AdaptThenUnlearn.Publishing.Targets;
using AdaptThenUnlearn.Tests;

namespace AdaptThenUnlearn.Publishing.Tests;

/// <summary>Every request that publishing makes, held to GitHub's own description of its interface.</summary>
public sealed class OpenApiTests(OpenApi github) : IClassFixture<OpenApi>
{
    private static readonly Lazy<List<Sent>> _requests = new(EveryKindOfRequest);

    [Fact]
    public async Task Requests_OfEveryKindOfPublish_FitGitHubsDescription()
    {
        NeededProgram.Require(NeededProgram.Node, github.WhyNot);
        var requests = _requests.Value;

        Assert.All(requests, sent => Assert.NotNull(OpenApi.EndpointOf(sent)));
        Assert.Equal(OpenApi.Endpoints, requests.Select(OpenApi.EndpointOf).Distinct().Count());
        foreach (var sent in requests)
        {
            var (status, violations) = await Send(sent);
            Assert.True(status is 200 or 201 or 500, $"{sent.Method} {sent.Path}{sent.Query}: {status}\n{sent.Body}");
            Assert.DoesNotContain(violations, IsOurs);
            Assert.Equal(status == 500, violations.Count > 0);
        }
    }

    public static TheoryData<string, string, string> Wrong => new()
    {
        { "/check-runs", "head_sha", "missing" },
        { "/check-runs", "conclusion", "fine" },
        { "/check-runs", "output", "words" },
        { "/comments", "body", "missing" },
        { "/statuses/" + FakeGitHub.Head, "state", "sort of" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task Requests_MadeWrong_AreRefused(string pathEnd, string property, string value)
    {
        NeededProgram.Require(NeededProgram.Node, github.WhyNot);
        var right = _requests.Value.First(sent => sent.Method == "POST" && sent.Path.EndsWith(pathEnd, StringComparison.Ordinal));
        var wrong = JsonNode.Parse(right.Body)!.AsObject();
        wrong.Remove(property);
        if (value != "missing")
            wrong[property] = value;

        Assert.Equal(201, (await Send(right)).Status);
        Assert.Equal(422, (await Send(right with { Body = wrong.ToJsonString() })).Status);
    }

    private static List<Sent> EveryKindOfRequest()
    {
        using var server = new FakeGitHub();
        using (var desk = new Desk(server))
        {
            var failed = desk.ReadRun(Desk.MakeRecord(hits: 400, distance: 60, nines: 100));
            desk.Publish(desk.ReadRun());
            desk.Publish(failed);
            desk.Publish(WithManyAnnotations(failed));

            server.Login = "octocat";
            desk.Variables["GITHUB_TOKEN"] = server.Accepted = "ghp_octocat";
            server.Interrupt = sent => sent.Path.EndsWith("/check-runs", StringComparison.Ordinal) ? FakeGitHub.Forbidden : null;
            desk.Publish(desk.ReadRun());

            server.Interrupt = _ => null;
            var file = desk.Variables["GITHUB_EVENT_PATH"];
            server.LeavePullRequestOut(desk.Variables);
            desk.Flags = new PublishFlags { FindPullRequest = true };
            desk.Publish(desk.ReadRun());

            desk.Variables["GITHUB_EVENT_PATH"] = file;
            desk.Event(new
            {
                workflow_run = new
                {
                    @event = "pull_request",
                    head_sha = FakeGitHub.Head,
                    head_branch = "feature",
                    head_repository = new { full_name = "someone/digits", owner = new { login = "someone" } }
                },
            });
            desk.Publish(desk.ReadRun() with { Untrusted = true });
        }

        return [.. server.Requests];
    }

    private static PublishedRun WithManyAnnotations(PublishedRun run)
    {
        var finding = run.Verification.Verdict.Findings[^1];
        var many = Enumerable.Range(0, 2 * HeadCheck.AnnotationsPerRequest)
            .Select(number => finding with { Rule = RuleName.MinShareKept($"{number}") });
        return run with
        {
            Verification = run.Verification with { Verdict = run.Verification.Verdict with { Findings = [.. many] } }
        };
    }

    // Some of GitHub's examples do not fit its own schema, and Prism finds that out too when it answers with them.
    private static bool IsOurs(JsonNode violation) => (string?)violation["location"]?[0] != "response";

    private async Task<(int Status, IReadOnlyList<JsonNode> Violations)> Send(Sent sent)
    {
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(new HttpMethod(sent.Method), new Uri(github.Address, sent.Path + sent.Query));
        if (sent.Body.Length > 0)
        {
            request.Content = new StringContent(sent.Body, Encoding.UTF8);
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(sent.Headers["Content-Type"]);
        }

        request.Headers.TryAddWithoutValidation("Accept", sent.Headers["Accept"]);
        using var response = await client.SendAsync(request);
        return ((int)response.StatusCode, response.Headers.TryGetValues("sl-violations", out var found)
            ? [.. JsonNode.Parse(string.Concat(found))!.AsArray().OfType<JsonNode>()]
            : []);
    }
}
