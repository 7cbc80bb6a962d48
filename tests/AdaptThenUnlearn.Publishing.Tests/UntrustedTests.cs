using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Publishing.Pages;
using AdaptThenUnlearn.Publishing.Targets;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Tests;

namespace AdaptThenUnlearn.Publishing.Tests;

/// <summary>
/// Records that somebody else made: what is believed, what is refused, and on which pull request it may be posted.
/// </summary>
public sealed class UntrustedTests : IDisposable
{
    private readonly FakeGitHub _github = new();
    private readonly Desk _desk;

    public UntrustedTests()
    {
        _desk = new Desk(_github);
        _desk.Variables["GITHUB_EVENT_NAME"] = "workflow_run";
        OfFork(FakeGitHub.Head);
    }

    public void Dispose()
    {
        _desk.Dispose();
        _github.Dispose();
    }

    [Fact]
    public void Publish_OfTheHeadOfAFork_IsPostedOnItsPullRequest()
    {
        var run = _desk.ReadRun() with { Untrusted = true };
        Assert.Empty(_desk.Publish(run).Problems);
        var before = _github.Requests.Count;
        Assert.Empty(_desk.Publish(run).Problems);

        var comment = Assert.Single(_github.Comments);
        Assert.Contains("they are a claim", comment.Body, StringComparison.Ordinal);
        // The link leads to the build that measured, not to the one that posts.
        Assert.Contains("[Run](https://github.example/run/1)", comment.Body, StringComparison.Ordinal);
        Assert.Equal(FakeGitHub.Head, (string?)_github.CheckRuns[0]["head_sha"]);
        Assert.InRange(_github.Requests.Count - before, 1, 6);
    }

    [Fact]
    public void Publish_NotOfTheHead_PostsNothing()
    {
        OfFork(new string('d', 40));

        NothingIsPosted(PublishCodes.NotOfTheHead);
    }

    [Fact]
    public void Publish_NumberByFlagAndAnotherHead_PostsNothing()
    {
        _desk.Flags = new PublishFlags { PullRequest = 7, Sha = new string('d', 40) };

        NothingIsPosted(PublishCodes.NotOfTheHead);
    }

    [Fact]
    public void Publish_BuildOfAPush_PostsNothing()
    {
        _desk.Event(new
        {
            workflow_run = new
            {
                @event = "push",
                head_sha = FakeGitHub.Head,
                head_branch = "feature",
                head_repository = new { full_name = "someone/digits", owner = new { login = "someone" } }
            }
        });

        NothingIsPosted(PublishCodes.NoTarget);
    }

    [Fact]
    public void Read_VerdictTurned_IsJudgedAgainAndFails()
    {
        var honest = Desk.MakeRecord(hits: 400);
        var run = _desk.ReadRun(honest with { Verdict = Desk.MakeRecord().Verdict });

        Assert.Equal(Outcome.Failed, run.Outcome);
        Assert.Contains(
            "not what the recorded readings give", Assert.Single(run.Verification.Problems), StringComparison.Ordinal);
        Assert.Contains(
            run.Findings,
            finding => finding is { Rule: { Limit: RuleLimit.MaxRate, Subject: "digit-8" }, State: FindingState.Failed });
    }

    [Fact]
    public void Read_ReadingsTwice_IsRefused()
    {
        var made = Desk.MakeRecord();
        Measurement[] twice =
        [
            made.After! with { Features = [.. made.After.Features, .. made.After.Features] },
            made.After with { Shares = [.. made.After.Shares, .. made.After.Shares] },
        ];

        Assert.All(twice, after => Assert.Contains(
            "counted twice",
            Assert.Throws<RunRecordException>(() => _desk.ReadRun(made with { After = after })).Message,
            StringComparison.Ordinal));
    }

    [Fact]
    public void Read_ImpossibleShares_AreNotMeasured()
    {
        var made = Desk.MakeRecord();
        var after = made.After! with { Shares = [new ClassShare("auditor", "9", false, 20_000, 10_000)] };

        Assert.Contains(
            _desk.ReadRun(made with { After = after }).Findings,
            finding => finding is { Rule: { Limit: RuleLimit.MinShareKept, Subject: "9" }, State: FindingState.NotMeasured });
    }

