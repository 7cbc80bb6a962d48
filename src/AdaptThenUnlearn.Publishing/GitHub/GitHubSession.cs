using System.Globalization;
using System.Net;
using AdaptThenUnlearn.Publishing.Targets;
using Octokit;
using Octokit.Internal;

namespace AdaptThenUnlearn.Publishing.GitHub;

/// <summary>The requests of one publish to GitHub. It keeps answers that are needed again.</summary>
/// <remarks>
/// It makes the connection itself, because <see cref="GitHubClient"/> appends <c>/api/v3/</c> to every address but github.com's,
/// and GITHUB_API_URL is complete already.
/// </remarks>
public sealed class GitHubSession : IDisposable
{
    private const string ActionsBot = "github-actions[bot]";
    private const int PageSize = 100;
    private const int MaxPages = 100;
    private static readonly TimeSpan _requestTimeout = TimeSpan.FromSeconds(30);

    private readonly RetryingHttpClient _http;
    private readonly GitHubClient _client;
    private readonly PublishTarget _target;
    private readonly GitHubToken _token;
    private string? _author;
    private IReadOnlyList<IssueComment>? _comments;

    /// <summary>Makes the session and sends nothing yet.</summary>
    /// <param name="target">Where runs are published.</param>
    /// <param name="token">Token to publish with.</param>
    /// <param name="version">Version of this tool, for the user agent.</param>
    /// <param name="retryDelay">Clock and waiting between attempts.</param>
    /// <param name="cancel">Cancels requests and waiting.</param>
    public GitHubSession(PublishTarget target, GitHubToken token, string version, RetryDelay retryDelay, CancellationToken cancel)
    {
        (_target, _token, RetryDelay) = (target, token, retryDelay);
        _http = new RetryingHttpClient(new HttpClientAdapter(() => CreateHandler(target.Api)), retryDelay, cancel);
        var credentials = new InMemoryCredentialStore(new Credentials(token.Reveal(), AuthenticationType.Bearer));
        var connection = new Connection(
            new ProductHeaderValue("atu", version), target.Api, credentials, _http, new SimpleJsonSerializer());
        connection.SetRequestTimeout(_requestTimeout);
        _client = new GitHubClient(connection);
    }

    /// <summary>Clock and waiting between attempts.</summary>
    public RetryDelay RetryDelay { get; }

    /// <summary>Number of requests that were sent.</summary>
    public int Requests => _http.Sent;

    /// <summary>Finds the login that the token posts as.</summary>
    /// <remarks>
    /// An installation's token may not ask for it. On GitHub Actions it then counts as the workflow's own token.
    /// </remarks>
    /// <exception cref="PublishException">The login is unknown.</exception>
    public async Task<string> GetAuthorAsync()
    {
        if (_author is not null || _target.Author is not null)
            return _author ??= _target.Author!;
        if (!_token.IsInstallation)
        {
            try
            {
                var user = await SendAsync(_client.User.Current, user => !string.IsNullOrEmpty(user.Login)).ConfigureAwait(false);
                return _author = user.Login;
            }
            catch (Exception refused)
                when (refused is ForbiddenException or NotFoundException && !GitHubFailure.IsRateLimit(refused))
            {
            }
        }

        return _author = _target.IsGitHubActions ? ActionsBot : throw new PublishException(
            PublishCodes.UnknownAuthor,
            "it is unknown who posts with this token, so an earlier comment by it cannot be recognised; "
            + "name the login with --author, e.g. --author 'my-app[bot]'");
    }

    /// <summary>All comments on a pull request, oldest first; requested once and then kept.</summary>
    public async Task<IReadOnlyList<IssueComment>> GetCommentsAsync(int pullRequest) =>
        _comments ??= await GetAllPagesAsync<IssueComment>(
            ApiUrls.IssueComments(_target.Owner, _target.Repository, pullRequest), []).ConfigureAwait(false);

    /// <summary>Makes the next call request the comments again.</summary>
    public void ClearCommentCache() => _comments = null;

    /// <summary>Adds a comment.</summary>
    public async Task<IssueComment> AddCommentAsync(int pullRequest, string body)
    {
        var added = await SendAsync(() => _client.Issue.Comment.Create(_target.Owner, _target.Repository, pullRequest, body))
            .ConfigureAwait(false);
        if (_comments is not null)
            _comments = [.. _comments, added];
        return added;
    }

