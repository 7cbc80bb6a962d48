using System.Globalization;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Publishing.Http;
using AdaptThenUnlearn.Publishing.PullRequests;
using AdaptThenUnlearn.Publishing.Targets;
using Octokit;
using Octokit.Internal;

namespace AdaptThenUnlearn.Publishing.GitHub;

/// <summary>The requests of one publish to GitHub, or to Gitea and Forgejo, whose API is alike as far as they have it.</summary>
/// <remarks>
/// It makes the connection itself, because <see cref="GitHubClient"/> appends <c>/api/v3/</c> to every address but github.com's,
/// and GITHUB_API_URL is complete already.
/// </remarks>
public sealed class GitHubApi : IPullRequestApi
{
    private const int PageSize = 100;
    private const int MaxPages = 100;

    private readonly RetryingHttpClient _http;
    private readonly GitHubClient _client;
    private readonly PublishTarget _target;
    private readonly PublishToken _token;
    private readonly PublishContext _context;

    /// <summary>Makes the client and sends nothing yet.</summary>
    /// <param name="connection">Where to, and with what.</param>
    public GitHubApi(HostConnection connection)
    {
        (_target, _token, _context) = (connection.Target, connection.Token, connection.Context);
        _http = new RetryingHttpClient(
            new HttpClientAdapter(() => new GitHubHeadersHandler(ApiHandlers.Create(_target.Api))), connection.RetryDelay,
            connection.Cancel);
        var credentials = new InMemoryCredentialStore(new Credentials(_token.Reveal(), AuthenticationType.Bearer));
        var product = new ProductHeaderValue("atu", connection.Version);
        var octokit = new Connection(product, _target.Api, credentials, _http, new SimpleJsonSerializer());
        octokit.SetRequestTimeout(ApiHandlers.RequestTimeout);
        _client = new GitHubClient(octokit);
    }

    /// <inheritdoc/>
    public int CommentLimit => Pages.RunPages.CommentLimit;

    /// <summary>Whether there are check runs; Gitea and Forgejo have only commit statuses.</summary>
    internal bool HasCheckRuns => _target.Host is CodeHost.GitHub;

    private string Owner => _target.Repository.Split('/')[0];

    private string Repository => _target.Repository.Split('/')[1];

    /// <inheritdoc/>
    /// <remarks>
    /// An installation's token may not ask for it. On GitHub Actions it then counts as the workflow's own token.
    /// </remarks>
    public async Task<string> GetAuthorAsync()
    {
        if (_target.Author is { } given)
            return given;
        if (!_token.IsInstallation)
        {
            try
            {
                var user = await SendAsync(_client.User.Current, user => !string.IsNullOrEmpty(user.Login)).ConfigureAwait(false);
                return user.Login;
            }
            catch (RequestRefusedException refused) when (refused.IsNotPermitted)
            {
            }
        }

        return _target.BotLogin ?? throw new PublishException(
            PublishCodes.UnknownAuthor,
            "it is unknown who posts with this token, so an earlier comment by it cannot be recognised; "
            + "name the login with --author, e.g. --author 'my-app[bot]'");
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<PostedComment>> GetCommentsAsync(int pullRequest)
    {
        var comments = await GetAllPagesAsync<IssueComment>(ApiUrls.IssueComments(Owner, Repository, pullRequest), [])
            .ConfigureAwait(false);
        return [.. comments.Select(Posted)];
    }

    /// <inheritdoc/>
    public async Task<PostedComment> AddCommentAsync(int pullRequest, string body) =>
        Posted(await SendAsync(() => _client.Issue.Comment.Create(Owner, Repository, pullRequest, body)).ConfigureAwait(false));

    /// <inheritdoc/>
    public async Task<PostedComment> UpdateCommentAsync(int pullRequest, PostedComment comment, string body) =>
        Posted(
            await SendAsync(() => _client.Issue.Comment.Update(Owner, Repository, comment.Id, body)).ConfigureAwait(false));

    /// <inheritdoc/>
    public async Task<string> GetHeadAsync(int pullRequest)
    {
        var pull = await SendAsync(
            () => _client.PullRequest.Get(Owner, Repository, pullRequest),
            pull => PublishTarget.IsSha(pull.Head?.Sha)).ConfigureAwait(false);
        return pull.Head.Sha;
    }

    /// <inheritdoc/>
    /// <remarks>
    /// By owner and branch where they are known, because GitHub lists a fork's commits only so; by the commit on GitHub; else
    /// among the open ones.
    /// </remarks>
    public async Task<IReadOnlyList<int>> FindPullRequestsAsync()
    {
        var (list, parameters) = _target.HeadLabel is { } label
            ? (ApiUrls.PullRequests(Owner, Repository), new Dictionary<string, string> { ["head"] = label, ["state"] = "open" })
            : _target.Host is CodeHost.GitHub
                ? (new Uri($"repos/{Owner}/{Repository}/commits/{_target.HeadSha}/pulls", UriKind.Relative), [])
                : (ApiUrls.PullRequests(Owner, Repository), new Dictionary<string, string> { ["state"] = "open" });
        var found = await GetAllPagesAsync<PullRequest>(list, parameters).ConfigureAwait(false);
        return
        [
            .. found.Where(pull => _target.HeadSha.Equals(pull.Head?.Sha, StringComparison.OrdinalIgnoreCase)
                    && pull.State.StringValue == "open")
                .Select(pull => pull.Number),
        ];
    }

    /// <inheritdoc/>
    public Task<string> PublishVerdictAsync(PublishedRun run, int? pullRequest) =>
        new HeadCheck(this, _context).PublishAsync(run);

    /// <inheritdoc/>
    public string Remedy(PublishParts part)
    {
        if (_target.IsFork)
            return "builds of a pull request from a fork get a token that only reads: post from a second workflow, see "
                + "docs/github-forks.md";
        if (_target.Host is CodeHost.Gitea)
            return "the token needs to write the repository and its pull requests, see docs/publishing.md";

        var permission = part switch
        {
            PublishParts.Comment => "pull-requests: write",
            PublishParts.Check => "checks: write (or statuses: write)",
            _ => "pull-requests: read",
        };
        return $"the job needs 'permissions: {permission}', see docs/publishing.md";
    }

    /// <summary>Adds a check run.</summary>
    public Task<CheckRun> AddCheckRunAsync(NewCheckRun run) =>
        SendAsync(() => _client.Check.Run.Create(Owner, Repository, run));

    /// <summary>Adds annotations to a check run.</summary>
    public Task<CheckRun> UpdateCheckRunAsync(long run, CheckRunUpdate update) =>
        SendAsync(() => _client.Check.Run.Update(Owner, Repository, run, update));

    /// <summary>Sets a commit's status.</summary>
    public Task<CommitStatus> SetStatusAsync(string sha, NewCommitStatus status) =>
        SendAsync(() => _client.Repository.Status.Create(Owner, Repository, sha, status));

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private static PostedComment Posted(IssueComment comment) => new(
        comment.Id, comment.User?.Login is { Length: > 0 } login ? [login] : [], comment.Body ?? "", comment.HtmlUrl);

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
        catch (ApiException refused)
        {
            throw GitHubRefusal.Convert(refused);
        }
        catch (Exception unreadable) when (
            unreadable is not (NoResponseException or UnexpectedResponseException or OperationCanceledException))
        {
            throw UnexpectedResponse(unreadable);
        }

        throw UnexpectedResponse(null);

        UnexpectedResponseException UnexpectedResponse(Exception? cause) =>
            new($"{_target.Api.Host} answered JSON that is not what its API answers to this request", cause);
    }
}
