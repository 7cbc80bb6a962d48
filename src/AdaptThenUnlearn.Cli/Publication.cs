using System.CommandLine;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Publishing;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Publishing.Http;
using AdaptThenUnlearn.Publishing.Targets;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli;

/// <summary>Publishing for the commands that have it: the options that say where, and the work itself.</summary>
/// <param name="terminal">Terminal that shows status and diagnostics.</param>
public sealed class Publication(Terminal terminal)
{
    private readonly Option<string> _host = new("--host")
    {
        Description = "Kind of host that keeps the repository; from the build when absent, else github",
        HelpName = "github|gitea|gitlab|azure",
    };

    private readonly Option<string> _repository = new("--repository")
    {
        Description = "Repository to publish to; from the build or GITHUB_REPOSITORY when absent",
        HelpName = "owner/name",
    };

    private readonly Option<int?> _pullRequest = new("--pull-request")
    {
        Description = "Number of the pull request; from the event when absent",
        HelpName = "number",
    };

    private readonly Option<bool> _findPullRequest = new("--find-pull-request")
    {
        Description = "Where the event has no pull request, look for an open one whose head is the commit",
    };

    private readonly Option<string> _sha = new("--sha")
    {
        Description = "Commit that was measured; from the event when absent",
    };

    private readonly Option<string> _apiUrl = new("--api-url")
    {
        Description = "Base address of the host's API; from the build or GITHUB_API_URL when absent",
    };

    private readonly Option<string> _runUrl = new("--run-url")
    {
        Description = "Page of the build, to link to",
    };

    private readonly Option<string> _artifactUrl = new("--artifact-url")
    {
        Description = "Where the evidence was uploaded, to link to",
    };

    private readonly Option<string> _jobSummary = new("--job-summary")
    {
        Description = "File that the summary is appended to; from GITHUB_STEP_SUMMARY when absent",
    };

    private readonly Option<string> _author = new("--author")
    {
        Description = "Login that the token posts as, where the host does not name it: my-app[bot]",
    };

    private readonly Option<string> _key = new("--key")
    {
        Description = "Name of this report beside others of the same policy and generator, such as a matrix's jobs: cuda",
        HelpName = "name",
    };

    private readonly Option<string[]> _only = new("--only")
    {
        Description = "Publish only these: comment, check, summary",
        HelpName = "part",
        AllowMultipleArgumentsPerToken = true,
    };

    private readonly Option<bool> _require = new("--require-publish")
    {
        Description = "Failing to publish is an error, with exit code 4",
    };

    private readonly Option<DirectoryInfo> _history = new("--history")
    {
        Description = "Folder of earlier records (*run.json, at any depth), to show the trend",
    };

    private readonly Option<FileInfo[]> _baseline = new("--baseline")
    {
        Description = "Record of the base branch to compare with, which changes no verdict (govern --ratchet does); from " +
            "--history when absent",
        AllowMultipleArgumentsPerToken = true,
    };

