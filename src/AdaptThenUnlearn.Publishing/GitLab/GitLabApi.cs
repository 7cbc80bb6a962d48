using System.Globalization;
using System.Text.Json.Nodes;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Publishing.Http;
using AdaptThenUnlearn.Publishing.Pages;
using AdaptThenUnlearn.Publishing.PullRequests;
using AdaptThenUnlearn.Publishing.Targets;
using AdaptThenUnlearn.Reports;

namespace AdaptThenUnlearn.Publishing.GitLab;

/// <summary>The requests of one publish to GitLab: notes of a merge request, and commit statuses.</summary>
/// <remarks>
/// By https://docs.gitlab.com/api/: notes, merge_requests and commits. A job's own token (CI_JOB_TOKEN) may read notes and not
/// write them, so a project's, group's or person's access token is needed.
/// </remarks>
public sealed class GitLabApi : IPullRequestApi
{
    private const int PageSize = 100;
    private const int MaxDescriptionLength = 255;

    private readonly JsonApi _api;
    private readonly PublishTarget _target;
    private readonly PublishContext _context;
    private readonly string _project;
    private readonly Dictionary<int, string> _addresses = [];

    /// <summary>Makes the client and sends nothing yet.</summary>
    /// <param name="connection">Where to, and with what.</param>
    public GitLabApi(HostConnection connection)
    {
        (_target, _context) = (connection.Target, connection.Context);
        _project = $"projects/{Uri.EscapeDataString(_target.Repository)}";
        _api = new JsonApi(connection, new() { ["PRIVATE-TOKEN"] = connection.Token.Reveal() });
    }

    /// <inheritdoc/>
    /// <remarks>GitLab takes notes of 1,000,000 characters.</remarks>
    public int CommentLimit => 1_000_000;

    /// <inheritdoc/>
    public async Task<string> GetAuthorAsync() =>
        _target.Author ?? _api.RequireText((await _api.GetAsync("user").ConfigureAwait(false)).At("username"));

    /// <inheritdoc/>
    public async Task<IReadOnlyList<PostedComment>> GetCommentsAsync(int pullRequest)
    {
        var notes = await _api.GetAllAsync(
            page => Path($"{MergeRequest(pullRequest)}/notes?sort=asc&order_by=created_at&per_page={PageSize}&page={page}"),
            answer => answer as JsonArray, PageSize).ConfigureAwait(false);
        return [.. notes.Select(note => Posted(note, pullRequest))];
    }

    /// <inheritdoc/>
    public async Task<PostedComment> AddCommentAsync(int pullRequest, string body) => Posted(
        await _api.SendAsync(HttpMethod.Post, $"{MergeRequest(pullRequest)}/notes", Note(body), repeatable: false)
            .ConfigureAwait(false),
        pullRequest);

    /// <inheritdoc/>
    public async Task<PostedComment> UpdateCommentAsync(int pullRequest, PostedComment comment, string body) => Posted(
        await _api.SendAsync(HttpMethod.Put, Path($"{MergeRequest(pullRequest)}/notes/{comment.Id}"), Note(body))
            .ConfigureAwait(false),
        pullRequest);

    /// <inheritdoc/>
    public async Task<string> GetHeadAsync(int pullRequest)
    {
        var request = await _api.GetAsync(MergeRequest(pullRequest)).ConfigureAwait(false);
        if (request.At("web_url").AsText() is { } address)
            _addresses[pullRequest] = address;
        return _api.RequireText(request.At("sha"));
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<int>> FindPullRequestsAsync()
    {
        var found = await _api.GetAllAsync(
            page => Path(
                $"{_project}/repository/commits/{_target.HeadSha}/merge_requests?per_page={PageSize}&page={page}"),
            answer => answer as JsonArray, PageSize).ConfigureAwait(false);
        return
        [
            .. found.Where(request => request.At("state").AsText() == "opened"
                    && _target.HeadSha.Equals(request.At("sha").AsText(), StringComparison.OrdinalIgnoreCase))
                .Select(request => (int)_api.RequireNumber(request.At("iid"))),
        ];
    }

    /// <inheritdoc/>
    public async Task<string> PublishVerdictAsync(PublishedRun run, int? pullRequest)
    {
        var page = CheckPage.Create(run, _context);
        var state = page.StatusPasses ? "success" : "failed";
        var status = new JsonObject
        {
            ["state"] = state,
            ["name"] = page.Name,
            ["description"] = MarkdownText.Clip(page.Title, MaxDescriptionLength),
        };
        if (_context.RunUrl is { } address)
            status["target_url"] = address;
        await _api.SendAsync(HttpMethod.Post, $"{_project}/statuses/{_target.HeadSha}", status).ConfigureAwait(false);
        return $"commit status '{page.Name}': {state}";
    }

    /// <inheritdoc/>
    public string Remedy(PublishParts part) =>
        "it needs the scope api and the role Developer in the project; CI_JOB_TOKEN will not do, see docs/gitlab-ci.md";

    /// <inheritdoc/>
    public void Dispose() => _api.Dispose();

    private string MergeRequest(int number) => Path($"{_project}/merge_requests/{number}");

    private static JsonObject Note(string body) => new() { ["body"] = CommentDialect.ForGitLab(body) };

    private PostedComment Posted(JsonNode note, int pullRequest)
    {
        var id = _api.RequireNumber(note.At("id"));
        var url = _addresses.TryGetValue(pullRequest, out var address) ? Path($"{address}#note_{id}") : null;
        return new PostedComment(
            id, note.At("author", "username").AsText() is { } login ? [login] : [], note.At("body").AsText() ?? "", url);
    }

    private static string Path(FormattableString path) => path.ToString(CultureInfo.InvariantCulture);
}