    /// <summary>Replaces the text of a comment.</summary>
    public Task<IssueComment> UpdateCommentAsync(long comment, string body) =>
        SendAsync(() => _client.Issue.Comment.Update(_target.Owner, _target.Repository, comment, body));

    /// <summary>The current head of the pull request.</summary>
    public async Task<string> GetHeadAsync(int pullRequest)
    {
        var pull = await SendAsync(
            () => _client.PullRequest.Get(_target.Owner, _target.Repository, pullRequest),
            pull => PublishTarget.IsSha(pull.Head?.Sha)).ConfigureAwait(false);
        return pull.Head.Sha;
    }

    /// <summary>Numbers of the open pull requests from a branch whose head is the given commit.</summary>
    /// <param name="label">Owner and branch, e.g. <c>octocat:feature</c>.</param>
    /// <param name="sha">The commit.</param>
    public async Task<IReadOnlyList<int>> FindPullRequestsAsync(string label, string sha)
    {
        var found = await GetAllPagesAsync<PullRequest>(
            ApiUrls.PullRequests(_target.Owner, _target.Repository),
            new Dictionary<string, string> { ["head"] = label, ["state"] = "open" }).ConfigureAwait(false);
        return
        [
            .. found.Where(pull => sha.Equals(pull.Head?.Sha, StringComparison.OrdinalIgnoreCase)).Select(pull => pull.Number)
        ];
    }

    /// <summary>Adds a check run.</summary>
    public Task<CheckRun> AddCheckRunAsync(NewCheckRun run) =>
        SendAsync(() => _client.Check.Run.Create(_target.Owner, _target.Repository, run));

    /// <summary>Adds annotations to a check run.</summary>
    public Task<CheckRun> UpdateCheckRunAsync(long run, CheckRunUpdate update) =>
        SendAsync(() => _client.Check.Run.Update(_target.Owner, _target.Repository, run, update));

    /// <summary>Sets a commit's status.</summary>
    public Task<CommitStatus> SetStatusAsync(string sha, NewCommitStatus status) =>
        SendAsync(() => _client.Repository.Status.Create(_target.Owner, _target.Repository, sha, status));

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    // An http address on this machine is requested without a proxy, which would get the token unencrypted.
    private static GitHubHeadersHandler CreateHandler(Uri api) =>
        new(new ResponseLimitHandler(api.Host, new SameOriginHandler(api, new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = api.Scheme == Uri.UriSchemeHttps,
            AutomaticDecompression = DecompressionMethods.All,
        })));

    // Pages are requested by number. The address that an answer gives for its next page may be on any host.
    private async Task<IReadOnlyList<T>> GetAllPagesAsync<T>(Uri list, Dictionary<string, string> parameters)
    {
        List<T> all = [];
        for (var page = 1; page <= MaxPages; page++)
        {
            var query = new Dictionary<string, string>(parameters)
            {
                ["per_page"] = PageSize.ToString(CultureInfo.InvariantCulture),
                ["page"] = page.ToString(CultureInfo.InvariantCulture),
            };
            var answer = await SendAsync(
                () => _client.Connection.Get<List<T>>(list, query),
                answer => answer.Body is { } items && items.TrueForAll(item => item is not null)).ConfigureAwait(false);
            all.AddRange(answer.Body);
            if (!answer.HttpResponse.ApiInfo.Links.ContainsKey("next"))
                return all;
        }

        throw new UnexpectedResponseException(string.Create(
            CultureInfo.InvariantCulture, $"{_target.Api.Host} lists without end: more than {MaxPages} pages are not read"));
    }

    // On JSON of another shape, Octokit's reader throws exceptions of many types or leaves nulls.
    private async Task<T> SendAsync<T>(Func<Task<T>> request, Func<T, bool>? isComplete = null)
    {
        try
        {
            if (await request().ConfigureAwait(false) is { } answer && isComplete?.Invoke(answer) != false)
                return answer;
        }
        catch (Exception unreadable) when (
            unreadable is not (ApiException or NoResponseException or UnexpectedResponseException or OperationCanceledException))
        {
            throw UnexpectedResponse(unreadable);
        }

        throw UnexpectedResponse(null);

        UnexpectedResponseException UnexpectedResponse(Exception? cause) =>
            new($"{_target.Api.Host} answered JSON that is not what the GitHub API answers to this request", cause);
    }
}