    /// <summary>What was published, as JSON results have it; null before, and where no record was readable.</summary>
    public object? Result { get; private set; }

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        Option[] options =
        [
            _host, _repository, _pullRequest, _findPullRequest, _sha, _apiUrl, _runUrl, _artifactUrl, _jobSummary, _author, _key,
            _only, _require, _history, _baseline,
        ];
        foreach (var option in options)
            command.Options.Add(option);
        _host.AcceptOnlyFromAmong("github", "gitea", "gitlab", "azure");
        _only.AcceptOnlyFromAmong("comment", "check", "summary");
        _key.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string>() is { } key && !PublishFlags.IsKey(key))
                result.AddError($"--key: '{key}' is not a key: {PublishFlags.KeyForm}");
        });
    }

    /// <summary>Whether publishing is required.</summary>
    public bool IsRequired(ParseResult parsed) => parsed.GetValue(_require);

    /// <summary>The build that this process is part of, for the record of a run; null where nothing is known of one.</summary>
    /// <remarks>Options override the host, as they do for publishing. No repository on the disk is asked.</remarks>
    /// <param name="parsed">The options' values.</param>
    public BuildOrigin? FindOrigin(ParseResult parsed)
    {
        var host = DescribeHost(EnvironmentSnapshot.Capture(), parsed);
        return new BuildOrigin
        {
            Host = host.Host,
            Repository = parsed.GetValue(_repository) ?? host.Repository,
            Commit = parsed.GetValue(_sha) ?? host.HeadSha,
            Ref = host.Ref,
            PullRequest = parsed.GetValue(_pullRequest) ?? host.PullRequest,
            BuildUrl = parsed.GetValue(_runUrl) ?? host.RunUrl,
            Actor = host.Actor,
        }.Clean();
    }

    /// <summary>Judges records again and publishes them.</summary>
    /// <remarks>
    /// Each record that cannot be published has a diagnostic, and one more diagnostic lists what was not published.
    /// </remarks>
    /// <param name="records">Paths of <c>run.json</c>.</param>
    /// <param name="parsed">The options' values.</param>
    /// <param name="advisory">Whether a failed gate stops nothing.</param>
    /// <param name="untrusted">Whether the records come from a build that anyone may have changed.</param>
    /// <param name="policies">
    /// Policies that judge instead of the recorded ones; where there are none, the recorded ones judge.
    /// </param>
    /// <param name="cancel">Cancels publishing.</param>
    /// <param name="fresh">
    /// Whether this process has just written the records, so that one that cannot be read is not the caller's mistake.
    /// </param>
    /// <exception cref="RunRecordException">A fresh record cannot be read.</exception>
    /// <returns>
    /// The exit code: passed; not published; gate failed, where a record was refused; not finished, where one was not readable.
    /// </returns>
    public int Publish(
        IReadOnlyList<string> records, ParseResult parsed, bool advisory, bool untrusted, IReadOnlyList<TrustedPolicy> policies,
        CancellationToken cancel, bool fresh = false)
    {
        // Read the records and judge their readings again.
        var environment = EnvironmentSnapshot.Capture();
        var host = DescribeHost(environment, parsed);
        var today = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime);
        var reader = new PublishedRunReader(Vocabulary.Known, today, host.Workspace, policies, untrusted);
        var loaded = records.Select(record => ReadRecord(reader, record, fresh)).ToList();
        var runs = loaded.Select(each => each.Run).OfType<PublishedRun>().ToList();
        var exitCode = loaded.Max(each => each.ExitCode);
        if (runs.Count == 0)
            return exitCode;

        // Show the outcome of every run that did not simply pass.
        foreach (var run in runs.Where(run => run.Outcome is not Outcome.Passed))
        {
            var outcome = OutcomeText.Describe(run.OutcomeWithAdvisory(advisory));
            terminal.WriteStatus(LogLine.Sanitize($"{run.Policy.Name}: {outcome}, judged again for publishing"));
        }

        // Find the earlier runs that are shown beside them.
        var earlier = ReadEarlier(parsed, host.BaseRef);
        runs = runs.ConvertAll(run => earlier.AddTo(run, note => terminal.WriteStatus(LogLine.Sanitize(note))));

        // Publish them, and report what was done and what was not.
        var publisher = new Publisher(
            host, PublishToken.Find(environment, host.CodeHost), Flags(parsed, advisory), Machine.ToolVersion["atu ".Length..],
            new RetryDelay(TimeProvider.System), terminal.WriteStatus);
        var result = publisher.PublishAsync(runs, cancel).GetAwaiter().GetResult();
        Result = new
        {
            runs = runs.Select(
                run => new { policy = run.Policy.Name, outcome = OutcomeText.Name(run.OutcomeWithAdvisory(advisory)) }),
            published = result.Done,
            problems = result.Problems.Select(problem => new { code = problem.Code, text = problem.Text }),
        };
        foreach (var done in result.Done)
            Terminal.WriteResultLine($"published {done}");
        if (result.Problems.Count > 0)
            terminal.WriteDiagnostic(Diagnostic(result.Problems, IsRequired(parsed)));

        return exitCode != ExitCodes.Passed ? exitCode
            : result.Problems.Count > 0 && IsRequired(parsed) ? ExitCodes.NotPublished
            : ExitCodes.Passed;
    }

    /// <summary>Publishes what was just governed. Whatever goes wrong here, the gate's exit code takes precedence.</summary>
    /// <param name="gate">The gate's exit code.</param>
    /// <param name="records">Paths of <c>run.json</c>.</param>
    /// <param name="parsed">The options' values.</param>
    /// <param name="advisory">Whether a failed gate stops nothing.</param>
    /// <param name="cancel">Cancels publishing.</param>
    /// <returns>The gate's exit code; not published, where the gate passed and publishing is required and failed.</returns>
    public int PublishAfterGate(
        int gate, IReadOnlyList<string> records, ParseResult parsed, bool advisory, CancellationToken cancel)
    {
        int published;
        try
        {
            published = Publish(records, parsed, advisory, untrusted: false, [], cancel, fresh: true);
        }
        catch (Exception failed) when (failed is not OperationCanceledException)
        {
            var required = IsRequired(parsed);
            terminal.WriteDiagnostic(new BuildMessage(
                required ? Severity.Error : Severity.Warning, PublishCodes.Unforeseen, $"not published: {failed.Message}"));
            published = required ? ExitCodes.NotPublished : ExitCodes.Passed;
        }

        return gate == ExitCodes.Passed && published != ExitCodes.Passed && IsRequired(parsed) ? ExitCodes.NotPublished : gate;
    }

    // What cannot be read is not shown; a verdict never depends on it.
    private EarlierRuns ReadEarlier(ParseResult parsed, string? baseBranch)
    {
        var history = parsed.GetValue(_history) is { } folder
            ? Try(() => RunHistory.ReadFolder(folder.FullName)) ?? RunHistory.Empty
            : RunHistory.Empty;
        foreach (var note in history.Notes)
            terminal.WriteStatus(LogLine.Sanitize(note));
        var baselines = (parsed.GetValue(_baseline) ?? [])
            .Select(file => Try(() => RunRecordFile.Read(file.FullName, PublishedRunReader.MaxBytes)));
        return new EarlierRuns(history, [.. baselines.OfType<RunRecord>()], baseBranch, Vocabulary.Known);

        T? Try<T>(Func<T> read) where T : class
        {
            try
            {
                return read();
            }
            catch (RunRecordException unreadable)
            {
                terminal.WriteDiagnostic(new BuildMessage(
                    Severity.Warning, CommandAction.CodeOf(unreadable), $"{unreadable.Message}; it is not shown"));
                return null;
            }
        }
    }

    private CiContext DescribeHost(EnvironmentSnapshot environment, ParseResult parsed) => CiHosts.Describe(
        environment, parsed.GetValue(_host) is { } name ? Enum.Parse<CodeHost>(name, ignoreCase: true) : null);

    private (PublishedRun? Run, int ExitCode) ReadRecord(PublishedRunReader reader, string record, bool fresh)
    {
        try
        {
            return (reader.Read(record), ExitCodes.Passed);
        }
        catch (RecordRefusedException refused)
        {
            terminal.WriteDiagnostic(
                new BuildMessage(Severity.Error, GateCodes.InvalidRecord, $"{refused.Message}; it was not published", record));
            return (null, ExitCodes.GateFailed);
        }
        catch (RunRecordException unreadable) when (!fresh)
        {
            terminal.WriteDiagnostic(new BuildMessage(
                Severity.Error, CommandAction.CodeOf(unreadable), $"{unreadable.Message}; it was not published"));
            return (null, ExitCodes.NotFinished);
        }
    }

    private PublishFlags Flags(ParseResult parsed, bool advisory) => new()
    {
        Repository = parsed.GetValue(_repository),
        PullRequest = parsed.GetValue(_pullRequest),
        FindPullRequest = parsed.GetValue(_findPullRequest),
        Sha = parsed.GetValue(_sha),
        ApiUrl = parsed.GetValue(_apiUrl),
        RunUrl = parsed.GetValue(_runUrl),
        ArtifactUrl = parsed.GetValue(_artifactUrl),
        JobSummary = parsed.GetValue(_jobSummary),
        Author = parsed.GetValue(_author),
        Key = parsed.GetValue(_key),
        Advisory = advisory,
        Parts = parsed.GetValue(_only) is { Length: > 0 } only
            ? only.Aggregate(PublishParts.None, (parts, name) => parts | Enum.Parse<PublishParts>(name, ignoreCase: true))
            : PublishParts.All,
    };

    private static BuildMessage Diagnostic(IReadOnlyList<PublishProblem> problems, bool required) => new(
        required ? Severity.Error : Severity.Warning,
        problems[0].Code,
        "not everything was published: " + string.Join("; ", problems.Select(problem => problem.Text).Distinct()));
}
