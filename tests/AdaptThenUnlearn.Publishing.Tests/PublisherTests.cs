using System.Text.Json.Nodes;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Publishing.Http;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Publishing.Pages;
using AdaptThenUnlearn.Publishing.Targets;
using AdaptThenUnlearn.Tests;

namespace AdaptThenUnlearn.Publishing.Tests;

/// <summary>Publishing against a GitHub that remembers: what is there afterwards, and what is reported when it fails.</summary>
public sealed class PublisherTests : IDisposable
{
    private readonly FakeGitHub _github = new();
    private readonly Desk _desk;

    public PublisherTests() => _desk = new Desk(_github);

    public void Dispose()
    {
        _desk.Dispose();
        _github.Dispose();
    }

    [Fact]
    public void Publish_First_CommentsChecksAndSummarises()
    {
        var result = _desk.Publish(_desk.ReadRun());

        Assert.Empty(result.Problems);
        var comment = Assert.Single(_github.Comments);
        Assert.StartsWith("<!-- atu:report ", comment.Body, StringComparison.Ordinal);
        Assert.Contains("✅\u00a0Passed: no-eights", comment.Body, StringComparison.Ordinal);
        Assert.Contains($"[Run]({_github.Server}/octo/digits/actions/runs/4711)", comment.Body, StringComparison.Ordinal);
        var check = Assert.Single(_github.CheckRuns);
        Assert.Equal("success", (string?)check["conclusion"]);
        Assert.Equal(FakeGitHub.Head, (string?)check["head_sha"]);   // the head, not the trial merge of GITHUB_SHA
        Assert.Contains("✅\u00a0Passed: no-eights", _desk.Summary, StringComparison.Ordinal);
        Assert.Equal(3, result.Done.Count);
    }

