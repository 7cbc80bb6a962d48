using System.Text.Json.Nodes;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Publishing.Http;
using AdaptThenUnlearn.Publishing.Pages;
using AdaptThenUnlearn.Publishing.Targets;

namespace AdaptThenUnlearn.Publishing.Tests;

/// <summary>What publishing must do on every kind of code host; a new host is covered by its fake being listed here.</summary>
public sealed class PullRequestApiContract : IDisposable
{
    private static readonly Dictionary<string, Func<FakeCodeHost>> _hosts = new()
    {
        [nameof(CodeHost.GitHub)] = () => new FakeGitHub(),
        [nameof(CodeHost.Gitea)] = FakeGitHub.Gitea,
        [nameof(CodeHost.GitLab)] = () => new FakeGitLab(),
        [nameof(CodeHost.Azure)] = () => new FakeAzure(),
    };

    private readonly List<IDisposable> _used = [];

    public static TheoryData<string> Names => [.. Enum.GetNames<CodeHost>()];

    public void Dispose()
    {
        foreach (var used in Enumerable.Reverse(_used))
            used.Dispose();
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Publish_FirstAndSecond_AddsTheCommentAndThenUpdatesIt(string name)
    {
        var (host, desk) = Start(name);

        var first = desk.Publish(desk.ReadRun());
        var second = desk.Publish(desk.ReadRun(Desk.MakeRecord(hits: 400)));

        Assert.Empty(first.Problems.Concat(second.Problems));
        var comment = Assert.Single(host.Comments);
        Assert.Contains("Failed: no-eights", comment.Body, StringComparison.Ordinal);
        Assert.Contains("**Changed since ", comment.Body, StringComparison.Ordinal);
        Assert.StartsWith("succe", host.Verdicts[0], StringComparison.Ordinal);
        Assert.StartsWith("fail", host.Verdicts[1], StringComparison.Ordinal);
        Assert.Contains(first.Done, done => done.Contains("comment added on #7: http", StringComparison.Ordinal));
        Assert.Contains(second.Done, done => done.Contains("comment updated on #7: http", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Publish_TwoFirstsAtOnce_LeaveOneReportThatTheThirdUpdates(string name)
    {
        var (host, desk) = Start(name);
        var run = desk.ReadRun();
        using (var both = new Barrier(2))
        {
            // Both have read that there is no comment before either adds one.
            var waits = 2;
            host.Interrupt = sent =>
            {
                if (host.AddsComment(sent) && Interlocked.Decrement(ref waits) >= 0)
                    both.SignalAndWait(TimeSpan.FromMinutes(5));
                return null;
            };
            var results = await Task.WhenAll(Task.Run(() => desk.PublishAsync(run)), Task.Run(() => desk.PublishAsync(run)));
            Assert.All(results, result => Assert.Empty(result.Problems));
        }

        Assert.Equal(2, host.Comments.Count);
        var report = Assert.Single(host.Comments, comment => ReportMarker.Find(comment.Body) is not null);
        Assert.Equal(host.Comments.Min(comment => comment.Id), report.Id);
        Assert.StartsWith("This report is in [another comment](http", host.Comments[1].Body, StringComparison.Ordinal);
        var link = host.Comments[1].Body;

        desk.Publish(desk.ReadRun(Desk.MakeRecord(hits: 400)));

        Assert.Contains("Failed: no-eights", host.Comments[0].Body, StringComparison.Ordinal);
        Assert.Equal(link, host.Comments[1].Body);
    }

    // As where a builder ended between adding its comment and reading again, and where older versions raced.
    [Theory]
    [MemberData(nameof(Names))]
    public void Publish_TwoReportsFromBefore_KeepsTheOldest(string name)
    {
        var (host, desk) = Start(name);
        desk.Publish(desk.ReadRun());
        host.Add(host.Login, host.Comments[0].Body);

        Assert.Empty(desk.Publish(desk.ReadRun(Desk.MakeRecord(hits: 400))).Problems);

        Assert.Contains("Failed: no-eights", host.Comments[0].Body, StringComparison.Ordinal);
        Assert.StartsWith("This report is in [another comment](", host.Comments[1].Body, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Publish_WithKeys_HasACommentForEach(string name)
    {
        var (host, desk) = Start(name);
        foreach (var key in new[] { "cpu", "cuda", "cpu", "cuda" })
        {
            desk.Flags = new PublishFlags { Key = key };
            Assert.Empty(desk.Publish(desk.ReadRun()).Problems);
        }

        Assert.Equal(2, host.Comments.Count);
        Assert.Contains("no-eights (cpu)", host.Comments[0].Body, StringComparison.Ordinal);
        Assert.Contains("no-eights (cuda)", host.Comments[1].Body, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Publish_MarkerInSomebodyElsesComment_IsLeftAlone(string name)
    {
        var (host, desk) = Start(name);
        var spoof = RunPages.Comment(desk.ReadRun(), new PublishContext { HeadSha = FakeCodeHost.Head }, previous: null);
        host.Add("mallory", spoof);

        Assert.Empty(desk.Publish(desk.ReadRun(Desk.MakeRecord(hits: 400))).Problems);

        Assert.Equal(spoof, host.Comments[0].Body);
        Assert.DoesNotContain("Changed", host.Comments[1].Body, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Publish_AmongManyOlderComments_FindsItsOwn(string name)
    {
        var (host, desk) = Start(name);
        for (var number = 0; number < 220; number++)
            host.Add("octocat", $"comment {number}");

        desk.Publish(desk.ReadRun());
        Assert.Empty(desk.Publish(desk.ReadRun(Desk.MakeRecord(hits: 21))).Problems);

        Assert.Equal(221, host.Comments.Count);
        Assert.Contains("0.21", host.Comments[^1].Body, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Publish_CommentThatWasAddedInSpiteOfTheError_IsNotAddedTwice(string name)
    {
        var (host, desk) = Start(name);
        var first = true;
        host.Interrupt = sent =>
        {
            if (!host.AddsComment(sent) || !first)
                return null;
            first = false;
            host.Add(host.Login, host.TextIn(sent));
            return FakeCodeHost.BadGateway;
        };

        Assert.Empty(desk.Publish(desk.ReadRun()).Problems);

        Assert.Single(host.Comments);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Publish_HeadMovedOn_LeavesTheNewerReport(string name)
    {
        var (host, desk) = Start(name);
        desk.Publish(desk.ReadRun());
        var newer = host.Comments[0].Body;
        host.HeadNow = new string('b', 40);

        var problem = Assert.Single(desk.Publish(desk.ReadRun(Desk.MakeRecord(hits: 400))).Problems);

        Assert.Equal(PublishCodes.HeadMoved, problem.Code);
        Assert.Equal(newer, Assert.Single(host.Comments).Body);
        Assert.Equal(2, host.Verdicts.Count);   // its own commit gets its own verdict
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Publish_BuildOfABranch_FindsItsPullRequestOnlyWhenAsked(string name)
    {
        var (host, desk) = Start(name);
        host.LeavePullRequestOut(desk.Variables);

        Assert.Empty(desk.Publish(desk.ReadRun()).Problems);
        Assert.Empty(host.Comments);
        Assert.Single(host.Verdicts);

        desk.Flags = new PublishFlags { FindPullRequest = true };
        Assert.Empty(desk.Publish(desk.ReadRun()).Problems);
        Assert.Single(host.Comments);

        // A commit that is the head of no open pull request is nothing wrong.
        host.HeadNow = new string('b', 40);
        Assert.Empty(desk.Publish(desk.ReadRun()).Problems);
        Assert.Equal(3, host.Verdicts.Count);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Publish_LongerThanTheHostTakes_IsShortened(string name)
    {
        var (host, desk) = Start(name);
        var run = desk.ReadRun();
        var findings = Enumerable.Range(0, 20_000)
            .Select(number => run.Verification.Verdict.Findings[^1] with { Rule = RuleName.MinShareKept($"class-{number}") });

        var result = desk.Publish(run with
        {
            Verification = run.Verification with { Verdict = run.Verification.Verdict with { Findings = [.. findings] } }
        });

        Assert.Empty(result.Problems);
        Assert.Contains("rows are left out", Assert.Single(host.Comments).Body, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Publish_WithoutAToken_NamesTheHostsVariables(string name)
    {
        var (host, desk) = Start(name);
        desk.Variables.Remove(host.TokenVariable);

        var problem = Assert.Single(desk.Publish(desk.ReadRun()).Problems);

        Assert.Equal(PublishCodes.NoToken, problem.Code);
        Assert.Contains(
            host.TokenVariable == "GITHUB_TOKEN" && name == nameof(CodeHost.Gitea) ? "GITEA_TOKEN" : host.TokenVariable,
            problem.Text,
            StringComparison.Ordinal);
        Assert.Empty(host.Requests);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Publish_TokenNotAccepted_NamesItsVariableAndNotTheToken(string name)
    {
        var (host, desk) = Start(name);
        desk.Variables[host.TokenVariable] = "expired-0123456789";

        var problem = desk.Publish(desk.ReadRun()).Problems[0];

        Assert.Equal(PublishCodes.NoToken, problem.Code);
        Assert.Contains(host.TokenVariable, problem.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("expired-", problem.Text, StringComparison.Ordinal);
    }

    // A token of one kind of host is not sent to another one.
    [Theory]
    [MemberData(nameof(Names))]
    public void Publish_OnlyTokensOfOtherHosts_SendsNothing(string name)
    {
        var (host, desk) = Start(name);
        desk.Variables.Remove(host.TokenVariable);
        foreach (var other in Enum.GetValues<CodeHost>().Where(other => other.ToString() != name))
        {
            foreach (var variable in PublishToken.VariablesFor(other).Where(variable => variable != host.TokenVariable))
                desk.Variables[variable] = "token-of-another-host";
        }

        Assert.Equal(PublishCodes.NoToken, Assert.Single(desk.Publish(desk.ReadRun()).Problems).Code);
        Assert.Empty(host.Requests);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Publish_ServerThatEchoesTheToken_DoesNotGetItIntoTheMessage(string name)
    {
        var (host, desk) = Start(name);
        host.Interrupt = sent => sent.Method == "GET"
            ? null
            : new Answer(422, new JsonObject { ["message"] = $"bad: {string.Join(' ', sent.Headers.Values)}" }.ToJsonString());

        var result = desk.Publish(desk.ReadRun());

        Assert.NotEmpty(result.Problems);
        Assert.All(result.Problems, problem =>
        {
            Assert.DoesNotContain(host.Accepted, problem.Text, StringComparison.Ordinal);
            Assert.Contains("***", problem.Text, StringComparison.Ordinal);
        });
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Publish_RedirectElsewhere_SendsNothingThere(string name)
    {
        var (host, desk) = Start(name);
        var (elsewhere, _) = Start(name);
        host.Interrupt = sent => new(307, "", new Dictionary<string, string>
        {
            ["Location"] = elsewhere.Server + sent.Path + sent.Query
        });

        var problem = Assert.Single(desk.Publish(desk.ReadRun()).Problems);

        Assert.Equal(PublishCodes.Unreachable, problem.Code);
        Assert.Empty(elsewhere.Requests);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Publish_BadGatewayThenSuccess_IsPublishedOnce(string name)
    {
        var (host, desk) = Start(name);
        var left = 3;
        host.Interrupt = sent => host.AddsComment(sent) || --left < 0 ? null : FakeCodeHost.BadGateway;

        Assert.Empty(desk.Publish(desk.ReadRun()).Problems);

        Assert.Single(host.Comments);
        Assert.Single(host.Verdicts);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Publish_NotPermitted_SaysWhatToGive(string name)
    {
        var (host, desk) = Start(name);
        host.Interrupt = sent => sent.Method == "GET" ? null : new Answer(403, """{"message":"403 Forbidden"}""");

        var problems = desk.Publish(desk.ReadRun()).Problems;

        Assert.Equal(2, problems.Count);
        Assert.All(problems, problem =>
        {
            Assert.Equal(PublishCodes.NotPermitted, problem.Code);
            Assert.Contains("see docs/", problem.Text, StringComparison.Ordinal);
        });
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Publish_AnswersThatAreNotTheHosts_AreDocumentedProblems(string name)
    {
        string[] answers =
        [
            "<html></html>", "", "null", "7", "[null]", "{}", """{"a":1,"a":2}""",
            """{"id":[],"value":{},"username":7,"sha":{}}""", """[{"id":"one","author":7,"body":{}}]""",
            """{"value":[{"id":null}]}""", new string('[', 100_000),
        ];
        foreach (var method in new[] { "GET", "POST", "PUT", "PATCH" })
        {
            foreach (var answer in answers)
            {
                var (host, desk) = Start(name);
                desk.Publish(desk.ReadRun());
                host.Interrupt = sent => sent.Method == method ? new Answer(200, answer) : null;

                Assert.All(
                    desk.Publish(desk.ReadRun()).Problems,
                    problem => Assert.True(
                        problem.Code is PublishCodes.Unreachable,
                        $"{method} {answer[..Math.Min(60, answer.Length)]}: {problem}"));
                desk.Dispose();
                host.Dispose();
                _used.Clear();
            }
        }
    }

    private (FakeCodeHost Host, Desk Desk) Start(string name)
    {
        var host = _hosts[name]();
        var desk = new Desk(host);
        _used.AddRange([host, desk]);
        return (host, desk);
    }
}
