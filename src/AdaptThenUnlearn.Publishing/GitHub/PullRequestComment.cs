using System.Net;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Publishing.Pages;
using AdaptThenUnlearn.Publishing.Targets;
using Octokit;

namespace AdaptThenUnlearn.Publishing.GitHub;

/// <summary>The one comment of a policy and generator on a pull request: found by marker and author, written anew each time.</summary>
public sealed class PullRequestComment(GitHubSession session, int pullRequest)
{
    /// <summary>Ours from last time, and what it said.</summary>
    /// <returns>Null when there is none.</returns>
    public async Task<(long Id, ReportMarker Said)?> FindAsync(PublishedRun run)
    {
        var author = await session.GetAuthorAsync().ConfigureAwait(false);
        var key = ReportMarker.KeyOf(run);
        foreach (var comment in await session.GetCommentsAsync(pullRequest).ConfigureAwait(false))
        {
            if (author.Equals(comment.User?.Login, StringComparison.OrdinalIgnoreCase) && ReportMarker.Find(comment.Body) is { } marker && marker.Key == key)
                return (comment.Id, marker);
        }

        return null;
    }

    /// <summary>Writes it, unless the pull request has a newer head, whose report must not be overwritten.</summary>
    /// <param name="run">What to tell.</param>
    /// <param name="found">What <see cref="FindAsync"/> found.</param>
    /// <param name="cancel">Ends waiting.</param>
    /// <returns>What was done.</returns>
    public async Task<string> PublishAsync(PublishedRun run, (long Id, ReportMarker Said)? found, CancellationToken cancel)
    {
        // The comments were read before this: a newer report among them would show as a newer head here.
        var head = await session.GetHeadAsync(pullRequest).ConfigureAwait(false);
        if (!head.Equals(run.HeadSha, StringComparison.OrdinalIgnoreCase))
            throw new PublishException(PublishCodes.HeadMoved, $"the comment: pull request #{pullRequest} is at {head} by now, and this run measured {run.HeadSha}; the comment is left to the run of the newer commit");

        for (var number = 1; ; number++)
        {
            try
            {
                return await WriteAsync(run, found).ConfigureAwait(false);
            }
            catch (Exception failed) when (found is null && IsUncertain(failed))
            {
                // Whether it was added nobody knows: look again before adding another.
                if (!await session.RetryDelay.TryWaitAsync(new Attempt(null, new Dictionary<string, string>(), "", NeverSent: false), number, repeatable: true, cancel).ConfigureAwait(false))
                    throw;

                session.ClearCommentCache();
                found = await FindAsync(run).ConfigureAwait(false);
            }
        }
    }

    private async Task<string> WriteAsync(PublishedRun run, (long Id, ReportMarker Said)? found)
    {
        try
        {
            return await WriteBodyAsync(RunPages.Comment(run, found?.Said)).ConfigureAwait(false);
        }
        catch (ApiException tooLong) when (GitHubFailure.IsTooLong(tooLong))
        {
            return await WriteBodyAsync(RunPages.Comment(run, found?.Said, RunPages.CommentLimit / 2)).ConfigureAwait(false) + ", shortened further because GitHub found it too long";
        }

        async Task<string> WriteBodyAsync(string body)
        {
            var written = found is { } old
                ? await session.UpdateCommentAsync(old.Id, body).ConfigureAwait(false)
                : await session.AddCommentAsync(pullRequest, body).ConfigureAwait(false);
            return $"comment {(found is null ? "added" : "updated")} on #{pullRequest}: {written.HtmlUrl}";
        }
    }

    // Sent once, and not answered; what certainly did nothing was sent again already.
    private static bool IsUncertain(Exception failed) => failed is NoResponseException { Attempts: 1 } or ApiException { StatusCode: >= HttpStatusCode.InternalServerError };
}