    [Theory]
    [InlineData("\"maxRate\": 0.01", "\"maxRate\": 0.5", "is not what its text says")]
    [InlineData("\"minUnlearned\": 0.95 }", "\"minUnlearned\": 0.1 }", "does not have the recorded digest")]
    [InlineData("\"overrides\": []", "\"overrides\": [\"nonsense\"]", "an override that cannot be")]
    [InlineData(
        "\"samples\": 10000,\n      \"maxSamples\"", "\"samples\": -1,\n      \"maxSamples\"", "is not what its text says")]
    public void Read_PolicyTamperedWith_IsRefused(string from, string to, string expected)
    {
        _desk.ReadRun();
        var path = _desk.At("artifacts/no-eights/run.json");
        var text = File.ReadAllText(path);
        if (!text.Contains(from, StringComparison.Ordinal))
            (from, to) = (InText(from), InText(to));
        Assert.Contains(from, text, StringComparison.Ordinal);
        File.WriteAllText(path, text.Replace(from, to, StringComparison.Ordinal));

        var refused = Assert.Throws<RecordRefusedException>(() => Reader().Read(path));

        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"findings\": [", "\"findings\": [ null,")]
    [InlineData("\"shares\": [", "\"shares\": [ null,")]
    [InlineData("\"tool\":", "\"unknown\": 1, \"tool\":")]
    [InlineData("\"tool\": \"", "\"tool\": null, \"tool2\": \"")]
    public void Read_NotStrictlyARecord_IsRefused(string from, string to)
    {
        _desk.ReadRun();
        var path = _desk.At("artifacts/no-eights/run.json");
        var text = File.ReadAllText(path);
        Assert.Contains(from, text, StringComparison.Ordinal);
        File.WriteAllText(path, text.Replace(from, to, StringComparison.Ordinal));

        Assert.Throws<RunRecordException>(() => Reader().Read(path));
    }

    [Fact]
    public void Read_TooLarge_IsRefusedUnread()
    {
        using (var file = File.Create(_desk.At("large.json")))
            file.SetLength(PublishedRunReader.MaxBytes + 1);

        Assert.Contains(
            "is not read",
            Assert.Throws<RunRecordException>(() => Reader().Read(_desk.At("large.json"))).Message,
            StringComparison.Ordinal);
    }

    // Neither a pipe that nobody writes nor a device without end keeps it waiting.
    [Theory]
    [InlineData("/dev/zero")]
    [InlineData(null)]
    public async Task Read_NoRegularFile_IsRefusedAtOnce(string? path)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "devices and pipes are the Unix way");
        if (path is null)
        {
            path = _desk.At("pipe.json");
            using var made = System.Diagnostics.Process.Start("mkfifo", [path]);
            await made.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        var reading = Task.Run(() => Reader().Read(path), TestContext.Current.CancellationToken);

        await Assert.ThrowsAsync<RunRecordException>(
            () => reading.WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Read_ByTheRepositorysPolicy_IgnoresTheRecordsLimits()
    {
        var run = _desk.ReadRun(null, Trusted(("\"maxRate\": 0.01", "\"maxRate\": 0.001")));

        Assert.True(run.PolicyDiffers);
        Assert.Contains(run.Findings, finding =>
            finding is { Rule: { Limit: RuleLimit.MaxRate, Subject: "digit-8" }, State: FindingState.Failed, Limit: 0.001 });
        Assert.Equal("policies/policy.json", run.PolicyFile);
    }

    [Theory]
    [InlineData("$.generator.checkpoint", "generator.safetensors", "other.safetensors")]
    [InlineData("$.classifiers.auditor.checkpoint", "\"auditor.safetensors\"", "\"lenient.safetensors\"")]
    [InlineData(
        "$.classifiers.auditor.classes", "\"auditor.safetensors\"", "\"auditor.safetensors\", \"classes\": [\"8\", \"9\"]")]
    [InlineData("$.undesiredFeatures[0].auditorThreshold", "\"class\": \"8\"", "\"class\": \"8\", \"auditorThreshold\": 0.99")]
    [InlineData("$.undesiredFeatures[0].class", "\"class\": \"8\"", "\"class\": \"3\"")]
    [InlineData(
        "$.undesiredFeatures",
        "\"minUnlearned\": 0.95 }",
        "\"minUnlearned\": 0.95 }, { \"name\": \"digit-9\", \"annotator\": \"annotator\", \"class\": \"9\", \"maxRate\": 1 }")]
    [InlineData("$.quality.reference", "reference.safetensors", "flattering.safetensors")]
    [InlineData("$.evaluation.truncation", "\"quality\": {", "\"evaluation\": { \"truncation\": 0.1 }, \"quality\": {")]
    public void Read_MeasuredAsTheRepositorysPolicyDoesNotAsk_Fails(string path, string from, string to)
    {
        var run = _desk.ReadRun(OfAnotherPolicy(from, to), Trusted());

        Assert.Equal(Outcome.Failed, run.Outcome);
        Assert.Equal(
            $"the readings were taken under another policy, which differs in {path}", Assert.Single(run.Verification.Problems));
        Assert.Empty(_desk.Publish(run).Problems);
        // The check has the name that branch protection asks for, which must not stay green from before.
        var check = Assert.Single(_github.CheckRuns);
        Assert.Equal(("atu / no-eights / generator", "failure"), ((string?)check["name"], (string?)check["conclusion"]));
    }

    [Theory]
    [InlineData("\"maxRate\": 0.01", "\"maxRate\": 0.5")]
    [InlineData("\"maxFrechetDistance\": 40, ", "")]
    [InlineData(
        "\"quality\": {",
        "\"waivers\": [{ \"rule\": \"digit-8/maxRate\", \"reason\": \"r\", \"approvedBy\": \"a\", "
            + "\"expires\": \"2999-01-01\" }], \"quality\": {")]
    [InlineData(
        "\"quality\": {",
        "\"unlearning\": { \"preset\": \"thorough\" }, \"description\": \"Another.\", \"owner\": \"nobody\", \"quality\": {")]
    [InlineData(
        "\"generator.safetensors\"",
        "\"generator.safetensors\", \"sha256\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"")]
    public void Read_OtherLimitsWaiversOrSettings_IsJudgedByTheRepositorysPolicy(string from, string to)
    {
        var run = _desk.ReadRun(OfAnotherPolicy(from, to), Trusted());

        Assert.Equal(Outcome.Passed, run.Outcome);
        Assert.True(run.PolicyDiffers);
        // One more is the class kept, which the policy does not list.
        Assert.Equal(Records.Policy.RuleNames().Count + 1, run.Findings.Count);
    }

    [Theory]
    [InlineData("generator", "\"checkpoint\": \"generator.safetensors\"", "a")]
    [InlineData("classifier auditor", "\"checkpoint\": \"auditor.safetensors\"", "e")]
    public void Read_FileOfAnotherDigestThanTheRepositorysPolicyPins_Fails(string role, string file, string digit)
    {
        var digest = string.Concat(Enumerable.Repeat(digit, 64));
        var (right, wrong) = (Pinned(digest.ToUpperInvariant()), Pinned(new string('0', 64)));
        var record = Desk.MakeRecord();
        record = record with
        {
            Inputs = [.. record.Inputs.Select(input => input.Role == role ? input with { Sha256 = digest } : input)]
        };
        if (role != "generator")
            record = record with { Before = Seen(record.Before), After = Seen(record.After!) };

        Assert.Empty(_desk.ReadRun(record, right).Verification.Problems);
        Assert.StartsWith(
            $"the recorded {role} ({digest}) is not the one that the policy pins",
            Assert.Single(_desk.ReadRun(record, wrong).Verification.Problems),
            StringComparison.Ordinal);
        // A record cannot name both files.
        Assert.NotEmpty(_desk.ReadRun(
            record with { Inputs = [.. record.Inputs, new InputFile(role, "other.safetensors", new string('0', 64))] },
            wrong).Verification.Problems);

        TrustedPolicy Pinned(string sha256) => Trusted((file, $"{file}, \"sha256\": \"{sha256}\""));

        Measurement Seen(Measurement measured) => measured with { Quality = measured.Quality! with { ExtractorSha256 = digest } };
    }

    // What a fork could have measured with is not known: no green check, and the way to get one.
    [Fact]
    public void Publish_UntrustedByAPolicyThatPinsNothing_IsNeutralAndNamesThePins()
    {
        var run = ReadUntrusted(Desk.MakeRecord(), Trusted());

        Assert.True(run.IsUnproven);
        Assert.Equal(
            ["$.classifiers.auditor.sha256", "$.quality.reference (a copy of it beside this policy)"], run.UnpinnedPaths);
        Assert.Empty(_desk.Publish(run).Problems);
        var check = Assert.Single(_github.CheckRuns);
        Assert.Equal("neutral", (string?)check["conclusion"]);
        Assert.StartsWith(
            "Not proven: the policy pins no $.classifiers.auditor.sha256",
            (string?)check["output"]!["title"],
            StringComparison.Ordinal);
        var comment = Assert.Single(_github.Comments).Body;
        Assert.Contains("⚠️\u00a0Not proven: no-eights", comment, StringComparison.Ordinal);
        Assert.Contains("Add to this repository's policy: `$.classifiers.auditor.sha256`", comment, StringComparison.Ordinal);
        Assert.DoesNotContain("may be released.", comment, StringComparison.Ordinal);
        Assert.DoesNotContain("✅\u00a0Passed", comment, StringComparison.Ordinal);
    }

    // Advice lets a failed gate through; a claim has not even failed.
    [Fact]
    public void Publish_UnprovenAsAdvice_StaysUnproven()
    {
        _desk.Flags = new PublishFlags { Advisory = true };

        Assert.Empty(_desk.Publish(ReadUntrusted(Desk.MakeRecord(), Trusted())).Problems);

        Assert.StartsWith(
            "Not proven: ", (string?)Assert.Single(_github.CheckRuns)["output"]!["title"], StringComparison.Ordinal);
    }

    [Fact]
    public void Publish_UnprovenWhereChecksAreNotPermitted_IsNoGreenStatus()
    {
        _github.Interrupt = sent => sent.Path.EndsWith("/check-runs", StringComparison.Ordinal) ? FakeGitHub.Forbidden : null;

        Assert.Empty(_desk.Publish(ReadUntrusted(Desk.MakeRecord(), Trusted())).Problems);

        Assert.Equal("failure", (string?)Assert.Single(_github.Statuses)["state"]);
    }

    [Fact]
    public void Publish_UntrustedByItsOwnPolicy_IsNeverGreen()
    {
        Assert.Empty(_desk.Publish(_desk.ReadRun() with { Untrusted = true }).Problems);

        Assert.Equal("neutral", (string?)Assert.Single(_github.CheckRuns)["conclusion"]);
    }

    [Fact]
    public void Read_UntrustedByAPolicyThatPinsWhatMeasures_Passes()
    {
        var record = Desk.MakeRecord();
        File.WriteAllText(_desk.At("policies/reference.safetensors"), "the repository's own");
        record = record with
        {
            Inputs = [.. record.Inputs.Select(
                input => input.Role == InputRoles.Reference
                    ? input with { Sha256 = Sha256Digest.FindAt(_desk.At("policies/reference.safetensors"))! }
                    : input)]
        };
        var auditor = new string('e', 64);
        record = record with
        {
            Inputs = [.. record.Inputs.Select(
                input => input.Role == InputRoles.Classifier("auditor") ? input with { Sha256 = auditor } : input)]
        };
        record = record with { Before = Seen(record.Before), After = Seen(record.After!) };
        var pinned = Trusted(
            ("\"checkpoint\": \"auditor.safetensors\"", $"\"checkpoint\": \"auditor.safetensors\", \"sha256\": \"{auditor}\""));

        var run = ReadUntrusted(record, pinned);

        Assert.Empty(run.Verification.Problems);
        Assert.False(run.IsUnproven);
        Assert.Equal(Conclusion.Success, CheckPage.Create(run, new PublishContext()).Conclusion);

        Measurement Seen(Measurement measured) =>
            measured with
            {
                Quality = measured.Quality! with
                {
                    ExtractorSha256 = auditor,
                    ReferenceSha256 = record.Inputs.Single(input => input.Role == InputRoles.Reference).Sha256
                }
            };
    }

    // A path says nothing about what lies there in a fork; this checkout's copy does.
    [Theory]
    [InlineData("auditor.safetensors", "classifier auditor")]
    [InlineData("reference.safetensors", "reference")]
    public void Read_UntrustedWithAnotherFileThanTheRepositorysOwn_Fails(string file, string role)
    {
        File.WriteAllText(_desk.At($"policies/{file}"), "the repository's own");

        var run = ReadUntrusted(Desk.MakeRecord(), Trusted());

        Assert.StartsWith(
            $"the recorded {role} is not this repository's {file}",
            Assert.Single(run.Verification.Problems),
            StringComparison.Ordinal);
        Assert.Equal(Conclusion.Failure, CheckPage.Create(run, new PublishContext()).Conclusion);
    }

    [Fact]
    public void Read_PolicyOfAnotherName_IsRefused()
    {
        var other = new TrustedPolicy("other.json", Records.PolicyText, Records.Policy with { Name = "no-nines" });

        Assert.Contains(
            "'no-eights'",
            Assert.Throws<RecordRefusedException>(() => _desk.ReadRun(null, other)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../../policies/policy.json", "policies/policy.json")]
    [InlineData("../../../../somewhere/policy.json", "somewhere/policy.json")]
    [InlineData("../../../../../etc/../passwd", null)]
    [InlineData("/etc/passwd", null)]
    [InlineData("a\0b", null)]
    [InlineData("", null)]
    public void PolicyPath_OfARecord_StaysWithinTheRepository(string file, string? expected) =>
        Assert.Equal(expected, RepositoryPath.Resolve(_desk.At(""), _desk.At("artifacts/no-eights"), file));

    private static string InText(string json) => json.Replace("\"", "\\\"", StringComparison.Ordinal);

    private PublishedRun ReadUntrusted(RunRecord record, TrustedPolicy trusted)
    {
        RunRecordFile.Write(_desk.At("artifacts/no-eights/run.json"), record);
        return new PublishedRunReader(Records.Vocabulary, Records.Today, _desk.At(""), [trusted], untrusted: true)
            .Read(_desk.At("artifacts/no-eights/run.json"));
    }

    private static PublishedRunReader Reader() => new(Records.Vocabulary, Records.Today, workspace: null, [], untrusted: true);

    private TrustedPolicy Trusted(params (string From, string To)[] edits)
    {
        var text = edits.Aggregate(Records.PolicyText, (text, edit) => Edited(text, edit.From, edit.To));
        return new TrustedPolicy(
            _desk.At("policies/policy.json"), text, PolicyReader.Read(text, "policy.json", Records.Vocabulary, []).Policy!);
    }

    private RunRecord OfAnotherPolicy(string from, string to)
    {
        var (made, other) = (Desk.MakeRecord(), Trusted((from, to)));
        return made with
        {
            Policy = other.Policy,
            PolicySource = made.PolicySource with
            {
                Text = other.Text,
                Sha256 = Sha256Digest.Compute(other.Text),
                EffectiveSha256 = CanonicalJson.Digest(other.Policy)
            },
            Verdict = Gate.Judge(other.Policy, made.Before, made.After, Records.Today),
        };
    }

    private static string Edited(string text, string from, string to)
    {
        Assert.Contains(from, text, StringComparison.Ordinal);
        return text.Replace(from, to, StringComparison.Ordinal);
    }

    private void OfFork(string sha) => _desk.Event(new
    {
        workflow_run = new
        {
            @event = "pull_request",
            head_sha = sha,
            head_branch = "feature",
            head_repository = new { full_name = "someone/digits", owner = new { login = "someone" } },
            pull_requests = Array.Empty<object>(),
            html_url = "https://github.example/run/1",
        },
    });

    private void NothingIsPosted(string code)
    {
        var problem = Assert.Single(_desk.Publish(_desk.ReadRun() with { Untrusted = true }).Problems);

        Assert.Equal(code, problem.Code);
        Assert.All(_github.Requests, sent => Assert.Equal("GET", sent.Method));
    }
}
