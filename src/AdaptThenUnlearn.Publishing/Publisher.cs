using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Publishing.Http;
using AdaptThenUnlearn.Publishing.PullRequests;
using AdaptThenUnlearn.Publishing.Targets;

namespace AdaptThenUnlearn.Publishing;

/// <summary>
/// Publishes runs: job summary, check run and comment. It reports what fails and throws only when it is cancelled.
/// </summary>
/// <param name="host">What the CI host says about the build.</param>
/// <param name="token">Token to publish with; null where there is none.</param>
/// <param name="flags">What the command line says; it overrides the host.</param>
/// <param name="version">Version of this tool.</param>
/// <param name="retryDelay">Clock and waiting between attempts.</param>
/// <param name="log">Receives a line before anything is sent to a host that was not given; null where no one reads it.</param>
public sealed class Publisher(
    CiContext host, PublishToken? token, PublishFlags flags, string version, RetryDelay retryDelay, Action<string>? log = null)
{
    private readonly PublishContext _context = PublishContext.Create(host, flags);
    private readonly List<string> _done = [];
    private readonly List<PublishProblem> _problems = [];

    /// <summary>
    /// Publishes every run, also after one that failed. It stops early only where the host does not answer or accept the token.
    /// </summary>
    /// <param name="runs">The runs.</param>
    /// <param name="cancel">Cancels publishing.</param>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public async Task<PublishResult> PublishAsync(IReadOnlyList<PublishedRun> runs, CancellationToken cancel)
    {
        try
        {
            if (flags.Parts.HasFlag(PublishParts.Summary))
                Summarise(flags.JobSummary ?? host.JobSummary, runs);
            if ((flags.Parts & (PublishParts.Comment | PublishParts.Check)) != PublishParts.None)
                await PublishToHostAsync(runs, cancel).ConfigureAwait(false);
        }
        catch (PublishException missing)
        {
            _problems.Add(missing.Problem);
        }

        return new PublishResult(_done, _problems);
    }

    private void Summarise(string? file, IReadOnlyList<PublishedRun> runs)
    {
        if (file is null && flags.Parts == PublishParts.Summary)
            _problems.Add(
                new PublishProblem(PublishCodes.JobSummary, "there is no job summary here; name a file with --job-summary"));
        if (file is null)
            return;   // the build has no page for it

        try
        {
            foreach (var run in runs)
                _done.Add($"{run.Policy.Name}: {new JobSummary(file).Append(run, _context)}");
        }
        catch (PublishException full)
        {
            _problems.Add(full.Problem);
        }
    }

    private async Task PublishToHostAsync(IReadOnlyList<PublishedRun> runs, CancellationToken cancel)
    {
        var target = PublishTarget.Create(host, flags);
        var given = token ?? throw new PublishException(
            PublishCodes.NoToken,
            $"there is no token: set one of {string.Join(", ", PublishToken.VariablesFor(target.Host))}");
        if (!given.IsValidHeaderValue)
            throw new PublishException(
                PublishCodes.NoToken,
                $"the token in {given.Variable} contains a line break or another character that no token has, and was not sent; "
                + "set the token alone");
        if (target.UsesDefaultApi)
            log?.Invoke(
                $"the token in {given.Variable} goes to {target.Api.Host}, because nothing names another host (--api-url"
                + (target.Host is CodeHost.GitHub ? ", GITHUB_API_URL, GITHUB_SERVER_URL)" : ")"));

        using var api = CodeHosts.Connect(new HostConnection(target, given, _context, version, retryDelay, cancel));
        target = target with { PullRequest = await FindPullRequestAsync(target, api, given, runs).ConfigureAwait(false) };
        if (target.PullRequest is null && flags.Parts.HasFlag(PublishParts.Comment) && !flags.Parts.HasFlag(PublishParts.Check))
            throw new PublishException(
                PublishCodes.NoTarget,
                "a comment was asked for, and no pull request is known to write it on: name one with --pull-request, "
                + "or publish the check too");

        var comments = flags.Parts.HasFlag(PublishParts.Comment) && target.PullRequest is { } number
            ? new CommentList(api, number)
            : null;
        foreach (var run in runs)
        {
            if (!await PublishRunAsync(run, target, api, comments, given, cancel).ConfigureAwait(false))
                return;
        }
    }

    // The number comes from the event, from a flag, or from the head that the event or a flag names; never from a record.
    private async Task<int?> FindPullRequestAsync(
        PublishTarget target, IPullRequestApi api, PublishToken given, IReadOnlyList<PublishedRun> runs)
    {
        try
        {
            // Look up the pull request of a head in a fork, which there must be, or of a commit, where there may be none.
            if (target is { PullRequest: null, HeadLabel: { } label })
            {
                var found = await api.FindPullRequestsAsync().ConfigureAwait(false);
                return found is [var only] ? only : throw new PublishException(
                    PublishCodes.NotOfTheHead,
                    $"{found.Count} open pull requests have {target.HeadSha} of {label} as their head, and one was expected; "
                    + "nothing was posted");
            }

            var number = target.PullRequest;
            if (number is null && flags.FindPullRequest)
            {
                var found = await api.FindPullRequestsAsync().ConfigureAwait(false);
                number = found.Count < 2 ? found.Cast<int?>().SingleOrDefault() : throw new PublishException(
                    PublishCodes.NoTarget,
                    $"{found.Count} open pull requests have {target.HeadSha} as their head: name one with --pull-request");
            }

            // Require that an untrusted run measured the pull request's head.
            if (!runs.Any(run => run.Untrusted))
                return number;
            if (number is not { } claimed)
                throw new PublishException(
                    PublishCodes.NoTarget,
                    "an untrusted run is posted on a pull request, and the event names none: "
                    + "run it on workflow_run, or give --pull-request and --sha");

            var head = await api.GetHeadAsync(claimed).ConfigureAwait(false);
            return head.Equals(target.HeadSha, StringComparison.OrdinalIgnoreCase) ? number : throw new PublishException(
                PublishCodes.NotOfTheHead,
                $"pull request #{number} is at {head}, and the untrusted run measured {target.HeadSha}; nothing was posted");
        }
        catch (Exception failed) when (failed is not OperationCanceledException)
        {
            throw new PublishException(
                RequestFailure.Explain(failed, "the pull request", api.Remedy(PublishParts.None), target, given));
        }
    }

    // Comments are read first and written last, so that others have little time to write in between.
    private async Task<bool> PublishRunAsync(
        PublishedRun run, PublishTarget target, IPullRequestApi api, CommentList? comments, PublishToken given,
        CancellationToken cancel)
    {
        var comment = comments is null ? null : new ReportComment(comments, _context, retryDelay);
        IReadOnlyList<PostedReport> found = [];
        var readable = comment is not null && await TryPublishAsync("the comment", PublishParts.Comment, async () =>
        {
            found = await comment.FindAsync(run).ConfigureAwait(false);
            return null;
        }).ConfigureAwait(false);

        if (flags.Parts.HasFlag(PublishParts.Check) && !ShouldStop())
            await TryPublishAsync("the check", PublishParts.Check, () => api.PublishVerdictAsync(run, target.PullRequest)!)
                .ConfigureAwait(false);
        if (readable && !ShouldStop())
            await TryPublishAsync("the comment", PublishParts.Comment, () => comment!.PublishAsync(run, found, cancel)!)
                .ConfigureAwait(false);
        return !ShouldStop();

        async Task<bool> TryPublishAsync(string what, PublishParts part, Func<Task<string?>> publish)
        {
            try
            {
                if (await publish().ConfigureAwait(false) is { } done)
                    _done.Add($"{run.Policy.Name}: {given.Redact(done)}");
                return true;
            }
            catch (Exception failed) when (failed is not OperationCanceledException)
            {
                _problems.Add(RequestFailure.Explain(failed, what, api.Remedy(part), target, given));
                return false;
            }
        }
    }

    private bool ShouldStop() => _problems.Exists(problem => problem.Code is PublishCodes.Unreachable or PublishCodes.NoToken);
}
