using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace AdaptThenUnlearn.Publishing.Tests;

/// <summary>A GitHub of our own; also a Gitea, which has the same comments and statuses, and no check runs.</summary>
/// <param name="prefix">Path before every endpoint, as on GitHub Enterprise Server: <c>/api/v3</c>.</param>
internal sealed partial class FakeGitHub(string prefix = "") : FakeCodeHost(prefix)
{
    public const string Repository = "octo/digits";
    public const string Token = "ghs_sEcReTsEcReTsEcReTsEcReTsEcReT123456";
    public const string Bot = "github-actions[bot]";

    /// <summary>A Gitea of our own.</summary>
    public static FakeGitHub Gitea() => new("/api/v1")
    {
        IsGitea = true,
        Login = "gitea-actions",
        Accepted = "0123456789abcdef0123456789abcdef01234567",
    };

    public List<JsonNode> CheckRuns { get; } = [];

    public List<JsonNode> Statuses { get; } = [];

    public override string Login { get; set; } = Bot;

    public override string Accepted { get; set; } = Token;

    public override string TokenVariable => "GITHUB_TOKEN";

    public override IReadOnlyList<string> Verdicts =>
        [.. CheckRuns.Select(check => (string)check["conclusion"]!), .. Statuses.Select(status => (string)status["state"]!)];

    private bool IsGitea { get; init; }

    public override Dictionary<string, string> Build(Func<string, string> fileAt)
    {
        var variables = new Dictionary<string, string>
        {
            ["GITHUB_ACTIONS"] = "true",
            ["GITHUB_REPOSITORY"] = Repository,
            ["GITHUB_EVENT_NAME"] = "pull_request",
            ["GITHUB_EVENT_PATH"] = fileAt("event.json"),
            ["GITHUB_SHA"] = new string('e', 40),   // the trial merge, which is never meant
            ["GITHUB_API_URL"] = Api,
            ["GITHUB_SERVER_URL"] = Server,
            ["GITHUB_RUN_ID"] = "4711",
            ["GITHUB_WORKSPACE"] = fileAt(""),
            ["GITHUB_STEP_SUMMARY"] = fileAt("summary.md"),
            ["GITHUB_TOKEN"] = Accepted,
        };
        if (IsGitea)
            variables["GITEA_ACTIONS"] = "true";
        return variables;
    }

    public override void LeavePullRequestOut(Dictionary<string, string> variables)
    {
        variables.Remove("GITHUB_EVENT_PATH");
        variables["GITHUB_SHA"] = Head;
    }

    public override bool ListsComments(Sent sent) =>
        sent.Method == "GET" && sent.Path.EndsWith("/comments", StringComparison.Ordinal);

    public override bool AddsComment(Sent sent) =>
        sent.Method == "POST" && sent.Path.EndsWith("/comments", StringComparison.Ordinal);

    public override string TextIn(Sent sent) => Body(sent);