    [Fact]
    public void Publish_Second_UpdatesSaysWhatChangedAndStaysWithinSixRequests()
    {
        _desk.Publish(_desk.ReadRun());
        var before = _github.Requests.Count;

        var result = _desk.Publish(_desk.ReadRun(Desk.MakeRecord(hits: 400)));

        Assert.Empty(result.Problems);
        var comment = Assert.Single(_github.Comments);
        Assert.Contains("❌\u00a0Failed: no-eights", comment.Body, StringComparison.Ordinal);
        Assert.Contains(
            "`digit-8/maxRate`: ✅\u00a0passed → ❌\u00a0failed (0.2\u00a0% → 4\u00a0%)", comment.Body, StringComparison.Ordinal);
        Assert.Equal("failure", (string?)_github.CheckRuns[1]["conclusion"]);
        Assert.InRange(_github.Requests.Count - before, 1, 6);

        _desk.Publish(_desk.ReadRun(Desk.MakeRecord(hits: 400)));
        Assert.Contains(
            $"**Changed since [`aaaaaaa`]({_github.Server}/octo/digits/commit/{FakeGitHub.Head})** "
                + "(same policy, same generator, same seed): no rule.",
            Assert.Single(_github.Comments).Body,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Publish_AdvisoryByFlag_IsNeutralAndSaidEverywhere()
    {
        _desk.Flags = new PublishFlags { Advisory = true };

        Assert.Empty(_desk.Publish(_desk.ReadRun(Desk.MakeRecord(hits: 400))).Problems);

        Assert.Equal("neutral", (string?)Assert.Single(_github.CheckRuns)["conclusion"]);
        Assert.Contains("Failed (advisory): no-eights", Assert.Single(_github.Comments).Body, StringComparison.Ordinal);
        Assert.Contains("Failed (advisory): no-eights", _desk.Summary, StringComparison.Ordinal);
    }

    [Fact]
    public void Publish_UsersTokenWithoutChecks_StaysWithinSixRequestsToo()
    {
        _github.Login = "octocat";
        _desk.Variables["GITHUB_TOKEN"] = _github.Accepted = "ghp_octocat";
        _github.Interrupt = sent => sent.Path.EndsWith("/check-runs", StringComparison.Ordinal) ? FakeGitHub.Forbidden : null;
        _desk.Publish(_desk.ReadRun());
        var before = _github.Requests.Count;

        _desk.Publish(_desk.ReadRun());

        Assert.Single(_github.Comments);
        Assert.InRange(_github.Requests.Count - before, 1, 6);
    }

    [Fact]
    public void Publish_AmongManyOlderComments_FindsItsOwn()
    {
        for (var number = 0; number < 120; number++)
            _github.Add("octocat", $"comment {number}");
        _desk.Publish(_desk.ReadRun());
        Assert.Equal(121, _github.Comments.Count);
        var before = _github.Requests.Count;

        _desk.Publish(_desk.ReadRun(Desk.MakeRecord(hits: 21)));

        Assert.Equal(121, _github.Comments.Count);
        Assert.Contains("0.21\u00a0%", _github.Comments[^1].Body, StringComparison.Ordinal);
        Assert.InRange(_github.Requests.Count - before, 1, 6);
        Assert.All(
            _github.Requests.Where(sent => sent.Method == "GET" && sent.Path.EndsWith("/comments", StringComparison.Ordinal)),
            sent => Assert.Contains("per_page=100", sent.Query, StringComparison.Ordinal));
    }

    [Fact]
    public void Publish_MarkerInSomebodyElsesComment_IsLeftAlone()
    {
        var run = _desk.ReadRun(Desk.MakeRecord(hits: 400));
        var spoof = RunPages.Comment(run, new PublishContext { HeadSha = FakeGitHub.Head }, previous: null);
        _github.Add("mallory", spoof);
        _github.Add(FakeGitHub.Bot, "> quoted by another tool of ours:\n" + spoof);   // not the first line

        _desk.Publish(_desk.ReadRun());

        Assert.Equal(3, _github.Comments.Count);
        Assert.Equal(spoof, _github.Comments[0].Body);
        Assert.DoesNotContain("Changed", _github.Comments[2].Body, StringComparison.Ordinal);
    }

    [Fact]
    public void Publish_OtherPolicyOrGenerator_HasACommentOfItsOwn()
    {
        var run = _desk.ReadRun();
        var otherPolicy = run with { Policy = run.Policy with { Name = "no-nines" } };
        var otherGenerator =
            run with { Policy = run.Policy with { Generator = run.Policy.Generator with { Checkpoint = "other.safetensors" } } };

        _desk.Publish(run, otherPolicy, otherGenerator);
        _desk.Publish(run, otherPolicy, otherGenerator);

        Assert.Equal(3, _github.Comments.Count);
        Assert.Equal(
            ["atu / no-eights / generator", "atu / no-eights / other", "atu / no-nines / generator"],
            _github.CheckRuns.Select(check => (string)check["name"]!).Distinct().Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("GET", "/comments")]
    [InlineData("POST", "/check-runs")]
    [InlineData("GET", "/pulls/7")]
    [InlineData("POST", "/comments")]
    public void Publish_BadGatewayThenSuccess_IsPublishedOnce(string method, string pathEnd)
    {
        _github.Once(method, pathEnd, FakeGitHub.BadGateway);

        var result = _desk.Publish(_desk.ReadRun());

        Assert.Empty(result.Problems);
        Assert.Single(_github.Comments);
        Assert.Single(_github.CheckRuns);
        Assert.Equal([TimeSpan.FromSeconds(1)], _desk.Waits);
    }

    [Fact]
    public void Publish_CommentThatWasAddedInSpiteOfTheError_IsNotAddedTwice()
    {
        var first = true;
        _github.Interrupt = sent =>
        {
            if (sent.Method != "POST" || !sent.Path.EndsWith("/comments", StringComparison.Ordinal) || !first)
                return null;
            first = false;
            _github.Add(FakeGitHub.Bot, (string)JsonNode.Parse(sent.Body)!["body"]!);
            return FakeGitHub.BadGateway;
        };

        Assert.Empty(_desk.Publish(_desk.ReadRun()).Problems);

        Assert.Single(_github.Comments);
    }

    [Fact]
    public void Publish_SecondaryLimitWithoutRetryAfter_WaitsAMinuteAndGoesOn()
    {
        _github.Once("POST", "/check-runs", FakeGitHub.SecondaryLimit, FakeGitHub.SecondaryLimit);

        var result = _desk.Publish(_desk.ReadRun());

        Assert.Empty(result.Problems);
        Assert.Equal([TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(120)], _desk.Waits);
        Assert.Empty(_github.Statuses);   // a limit is no missing permission
    }

    [Fact]
    public void Publish_SecondaryLimitThatStays_EndsWithOneProblemInBoundedTime()
    {
        _github.Interrupt = _ => FakeGitHub.SecondaryLimit;

        var problem = Assert.Single(_desk.Publish(_desk.ReadRun()).Problems);

        Assert.Equal(PublishCodes.Unreachable, problem.Code);
        Assert.Contains("used up its requests for now", problem.Text, StringComparison.Ordinal);
        Assert.True(_desk.Waits.Sum(wait => wait.TotalMinutes) <= 5);
    }

    [Fact]
    public void Publish_ReadOnlyToken_TellsThePermissionsAndThatForksNeedTheSecondWorkflow()
    {
        _desk.Event(new
        {
            pull_request = new { number = 7, head = new { sha = FakeGitHub.Head, repo = new { full_name = "someone/digits" } } }
        });
        _github.Interrupt = sent => sent.Method == "GET" ? null : FakeGitHub.Forbidden;

        var result = _desk.Publish(_desk.ReadRun());

        Assert.All(result.Problems, problem => Assert.Equal(PublishCodes.NotPermitted, problem.Code));
        Assert.Contains(
            result.Problems,
            problem => problem.Text.StartsWith("the comment:", StringComparison.Ordinal)
                && problem.Text.Contains("docs/github-forks.md", StringComparison.Ordinal));
        Assert.Contains("no-eights", _desk.Summary, StringComparison.Ordinal);   // which needs no token
        Assert.Empty(_desk.Waits);
    }

    [Fact]
    public void Publish_ChecksNotPermitted_SetsAStatusInstead()
    {
        _github.Interrupt = sent => sent.Path.EndsWith("/check-runs", StringComparison.Ordinal) ? FakeGitHub.NotFound : null;

        Assert.Empty(_desk.Publish(_desk.ReadRun(Desk.MakeRecord(hits: 400))).Problems);

        var status = Assert.Single(_github.Statuses);
        Assert.Equal(("failure", FakeGitHub.Head), ((string?)status["state"], (string?)status["sha"]));
        Assert.StartsWith("Failed: digit-8/maxRate", (string?)status["description"], StringComparison.Ordinal);
        Assert.True(((string)status["description"]!).Length <= 140);
    }

    [Fact]
    public void Publish_CommentTooLongForGitHub_IsShortenedFurther()
    {
        _github.Interrupt = sent => sent.Method == "POST"
            && sent.Path.EndsWith("/comments", StringComparison.Ordinal)
            && sent.Body.Length > 40_000
            ? new Answer(
                422,
                """{"message":"Validation Failed","errors":["""
                    + """{"resource":"IssueComment","code":"unprocessable","field":"data","message":"Body is too long"}]}""")
            : null;
        var run = _desk.ReadRun();
        var findings = Enumerable.Range(0, 2000)
            .Select(number => run.Verification.Verdict.Findings[^1] with { Rule = RuleName.MinShareKept($"class-{number}") });

        var result = _desk.Publish(run with
        {
            Verification = run.Verification with { Verdict = run.Verification.Verdict with { Findings = [.. findings] } }
        });

        Assert.Empty(result.Problems);
        Assert.Contains(result.Done, done => done.Contains("shortened further", StringComparison.Ordinal));
        Assert.Contains("rows are left out", Assert.Single(_github.Comments).Body, StringComparison.Ordinal);
    }

    [Fact]
    public void Publish_RefusedContent_SaysWhy()
    {
        _github.Interrupt = sent => sent.Path.EndsWith("/check-runs", StringComparison.Ordinal)
            ? new Answer(422, """{"message":"No commit found for SHA"}""")
            : null;

        var problem = Assert.Single(_desk.Publish(_desk.ReadRun()).Problems);

        Assert.Equal(PublishCodes.Refused, problem.Code);
        Assert.Contains("No commit found for SHA", problem.Text, StringComparison.Ordinal);
        Assert.Single(_github.Comments);   // the one does not keep the other
    }

    [Fact]
    public void Publish_HeadMovedOn_LeavesTheNewerReport()
    {
        _desk.Publish(_desk.ReadRun());
        var newer = _github.Comments[0].Body;
        _github.HeadNow = new string('b', 40);

        var result = _desk.Publish(_desk.ReadRun(Desk.MakeRecord(hits: 400)));

        var problem = Assert.Single(result.Problems);
        Assert.Equal(PublishCodes.HeadMoved, problem.Code);
        Assert.Contains($"is at {_github.HeadNow} by now", problem.Text, StringComparison.Ordinal);
        Assert.Equal(newer, Assert.Single(_github.Comments).Body);
        Assert.Equal(2, _github.CheckRuns.Count);   // its own commit gets its own verdict
    }

    [Fact]
    public void Publish_NetworkGone_GivesUpAfterFourAttemptsAndOneProblem()
    {
        _github.Dispose();

        var problem = Assert.Single(_desk.Publish(_desk.ReadRun()).Problems);

        Assert.Equal(PublishCodes.Unreachable, problem.Code);
        Assert.Contains("cannot be reached", problem.Text, StringComparison.Ordinal);
        Assert.Equal([TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(4)], _desk.Waits);
    }

    [Fact]
    public void Publish_TokenNotAccepted_SaysWhichVariable()
    {
        _desk.Variables["GITHUB_TOKEN"] = "ghs_expired";

        var problem = Assert.Single(_desk.Publish(_desk.ReadRun()).Problems);

        Assert.Equal(PublishCodes.NoToken, problem.Code);
        Assert.Contains("GITHUB_TOKEN", problem.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("ghs_expired", problem.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Publish_ServerThatEchoesTheToken_DoesNotGetItIntoTheMessage()
    {
        _github.Interrupt = sent => sent.Method == "POST"
            ? new Answer(422, new JsonObject { ["message"] = $"bad header {sent.Headers["Authorization"]}" }.ToJsonString())
            : null;

        var result = _desk.Publish(_desk.ReadRun());

        Assert.NotEmpty(result.Problems);
        Assert.All(result.Problems, problem => Assert.DoesNotContain(FakeGitHub.Token, problem.Text, StringComparison.Ordinal));
    }

    [Fact]
    public void Publish_MoreThanFiftyAnnotations_AllArrive()
    {
        var run = _desk.ReadRun(Desk.MakeRecord(nines: 1));
        var failed = run.Verification.Verdict.Findings.Single(finding => finding.Rule.ToString() == "quality/minShareKept/9");
        var findings = Enumerable.Range(0, 120).Select(number => failed with { Rule = RuleName.MinShareKept($"{number}") });

        var result = _desk.Publish(run with
        {
            Verification = run.Verification with { Verdict = run.Verification.Verdict with { Findings = [.. findings] } }
        });

        Assert.Empty(result.Problems);
        Assert.Equal(120, (int)Assert.Single(_github.CheckRuns)["taken"]!);
    }

    [Fact]
    public void Publish_EnterpriseServer_KeepsItsPath()
    {
        using var enterprise = new FakeGitHub("/api/v3");
        using var desk = new Desk(enterprise);

        Assert.Empty(desk.Publish(desk.ReadRun()).Problems);

        Assert.Single(enterprise.Comments);
        Assert.All(enterprise.Requests, sent => Assert.StartsWith("/api/v3/repos/", sent.Path, StringComparison.Ordinal));
    }

    [Fact]
    public void Publish_OnAPush_OnlyChecksTheCommit()
    {
        _desk.Event(new { after = FakeGitHub.Head });
        _desk.Variables["GITHUB_SHA"] = FakeGitHub.Head;

        Assert.Empty(_desk.Publish(_desk.ReadRun()).Problems);

        Assert.Empty(_github.Comments);
        Assert.Equal(FakeGitHub.Head, (string?)Assert.Single(_github.CheckRuns)["head_sha"]);
    }

    [Fact]
    public void Publish_OutsideOfAnyHost_SaysWhatIsMissing()
    {
        foreach (var name in _desk.Variables.Keys.Where(name => name != "GITHUB_TOKEN").ToList())
            _desk.Variables.Remove(name);

        var problem = Assert.Single(_desk.Publish(_desk.ReadRun()).Problems);

        Assert.Equal(PublishCodes.NoTarget, problem.Code);
        Assert.Contains("--repository", problem.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Publish_OutsideOfAnyHostByFlags_NeedsTheLoginWhenTheTokenCannotSayIt()
    {
        _desk.Variables.Clear();
        _desk.Variables["GH_TOKEN"] = FakeGitHub.Token;
        _desk.Flags =
            new PublishFlags { Repository = FakeGitHub.Repository, PullRequest = 7, Sha = FakeGitHub.Head, ApiUrl = _github.Api };

        Assert.Equal(PublishCodes.UnknownAuthor, Assert.Single(_desk.Publish(_desk.ReadRun()).Problems).Code);

        _github.Login = "my-app[bot]";
        _desk.Flags = _desk.Flags with { Author = "my-app[bot]" };
        Assert.Empty(_desk.Publish(_desk.ReadRun()).Problems);
        Assert.Empty(_desk.Publish(_desk.ReadRun()).Problems);
        Assert.Single(_github.Comments);
    }

    [Fact]
    public void Publish_NoToken_StillSummarises()
    {
        _desk.Variables.Remove("GITHUB_TOKEN");

        var problem = Assert.Single(_desk.Publish(_desk.ReadRun()).Problems);

        Assert.Equal(PublishCodes.NoToken, problem.Code);
        Assert.Contains("ATU_GITHUB_TOKEN, GH_TOKEN, GITHUB_TOKEN", problem.Text, StringComparison.Ordinal);
        Assert.Contains("no-eights", _desk.Summary, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_PolicyChangedSinceTheRun_Fails()
    {
        // Another checkout may have other line ends.
        File.WriteAllText(_desk.At("policies/policy.json"), Records.PolicyText.Replace("\n", "\r\n", StringComparison.Ordinal));
        Assert.Equal(Outcome.Passed, _desk.ReadRun().Outcome);

        File.WriteAllText(_desk.At("policies/policy.json"), "{");   // over which govern ends before it begins
        var run = _desk.ReadRun();
        Assert.Equal(Outcome.Failed, run.Outcome);
        Assert.Equal("the policy ../../policies/policy.json has changed since the run", Assert.Single(run.Verification.Problems));

        // A fork's record may name any file, and what was moved is not evidence of anything.
        Assert.Empty(new PublishedRunReader(Records.Vocabulary, Records.Today, workspace: null, [], untrusted: true).Read(
            _desk.At("artifacts/no-eights/run.json")).Verification.Problems);
        File.Delete(_desk.At("policies/policy.json"));
        Assert.Equal(Outcome.Passed, _desk.ReadRun().Outcome);
    }

    [Theory]
    [InlineData(PublishParts.Comment, 1)]
    [InlineData(PublishParts.Comment | PublishParts.Summary, 1)]
    [InlineData(PublishParts.Comment | PublishParts.Check, 0)]   // on a push there is the check
    public void Publish_NothingButACommentAndNoPullRequest_SaysSo(PublishParts parts, int problems)
    {
        _desk.Event(new { after = FakeGitHub.Head });
        _desk.Flags = new PublishFlags { Parts = parts };

        var reported = _desk.Publish(_desk.ReadRun()).Problems;

        Assert.Equal(problems, reported.Count);
        Assert.All(reported, problem => Assert.Equal(PublishCodes.NoTarget, problem.Code));
        Assert.Empty(_github.Comments);
    }

    [Fact]
    public void Publish_Only_DoesNothingElse()
    {
        _desk.Flags = new PublishFlags { Parts = PublishParts.Check };

        Assert.Empty(_desk.Publish(_desk.ReadRun()).Problems);

        Assert.Single(_github.CheckRuns);
        Assert.Equal("", _desk.Summary);
        Assert.Empty(_github.Comments);
    }

    [Fact]
    public void Publish_TheSameRunTwiceAtOnce_IsOneComment()
    {
        var run = _desk.ReadRun();

        Assert.Empty(_desk.Publish(run, run).Problems);

        Assert.Single(_github.Comments);
    }

    [Fact]
    public void Publish_ConnectionLostWhileUpdating_IsTriedFourTimesAndNoMore()
    {
        _desk.Publish(_desk.ReadRun());
        _github.Interrupt = sent => sent.Method == "PATCH" ? FakeGitHub.BadGateway : null;

        var problem = Assert.Single(_desk.Publish(_desk.ReadRun()).Problems);

        Assert.Equal(PublishCodes.Unreachable, problem.Code);
        Assert.Equal(4, _github.Requests.Count(sent => sent.Method == "PATCH"));
    }

    [Fact]
    public async Task Publish_Cancelled_EndsAtOnce()
    {
        using var cancel = new CancellationTokenSource();
        _github.Interrupt = _ =>
        {
            cancel.Cancel();
            return FakeGitHub.BadGateway;
        };
        var environment = new EnvironmentSnapshot(_desk.Variables);
        var publisher = new Publisher(
            CiHosts.Describe(environment),
            PublishToken.Find(environment, CodeHost.GitHub),
            new PublishFlags(),
            "0.1.0",
            new RetryDelay(TimeProvider.System));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => publisher.PublishAsync([_desk.ReadRun()], cancel.Token));
    }

    [Fact]
    public void JobSummary_NearlyFull_IsNeverOverflown()
    {
        File.WriteAllText(_desk.At("summary.md"), new string('x', RunPages.JobSummaryLimit - 1500));
        Assert.Empty(_desk.Publish(_desk.ReadRun()).Problems);
        Assert.InRange(
            new FileInfo(_desk.At("summary.md")).Length, RunPages.JobSummaryLimit - 1500 + 500, RunPages.JobSummaryLimit);
        Assert.Contains("rows are left out", _desk.Summary, StringComparison.Ordinal);

        File.WriteAllText(_desk.At("summary.md"), new string('x', RunPages.JobSummaryLimit - 30));
        var problem = Assert.Single(_desk.Publish(_desk.ReadRun()).Problems);
        Assert.Equal(PublishCodes.JobSummary, problem.Code);
        Assert.Equal(RunPages.JobSummaryLimit - 30, new FileInfo(_desk.At("summary.md")).Length);
    }
}
