using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Publishing.Http;
using AdaptThenUnlearn.Publishing.Targets;

namespace AdaptThenUnlearn.Publishing.PullRequests;

/// <summary>
/// What publishing asks of the host that keeps a repository: comments of a pull request, and verdicts on commits.
/// </summary>
/// <remarks>
/// Each kind of host has one implementation. What all of them must do is written as a test (<c>PullRequestApiContract</c>).
/// Requests that fail throw what <see cref="RequestFailure"/> explains.
/// </remarks>
public interface IPullRequestApi : IDisposable
{
    /// <summary>Largest number of characters in a comment, in UTF-16 units.</summary>
    int CommentLimit { get; }

    /// <summary>Finds the login that the token posts as.</summary>
    /// <exception cref="PublishException">The login is unknown.</exception>
    Task<string> GetAuthorAsync();

    /// <summary>All comments on a pull request, oldest first.</summary>
    /// <param name="pullRequest">Number of the pull request.</param>
    Task<IReadOnlyList<PostedComment>> GetCommentsAsync(int pullRequest);

    /// <summary>Adds a comment. The request is sent once, because a second comment would remain.</summary>
    /// <param name="pullRequest">Number of the pull request.</param>
    /// <param name="body">Markdown in GitHub's dialect.</param>
    Task<PostedComment> AddCommentAsync(int pullRequest, string body);

    /// <summary>Replaces the text of a comment.</summary>
    /// <param name="pullRequest">Number of the pull request.</param>
    /// <param name="comment">The comment.</param>
    /// <param name="body">Markdown in GitHub's dialect.</param>
    Task<PostedComment> UpdateCommentAsync(int pullRequest, PostedComment comment, string body);

    /// <summary>The current head of a pull request.</summary>
    /// <param name="pullRequest">Number of the pull request.</param>
    Task<string> GetHeadAsync(int pullRequest);

    /// <summary>Numbers of the open pull requests whose head is the target's commit.</summary>
    Task<IReadOnlyList<int>> FindPullRequestsAsync();

    /// <summary>Publishes a run's verdict on its commit: as a check run, or as the commit status that the host has.</summary>
    /// <param name="run">The run.</param>
    /// <param name="pullRequest">Number of the pull request; null where there is none.</param>
    /// <returns>What was done, as a sentence.</returns>
    Task<string> PublishVerdictAsync(PublishedRun run, int? pullRequest);

    /// <summary>What to do where the token has no permission for a part, as the end of a sentence.</summary>
    /// <param name="part">Comment or check; none where the pull request is only read.</param>
    string Remedy(PublishParts part);
}

/// <summary>A comment on a pull request.</summary>
/// <param name="Id">Number of the comment; later comments have greater ones.</param>
/// <param name="Authors">
/// Names that identify who posted it: those that nobody else can take. Empty where the host does not say.
/// </param>
/// <param name="Body">Its text.</param>
/// <param name="Url">Address of the comment; null where it is unknown.</param>
public sealed record PostedComment(long Id, IReadOnlyList<string> Authors, string Body, string? Url);
