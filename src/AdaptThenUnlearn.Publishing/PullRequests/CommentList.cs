using AdaptThenUnlearn.Publishing.Pages;

namespace AdaptThenUnlearn.Publishing.PullRequests;

/// <summary>
/// The comments of one pull request during one publish: requested once, and kept up to date by what is written.
/// </summary>
/// <param name="api">API of the host.</param>
/// <param name="pullRequest">Number of the pull request.</param>
public sealed class CommentList(IPullRequestApi api, int pullRequest)
{
    private string? _author;
    private List<PostedComment>? _comments;

    /// <summary>Number of the pull request.</summary>
    public int PullRequest => pullRequest;

    /// <summary>API of the host.</summary>
    public IPullRequestApi Api => api;

    /// <summary>Reports of a key that this token's owner posted, oldest first.</summary>
    /// <param name="key">Key of the marker.</param>
    /// <param name="again">Whether the comments are requested again.</param>
    public async Task<IReadOnlyList<PostedReport>> FindReportsAsync(string key, bool again = false)
    {
        _author ??= await api.GetAuthorAsync().ConfigureAwait(false);
        if (_comments is null || again)
            _comments = [.. await api.GetCommentsAsync(pullRequest).ConfigureAwait(false)];
        return
        [
            .. from comment in _comments
               where comment.Authors.Contains(_author, StringComparer.OrdinalIgnoreCase)
               let marker = ReportMarker.Find(comment.Body)
               where marker?.Key == key
               orderby comment.Id
               select new PostedReport(comment, marker),
        ];
    }

    /// <summary>Adds a comment.</summary>
    public async Task<PostedComment> AddAsync(string body)
    {
        var added = await api.AddCommentAsync(pullRequest, body).ConfigureAwait(false);
        _comments?.Add(added);
        return added;
    }

    /// <summary>Replaces the text of a comment.</summary>
    public async Task<PostedComment> UpdateAsync(PostedComment comment, string body)
    {
        var updated = await api.UpdateCommentAsync(pullRequest, comment, body).ConfigureAwait(false);
        if (_comments?.FindIndex(each => each.Id == comment.Id) is >= 0 and { } at)
            _comments[at] = updated;
        return updated;
    }
}

/// <summary>A comment that shows a run, and its marker.</summary>
/// <param name="Comment">The comment.</param>
/// <param name="Marker">Marker in its first line.</param>
public sealed record PostedReport(PostedComment Comment, ReportMarker Marker);
