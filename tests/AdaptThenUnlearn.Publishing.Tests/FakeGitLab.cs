using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace AdaptThenUnlearn.Publishing.Tests;

/// <summary>
/// A GitLab of our own, as https://docs.gitlab.com/api/ describes notes, merge requests and commit statuses. It runs quick
/// actions in notes, as GitLab does.
/// </summary>
internal sealed partial class FakeGitLab() : FakeCodeHost("/api/v4")
{
    private const string Project = "/projects/group%2Fsub.group%2Fdigits";

    public List<JsonNode> Statuses { get; } = [];

    /// <summary>Quick actions that notes held.</summary>
    public List<string> Commands { get; } = [];

    public override string Login { get; set; } = "project_1_bot_0123456789abcdef";

    public override string Accepted { get; set; } = "glpat-sEcReTsEcReTsEcReT12";

    public override string TokenVariable => "GITLAB_TOKEN";

    public override IReadOnlyList<string> Verdicts => [.. Statuses.Select(status => (string)status["state"]!)];

    public override Dictionary<string, string> Build(Func<string, string> fileAt) => new()
    {
        ["GITLAB_CI"] = "true",
        ["CI_PIPELINE_SOURCE"] = "merge_request_event",
        ["CI_PROJECT_PATH"] = "group/sub.group/digits",
        ["CI_MERGE_REQUEST_PROJECT_PATH"] = "group/sub.group/digits",
        ["CI_MERGE_REQUEST_SOURCE_PROJECT_PATH"] = "group/sub.group/digits",
        ["CI_MERGE_REQUEST_IID"] = "7",
        ["CI_COMMIT_SHA"] = Head,
        ["CI_API_V4_URL"] = Api,
        ["CI_SERVER_URL"] = Server,
        ["CI_JOB_URL"] = $"{Server}/group/sub.group/digits/-/jobs/4711",
        ["CI_JOB_TOKEN"] = "glcbt-64_notTheOneThatWritesNotes",
        ["CI_PROJECT_DIR"] = fileAt(""),
        ["GITLAB_TOKEN"] = Accepted,
    };

    public override bool ListsComments(Sent sent) =>
        sent.Method == "GET" && sent.Path.EndsWith("/notes", StringComparison.Ordinal);

    public override bool AddsComment(Sent sent) =>
        sent.Method == "POST" && sent.Path.EndsWith("/notes", StringComparison.Ordinal);

    public override string TextIn(Sent sent) => (string)JsonNode.Parse(sent.Body)!["body"]!;

    protected override Answer Handle(Sent sent)
    {
        if (sent.Headers.GetValueOrDefault("PRIVATE-TOKEN") != Accepted || sent.Headers.ContainsKey("Authorization"))
            return new(401, """{"message":"401 Unauthorized"}""");
        if (!sent.Path.StartsWith(Prefix, StringComparison.Ordinal) || (sent.Body.Length > 0 && !IsJson(sent)))
            return NotFound;

        var path = sent.Path[Prefix.Length..];
        return (sent.Method, path) switch
        {
            ("GET", "/user") => new(200, new JsonObject { ["id"] = 5, ["username"] = Login }.ToJsonString()),
            ("GET", $"{Project}/merge_requests/7") => new(200, MergeRequest(7, "opened", HeadNow).ToJsonString()),
            ("GET", $"{Project}/merge_requests/7/notes") => Page(sent, Comments.Select(Json)),
            ("POST", $"{Project}/merge_requests/7/notes") => TooLong(sent) ?? new(201, Json(Add(Login, Run(TextIn(sent))))),
            ("PUT", _) when NotePath().Match(path) is { Success: true } match => TooLong(sent)
                ?? (Replace(long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture), Run(TextIn(sent))) is { } note
                    ? new(200, Json(note))
                    : NotFound),
            ("GET", $"{Project}/repository/commits/{Head}/merge_requests") => Page(sent, new[]
            {
                MergeRequest(7, "opened", HeadNow),
                MergeRequest(6, "closed", Head),
                MergeRequest(8, "opened", new string('c', 40))
            }.Select(request => request.ToJsonString())),
            ("POST", $"{Project}/statuses/{Head}") => AddStatus(sent),
            _ => NotFound,
        };
    }

    private static Answer NotFound { get; } = new(404, """{"message":"404 Not Found"}""");

    private static bool IsJson(Sent sent) =>
        sent.Headers.GetValueOrDefault("Content-Type")?.StartsWith("application/json", StringComparison.Ordinal) == true;

    private JsonObject MergeRequest(int number, string state, string head) => new()
    {
        ["iid"] = number,
        ["state"] = state,
        ["sha"] = head,
        ["web_url"] = $"{Server}/group/sub.group/digits/-/merge_requests/{number}",
    };

    private static Answer Page(Sent sent, IEnumerable<string> items)
    {
        var size = Math.Min(100, Query(sent, "per_page", 20));
        return new(200, $"[{string.Join(',', items.Skip((Query(sent, "page", 1) - 1) * size).Take(size))}]");
    }

    private Answer? TooLong(Sent sent) => TextIn(sent).Length <= 1_000_000
        ? null
        : new(400, """{"message":{"note":["is too long (maximum is 1000000 characters)"]}}""");

    private string Run(string note)
    {
        Commands.AddRange(note.Split('\n').Where(line => line.StartsWith('/')));
        return note;
    }

    private Answer AddStatus(Sent sent)
    {
        var status = JsonNode.Parse(sent.Body)!;
        if ((string?)status["state"] is not ("pending" or "running" or "success" or "failed" or "canceled" or "skipped")
            || ((string)status["name"]!).Length > 255 || ((string)status["description"]!).Length > 255)
            return new(400, """{"error":"state does not have a valid value"}""");

        Statuses.Add(status);
        return new(201, new JsonObject { ["id"] = 1, ["status"] = (string)status["state"]! }.ToJsonString());
    }

    private static string Json(Comment note) => new JsonObject
    {
        ["id"] = note.Id,
        ["body"] = note.Body,
        ["system"] = false,
        ["author"] = new JsonObject { ["id"] = 5, ["username"] = note.Login, ["name"] = "A project's bot" },
    }.ToJsonString();

    [GeneratedRegex(@"^/projects/group%2Fsub\.group%2Fdigits/merge_requests/7/notes/(\d+)$")]
    private static partial Regex NotePath();
}
