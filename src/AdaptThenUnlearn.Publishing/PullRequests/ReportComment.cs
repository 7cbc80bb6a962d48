using System.Net;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Publishing.Http;
using AdaptThenUnlearn.Publishing.Pages;
using AdaptThenUnlearn.Publishing.Targets;

namespace AdaptThenUnlearn.Publishing.PullRequests;

/// <summary>
/// The one comment of a policy, generator and key on a pull request. Marker and author identify it, and each run rewrites it.
/// </summary>
/// <remarks>
/// Hosts have no way to add a comment only where there is none. So two builds that publish first at the same time may both add
/// one. Each therefore reads the comments again after it has added one. The oldest stays. Whoever added a later one writes its
/// report there and leaves a link behind.
/// </remarks>
/// <param name="comments">Comments of the pull request.</param>
/// <param name="context">What is shown besides the run.</param>
/// <param name="retryDelay">Clock and waiting between attempts.</param>
public sealed class ReportComment(CommentList comments, PublishContext context, RetryDelay retryDelay)
{
    /// <summary>Finds the reports of earlier runs, oldest first; more than one where builds published at the same time.</summary>
    public Task<IReadOnlyList<PostedReport>> FindAsync(PublishedRun run) => FindAsync(run, again: false);

    /// <summary>Writes the comment, unless the pull request has a newer head, whose report must not be overwritten.</summary>
    /// <param name="run">The run to show.</param>
    /// <param name="found">Result of <see cref="FindAsync(PublishedRun)"/>.</param>
    /// <param name="cancel">Cancels waiting.</param>
    /// <returns>What was done, as a sentence.</returns>
    public async Task<string> PublishAsync(PublishedRun run, IReadOnlyList<PostedReport> found, CancellationToken cancel)
    {
        // Compare heads after reading the comments, so that a newer report among them shows as a newer head.
        var head = await comments.Api.GetHeadAsync(comments.PullRequest).ConfigureAwait(false);
        if (!head.Equals(context.HeadSha, StringComparison.OrdinalIgnoreCase))
            throw new PublishException(
                PublishCodes.HeadMoved,
                $"the comment: pull request #{comments.PullRequest} is at {head} by now, "
                + $"and this run measured {context.HeadSha}; the comment is left to the run of the newer commit");

        // Write it. Where the host may have added it without an answer, look for it before another attempt.
        for (var number = 1; ; number++)
        {
            try
            {
                return found.Count > 0
                    ? await UpdateAsync(run, found).ConfigureAwait(false)
                    : await AddAsync(run).ConfigureAwait(false);
            }
            catch (Exception failed) when (found.Count == 0 && IsUncertain(failed))
            {
                var attempt = new Attempt(null, new Dictionary<string, string>(), "", NeverSent: false);
                if (!await retryDelay.TryWaitAsync(attempt, number, repeatable: true, cancel).ConfigureAwait(false))
                    throw;

                found = await FindAsync(run, again: true).ConfigureAwait(false);
            }
        }
    }

    private Task<IReadOnlyList<PostedReport>> FindAsync(PublishedRun run, bool again) =>
        comments.FindReportsAsync(ReportMarker.KeyOf(run, context.Key), again);

    private async Task<string> AddAsync(PublishedRun run)
    {
        var (added, note) = await WriteAsync(run, previous: null, comments.AddAsync).ConfigureAwait(false);
        var reports = await FindAsync(run, again: true).ConfigureAwait(false);
        return reports.Count < 2 || reports[0].Comment.Id >= added.Id
            ? Done("added", added, note)
            : await UpdateAsync(run, [reports[0], .. reports.Where(report => report.Comment.Id == added.Id)])
                .ConfigureAwait(false);
    }

    private async Task<string> UpdateAsync(PublishedRun run, IReadOnlyList<PostedReport> found)
    {
        var (oldest, later) = (found[0], found.Skip(1));
        var (updated, note) = await WriteAsync(run, oldest.Marker, body => comments.UpdateAsync(oldest.Comment, body))
            .ConfigureAwait(false);
        foreach (var report in later)
            await comments.UpdateAsync(report.Comment, RunPages.ElsewhereComment(updated.Url)).ConfigureAwait(false);
        return Done("updated", updated, note);
    }

    private async Task<(PostedComment Written, string Note)> WriteAsync(
        PublishedRun run, ReportMarker? previous, Func<string, Task<PostedComment>> write)
    {
        var limit = comments.Api.CommentLimit;
        try
        {
            return (await write(RunPages.Comment(run, context, previous, limit)).ConfigureAwait(false), "");
        }
        catch (RequestRefusedException tooLong) when (tooLong.IsTooLong)
        {
            var shorter = RunPages.Comment(run, context, previous, limit / 2);
            return (await write(shorter).ConfigureAwait(false), ", shortened further because the host found it too long");
        }
    }

    private string Done(string what, PostedComment comment, string note) =>
        $"comment {what} on #{comments.PullRequest}: {comment.Url}{note}";

    // It was sent once and not answered. A request that certainly did nothing was already sent again.
    private static bool IsUncertain(Exception failed) => failed is NoResponseException { Attempts: 1 }
        or RequestRefusedException { Status: >= HttpStatusCode.InternalServerError };
}
