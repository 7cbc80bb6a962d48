using System.Net;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Publishing.Pages;
using AdaptThenUnlearn.Publishing.Targets;
using Octokit;

namespace AdaptThenUnlearn.Publishing.GitHub;

/// <summary>
/// The one comment of a policy and generator on a pull request. Marker and author identify it, and each run rewrites it.
/// </summary>
/// <param name="session">Session that publishes it.</param>
/// <param name="pullRequest">Number of the pull request.</param>
/// <param name="context">What is shown besides the run.</param>
public sealed class PullRequestComment(GitHubSession session, int pullRequest, PublishContext context)
{
    /// <summary>Finds the comment of an earlier run.</summary>
    /// <returns>Number and marker of the comment; null where there is none.</returns>
    public async Task<(long Id, ReportMarker Marker)?> FindAsync(PublishedRun run)
    {
        var author = await session.GetAuthorAsync().ConfigureAwait(false);
        var key = ReportMarker.KeyOf(run);
        foreach (var comment in await session.GetCommentsAsync(pullRequest).ConfigureAwait(false))
        {
            if (author.Equals(comment.User?.Login, StringComparison.OrdinalIgnoreCase)
                && ReportMarker.Find(comment.Body) is { } marker && marker.Key == key)
                return (comment.Id, marker);
        }

        return null;
    }

    /// <summary>Writes the comment, unless the pull request has a newer head, whose report must not be overwritten.</summary>
    /// <param name="run">The run to show.</param>
    /// <param name="found">Result of <see cref="FindAsync"/>.</param>
    /// <param name="cancel">Cancels waiting.</param>
    /// <returns>What was done, as a sentence.</returns>
    public async Task<string> PublishAsync(PublishedRun run, (long Id, ReportMarker Marker)? found, CancellationToken cancel)
    {
        // Compare heads after reading the comments, so that a newer report among them shows as a newer head.
        var head = await session.GetHeadAsync(pullRequest).ConfigureAwait(false);
        if (!head.Equals(context.HeadSha, StringComparison.OrdinalIgnoreCase))
            throw new PublishException(
                PublishCodes.HeadMoved,
                $"the comment: pull request #{pullRequest} is at {head} by now, and this run measured {context.HeadSha}; "
                + "the comment is left to the run of the newer commit");

        // Write it. Where GitHub may have added it without an answer, look for it before another attempt.
        for (var number = 1; ; number++)
        {
            try
            {
                return await WriteAsync(run, found).ConfigureAwait(false);
            }
            catch (Exception failed) when (found is null && IsUncertain(failed))
            {
                var attempt = new Attempt(null, new Dictionary<string, string>(), "", NeverSent: false);
                if (!await session.RetryDelay.TryWaitAsync(attempt, number, repeatable: true, cancel).ConfigureAwait(false))
                    throw;

                session.ClearCommentCache();
                found = await FindAsync(run).ConfigureAwait(false);
            }
        }
    }

    private async Task<string> WriteAsync(PublishedRun run, (long Id, ReportMarker Marker)? found)
    {
        try
        {
            return await WriteBodyAsync(RunPages.Comment(run, context, found?.Marker)).ConfigureAwait(false);
        }
        catch (ApiException tooLong) when (GitHubFailure.IsTooLong(tooLong))
        {
            var shorter = RunPages.Comment(run, context, found?.Marker, RunPages.CommentLimit / 2);
            return await WriteBodyAsync(shorter).ConfigureAwait(false) + ", shortened further because GitHub found it too long";
        }

        async Task<string> WriteBodyAsync(string body)
        {
            var written = found is { } old
                ? await session.UpdateCommentAsync(old.Id, body).ConfigureAwait(false)
                : await session.AddCommentAsync(pullRequest, body).ConfigureAwait(false);
            return $"comment {(found is null ? "added" : "updated")} on #{pullRequest}: {written.HtmlUrl}";
        }
    }

    // It was sent once and not answered. A request that certainly did nothing was already sent again.
    private static bool IsUncertain(Exception failed) =>
        failed is NoResponseException { Attempts: 1 } or ApiException { StatusCode: >= HttpStatusCode.InternalServerError };
}