    protected override Answer Handle(Sent sent)
    {
        if (sent.Headers.GetValueOrDefault("Authorization") != $"Bearer {Accepted}")
            return new(401, """{"message":"Bad credentials"}""");
        if (!sent.Path.StartsWith(Prefix, StringComparison.Ordinal))
            return NotFound;

        var path = sent.Path[Prefix.Length..];
        var root = $"/repos/{Repository}";
        return (sent.Method, path) switch
        {
            ("GET", "/user") => !IsGitea && Login.EndsWith("[bot]", StringComparison.Ordinal)
                ? Forbidden
                : new(200, new JsonObject { ["login"] = Login }.ToJsonString()),
            ("GET", _) when path == $"{root}/issues/7/comments" => Page(sent),
            ("POST", _) when path == $"{root}/issues/7/comments" => TooLong(sent) ?? new(201, Json(Add(Login, Body(sent)))),
            ("PATCH", _) when CommentPath().Match(path) is { Success: true } match =>
                TooLong(sent) ?? Replaced(long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture), Body(sent)),
            ("GET", _) when path == $"{root}/pulls/7" => new(200, Pull.ToJsonString()),
            ("GET", _) when path == $"{root}/pulls" => new(200, (IsGitea || sent.Query.Contains(
                "head=someone%3Afeature", StringComparison.Ordinal) ? new JsonArray(Pull) : []).ToJsonString()),
            ("GET", _) when path == $"{root}/commits/{Head}/pulls" && !IsGitea => new(200, new JsonArray(
                Pull, new JsonObject { ["number"] = 6, ["state"] = "closed", ["head"] = new JsonObject { ["sha"] = Head } },
                new JsonObject
                {
                    ["number"] = 8,
                    ["state"] = "open",
                    ["head"] = new JsonObject { ["sha"] = new string('c', 40) }
                }).ToJsonString()),
            ("POST" or "PATCH", _) when path.StartsWith($"{root}/check-runs", StringComparison.Ordinal) && IsGitea => NotFound,
            ("POST", _) when path == $"{root}/check-runs" => AddCheckRun(sent),
            ("PATCH", _) when CheckPath().Match(path) is { Success: true } match =>
                ExtendCheckRun(int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture), sent),
            ("POST", _) when path.StartsWith($"{root}/statuses/", StringComparison.Ordinal) => AddStatus(sent, path),
            _ => NotFound,
        };
    }

    public static Answer Forbidden { get; } =
        new(403, """{"message":"Resource not accessible by integration","documentation_url":"https://docs.github.com/rest"}""");

    public static Answer NotFound { get; } = new(404, """{"message":"Not Found"}""");

    public static Answer SecondaryLimit { get; } =
        new(403, """{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}""");

    private JsonObject Pull =>
        new() { ["number"] = 7, ["state"] = "open", ["head"] = new JsonObject { ["sha"] = HeadNow, ["ref"] = "feature" } };

    private Answer Page(Sent sent)
    {
        var (size, number) = (Query(sent, "per_page", 30), Query(sent, "page", 1));
        size = IsGitea ? int.MaxValue : Math.Min(size, 100);   // Gitea lists all comments at once
        var link = (long)number * size < Comments.Count
            ? new Dictionary<string, string>
            {
                ["Link"] = $"<{Api}/repos/{Repository}/issues/7/comments?per_page={size}&page={number + 1}>; rel=\"next\""
            }
            : null;
        return new(200, $"[{string.Join(',', Comments.Skip((number - 1) * size).Take(size).Select(Json))}]", link);
    }

    private static Answer? TooLong(Sent sent) => Body(sent).Length <= 65536 ? null
        : new(
            422,
            """{"message":"Validation Failed","errors":["""
                + """{"resource":"IssueComment","code":"unprocessable","field":"data","message":"Body is too long """
                + """(maximum is 65536 characters)"}]}""");

    private Answer Replaced(long id, string body) => Replace(id, body) is { } comment ? new(200, Json(comment)) : NotFound;

    private Answer AddCheckRun(Sent sent)
    {
        var run = JsonNode.Parse(sent.Body)!;
        if (Invalid(run["output"]) is { } invalid)
            return invalid;

        run["id"] = 500 + CheckRuns.Count;
        run["taken"] = Math.Min(50, run["output"]?["annotations"]?.AsArray().Count ?? 0);   // more are dropped without a word
        CheckRuns.Add(run);
        return new(201, run.ToJsonString());
    }

    private Answer ExtendCheckRun(int id, Sent sent)
    {
        var update = JsonNode.Parse(sent.Body)!;
        if (CheckRuns.Find(run => (int)run["id"]! == id) is not { } run)
            return NotFound;
        if (Invalid(update["output"]) is { } invalid)
            return invalid;

        run["taken"] = (int)run["taken"]! + Math.Min(50, update["output"]?["annotations"]?.AsArray().Count ?? 0);
        return new(200, run.ToJsonString());
    }

    private static Answer? Invalid(JsonNode? output) =>
        output is null || (Encoding.UTF8.GetByteCount((string)output["summary"]!) <= 65535
            && Encoding.UTF8.GetByteCount((string?)output["text"] ?? "") <= 65535)
        ? null
        : new(422, """{"message":"Invalid request. Only 65535 characters are allowed"}""");

    private Answer AddStatus(Sent sent, string path)
    {
        var status = JsonNode.Parse(sent.Body)!;
        status["sha"] = path.Split('/')[^1];
        Statuses.Add(status);
        return new(201, new JsonObject { ["id"] = 1, ["state"] = (string)status["state"]! }.ToJsonString());
    }

    private static string Body(Sent sent) => (string)JsonNode.Parse(sent.Body)!["body"]!;

    private static string Json(Comment comment) => new JsonObject
    {
        ["id"] = comment.Id,
        ["body"] = comment.Body,
        ["html_url"] = $"https://github.example/{Repository}/pull/7#issuecomment-{comment.Id}",
        ["user"] = new JsonObject { ["login"] = comment.Login },
    }.ToJsonString();

    [GeneratedRegex(@"^/repos/octo/digits/issues/comments/(\d+)$")]
    private static partial Regex CommentPath();

    [GeneratedRegex(@"^/repos/octo/digits/check-runs/(\d+)$")]
    private static partial Regex CheckPath();
}
