using System.Globalization;
using System.Text.Json.Nodes;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Publishing.Http;
using AdaptThenUnlearn.Publishing.Pages;
using AdaptThenUnlearn.Publishing.PullRequests;
using AdaptThenUnlearn.Publishing.Targets;
using AdaptThenUnlearn.Reports;

namespace AdaptThenUnlearn.Publishing.AzureRepos;

/// <summary>
/// The requests of one publish to Azure Repos: a thread of a pull request with one comment, and the status of the pull request,
/// or of the commit where there is none.
/// </summary>
/// <remarks>
/// By https://learn.microsoft.com/rest/api/azure/devops/git/. A thread is closed from the start: a branch policy may ask for all
/// comments to be resolved, and the verdict has its status for that.
/// </remarks>
public sealed class AzureReposApi : IPullRequestApi
{
    private const int PageSize = 100;
    private const int MaxDescriptionLength = 140;
    private const int FirstComment = 1;
    private const int TextComment = 1;
    private const int ClosedThread = 4;
    private const string Version = "api-version=6.0";   // also in Azure DevOps Server 2020
    private const string PreviewVersion = "api-version=6.0-preview.1";
    private const string Genre = "atu";

    private readonly JsonApi _api;
    private readonly PublishTarget _target;
    private readonly PublishContext _context;
    private readonly string _repository;
    private readonly string _page;

    /// <summary>Makes the client and sends nothing yet.</summary>
    /// <param name="connection">Where to, and with what.</param>
    public AzureReposApi(HostConnection connection)
    {
        (_target, _context) = (connection.Target, connection.Context);
        var names = _target.Repository.Split('/');
        var (project, name) = (Uri.EscapeDataString(names[0]), Uri.EscapeDataString(names[1]));
        _repository = $"{project}/_apis/git/repositories/{name}";
        _page = $"{_target.Api}{project}/_git/{name}/pullrequest/";
        _api = new JsonApi(connection, new()
        {
            ["Authorization"] = $"Bearer {connection.Token.Reveal()}",
            ["X-TFS-FedAuthRedirect"] = "Suppress",   // an answer rather than a redirect to a page that signs people in
        });
    }

    /// <inheritdoc/>
    /// <remarks>Azure Repos takes comments of 150,000 characters.</remarks>
    public int CommentLimit => 150_000;

    /// <inheritdoc/>
    public async Task<string> GetAuthorAsync() => _target.Author ?? _api.RequireText(
        (await _api.GetAsync($"_apis/connectionData?{PreviewVersion}").ConfigureAwait(false)).At("authenticatedUser", "id"));

    /// <inheritdoc/>
    public async Task<IReadOnlyList<PostedComment>> GetCommentsAsync(int pullRequest)
    {
        var threads = (await _api.GetAsync(PullRequest(pullRequest, "/threads")).ConfigureAwait(false)).At("value") as JsonArray
            ?? throw _api.NotAsDocumented();
        return
        [
            .. from thread in threads
               where thread.At("isDeleted").AsBoolean() != true
               let first = thread.At("comments")?.FirstItem()
               where first is not null && first.At("isDeleted").AsBoolean() != true
               let posted = Posted(_api.RequireNumber(thread.At("id")), first, pullRequest)
               orderby posted.Id
               select posted,
        ];
    }

    /// <inheritdoc/>
    public async Task<PostedComment> AddCommentAsync(int pullRequest, string body)
    {
        var comment = Content(body);
        comment["parentCommentId"] = 0;
        comment["commentType"] = TextComment;
        var thread = await _api.SendAsync(
            HttpMethod.Post, PullRequest(pullRequest, "/threads"),
            new JsonObject { ["comments"] = new JsonArray(comment), ["status"] = ClosedThread }, repeatable: false)
            .ConfigureAwait(false);
        return Posted(
            _api.RequireNumber(thread.At("id")), thread.At("comments")?.FirstItem() ?? throw _api.NotAsDocumented(), pullRequest);
    }

    /// <inheritdoc/>
    public async Task<PostedComment> UpdateCommentAsync(int pullRequest, PostedComment comment, string body) => Posted(
        comment.Id,
        await _api.SendAsync(
            HttpMethod.Patch,
            PullRequest(pullRequest, Invariant($"/threads/{comment.Id}/comments/{FirstComment}")), Content(body))
            .ConfigureAwait(false),
        pullRequest);

    /// <inheritdoc/>
    public async Task<string> GetHeadAsync(int pullRequest) =>
        _api.RequireText(HeadOf(await _api.GetAsync(PullRequest(pullRequest)).ConfigureAwait(false)));

    /// <inheritdoc/>
    public async Task<IReadOnlyList<int>> FindPullRequestsAsync()
    {
        var found = await _api.GetAllAsync(
            page => Invariant($"{_repository}/pullrequests?searchCriteria.status=active")
                + Invariant($"&$top={PageSize}&$skip={(page - 1) * PageSize}&{Version}"),
            answer => answer.At("value") as JsonArray, PageSize).ConfigureAwait(false);
        return
        [
            .. found.Where(pull => _target.HeadSha.Equals(HeadOf(pull).AsText(), StringComparison.OrdinalIgnoreCase))
                .Select(pull => (int)_api.RequireNumber(pull.At("pullRequestId"))),
        ];
    }

    /// <inheritdoc/>
    public async Task<string> PublishVerdictAsync(PublishedRun run, int? pullRequest)
    {
        var page = CheckPage.Create(run, _context);
        var state = page.StatusPasses ? "succeeded" : "failed";
        var status = new JsonObject
        {
            ["state"] = state,
            ["description"] = MarkdownText.Clip(page.Title, MaxDescriptionLength),
            ["context"] = new JsonObject { ["genre"] = Genre, ["name"] = page.Name[(Genre.Length + " / ".Length)..] },
        };
        if (_context.RunUrl is { } address)
            status["targetUrl"] = address;
        var path = pullRequest is { } number
            ? PullRequest(number, "/statuses", PreviewVersion)
            : $"{_repository}/commits/{_target.HeadSha}/statuses?{Version}";
        await _api.SendAsync(HttpMethod.Post, path, status).ConfigureAwait(false);
        return $"{(pullRequest is null ? "commit" : "pull request")} status '{page.Name}': {state}";
    }

    /// <inheritdoc/>
    public string Remedy(PublishParts part) => part is PublishParts.Check && _target.PullRequest is null
        ? "its owner needs 'Contribute' on the repository, see docs/azure-pipelines.md"
        : "its owner, with SYSTEM_ACCESSTOKEN the project's build service, needs 'Contribute to pull requests' on the "
            + "repository, see docs/azure-pipelines.md";

    /// <inheritdoc/>
    public void Dispose() => _api.Dispose();

    private string PullRequest(int number, string below = "", string version = Version) =>
        Invariant($"{_repository}/pullRequests/{number}{below}?{version}");

    private static JsonObject Content(string body) => new() { ["content"] = CommentDialect.ForAzure(body) };

    private static JsonNode? HeadOf(JsonNode pull) => pull.At("lastMergeSourceCommit", "commitId");

    // Display names are left out: anyone can take one.
    private PostedComment Posted(long thread, JsonNode comment, int pullRequest) => new(
        thread,
        [.. new[] { comment.At("author", "id").AsText(), comment.At("author", "uniqueName").AsText() }.OfType<string>()],
        comment.At("content").AsText() ?? "",
        Invariant($"{_page}{pullRequest}?discussionId={thread}"));

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
