using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace AdaptThenUnlearn.Publishing.Tests;

/// <summary>
/// An Azure DevOps of our own: threads, comments, statuses by https://learn.microsoft.com/rest/api/azure/devops/git/.
/// </summary>
internal sealed partial class FakeAzure() : FakeCodeHost("/my-org")
{
    private const string Repository = "/My%20Project/_apis/git/repositories/digits";

    public List<JsonNode> Statuses { get; } = [];

    /// <summary>Statuses of threads when they were added.</summary>
    public List<int> ThreadStatuses { get; } = [];

    public override string Login { get; set; } = "6f2c0a5e-0000-4000-8000-0123456789ab";

    public override string Accepted { get; set; } = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.sEcReT.sEcReTsEcReT";

    public override string TokenVariable => "SYSTEM_ACCESSTOKEN";

    public override IReadOnlyList<string> Verdicts => [.. Statuses.Select(status => (string)status["state"]!)];

    public override Dictionary<string, string> Build(Func<string, string> fileAt) => new()
    {
        ["TF_BUILD"] = "True",
        ["BUILD_REASON"] = "PullRequest",
        ["SYSTEM_COLLECTIONURI"] = Api + "/",
        ["SYSTEM_TEAMPROJECT"] = "My Project",
        ["BUILD_REPOSITORY_PROVIDER"] = "TfsGit",
        ["BUILD_REPOSITORY_NAME"] = "digits",
        ["BUILD_SOURCEVERSION"] = new string('e', 40),   // the trial merge, which is never meant
        ["BUILD_BUILDID"] = "4711",
        ["BUILD_SOURCESDIRECTORY"] = fileAt(""),
        ["SYSTEM_PULLREQUEST_PULLREQUESTID"] = "7",
        ["SYSTEM_PULLREQUEST_SOURCECOMMITID"] = Head,
        ["SYSTEM_PULLREQUEST_ISFORK"] = "False",
        ["SYSTEM_ACCESSTOKEN"] = Accepted,
    };

    public override void LeavePullRequestOut(Dictionary<string, string> variables)
    {
        base.LeavePullRequestOut(variables);
        variables["BUILD_SOURCEVERSION"] = Head;
    }

    public override bool ListsComments(Sent sent) =>
        sent.Method == "GET" && sent.Path.EndsWith("/threads", StringComparison.Ordinal);

    public override bool AddsComment(Sent sent) =>
        sent.Method == "POST" && sent.Path.EndsWith("/threads", StringComparison.Ordinal);

    public override string TextIn(Sent sent)
    {
        var body = JsonNode.Parse(sent.Body)!;
        return (string)(body["comments"]?[0] ?? body)["content"]!;
    }

    protected override Answer Handle(Sent sent)
    {
        if (sent.Headers.GetValueOrDefault("Authorization") != $"Bearer {Accepted}")
            return sent.Headers.GetValueOrDefault("X-TFS-FedAuthRedirect") == "Suppress"
                ? new(401, "", new Dictionary<string, string> { ["Content-Type"] = "text/html" })
                : new(302, "", new Dictionary<string, string> { ["Location"] = "https://login.example/" });
        if (!sent.Query.Contains("api-version=6.0", StringComparison.Ordinal))
            return new(400, """{"message":"No api-version was supplied for the request."}""");

        var path = sent.Path[Prefix.Length..];
        return (sent.Method, path) switch
        {
            ("GET", "/_apis/connectionData") => new(200, new JsonObject
            {
                ["authenticatedUser"] = new JsonObject { ["id"] = Login, ["providerDisplayName"] = "A build service" }
            }.ToJsonString()),
            ("GET", $"{Repository}/pullRequests/7") => new(200, Pull(7, HeadNow).ToJsonString()),
            ("GET", $"{Repository}/pullrequests") => List(
                [Pull(7, HeadNow).ToJsonString(), Pull(8, new string('c', 40)).ToJsonString()]),
            ("GET", $"{Repository}/pullRequests/7/threads") => List(Comments.Select(Thread)),
            ("POST", $"{Repository}/pullRequests/7/threads") => TooLong(sent) ?? AddThread(sent),
            ("PATCH", _) when CommentPath().Match(path) is { Success: true } match => TooLong(sent)
                ?? (Replace(long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture), TextIn(sent)) is { } comment
                    ? new(200, Json(comment).ToJsonString())
                    : NotFound),
            ("POST", $"{Repository}/pullRequests/7/statuses" or $"{Repository}/commits/{Head}/statuses") => AddStatus(sent),
            _ => NotFound,
        };
    }

    private static Answer NotFound { get; } = new(404, """{"message":"TF401019: The Git repository does not exist."}""");

    private static JsonObject Pull(int number, string head) => new()
    {
        ["pullRequestId"] = number,
        ["status"] = "active",
        ["lastMergeSourceCommit"] = new JsonObject { ["commitId"] = head },
    };

    private static Answer List(IEnumerable<string> items)
    {
        var all = items.ToList();
        return new(200, $$"""{"value":[{{string.Join(',', all)}}],"count":{{all.Count}}}""");
    }

    private Answer AddThread(Sent sent)
    {
        var thread = JsonNode.Parse(sent.Body)!;
        if ((int?)thread["comments"]![0]!["commentType"] != 1 || (int?)thread["comments"]![0]!["parentCommentId"] != 0)
            return new(400, """{"message":"The comment is of an unknown type."}""");

        ThreadStatuses.Add((int)thread["status"]!);
        return new(200, Thread(Add(Login, TextIn(sent))));
    }

    private Answer? TooLong(Sent sent) => TextIn(sent).Length <= 150_000
        ? null
        : new(
            400,
            """{"message":"A discussion comment cannot be longer than 150000 characters.\r\nParameter name: comment.Content"}""");

    private Answer AddStatus(Sent sent)
    {
        var status = JsonNode.Parse(sent.Body)!;
        if ((string?)status["state"] is not ("succeeded" or "failed" or "pending" or "error" or "notApplicable")
            || string.IsNullOrEmpty((string?)status["context"]?["name"]))
            return new(400, """{"message":"A status must have a context."}""");

        status["of"] = sent.Path.Contains("/pullRequests/", StringComparison.Ordinal) ? "pull request" : "commit";
        Statuses.Add(status);
        return new(200, new JsonObject { ["id"] = Statuses.Count }.ToJsonString());
    }

    private static string Thread(Comment comment) => new JsonObject
    {
        ["id"] = comment.Id,
        ["isDeleted"] = false,
        ["comments"] = new JsonArray(Json(comment)),
    }.ToJsonString();

    private static JsonObject Json(Comment comment) => new()
    {
        ["id"] = 1,
        ["content"] = comment.Body,
        ["commentType"] = "text",
        ["author"] = new JsonObject { ["id"] = comment.Login, ["displayName"] = "A build service", ["uniqueName"] = "unique" },
    };

    [GeneratedRegex("^/My%20Project/_apis/git/repositories/digits/pullRequests/7/threads/(\\d+)/comments/1$")]
    private static partial Regex CommentPath();
}
