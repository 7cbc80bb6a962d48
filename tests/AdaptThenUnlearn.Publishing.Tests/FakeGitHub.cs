using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace AdaptThenUnlearn.Publishing.Tests;

/// <summary>
/// A GitHub of our own on the loopback address: remembers comments, check runs and statuses, keeps its limits, and fails where a
/// test says so.
/// </summary>
internal sealed partial class FakeGitHub : IDisposable
{
    public const string Repository = "octo/digits";
    public const string Head = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    public const string Token = "ghs_sEcReTsEcReTsEcReTsEcReTsEcReT123456";
    public const string Bot = "github-actions[bot]";

    private readonly HttpListener _listener = new();
    private readonly string _prefix;

    /// <param name="prefix">Path before every endpoint, as on GitHub Enterprise Server: <c>/api/v3</c>.</param>
    public FakeGitHub(string prefix = "")
    {
        _prefix = prefix;
        using (var probe = new TcpListener(IPAddress.Loopback, 0))
        {
            probe.Start();
            Server = $"http://127.0.0.1:{((IPEndPoint)probe.LocalEndpoint).Port}";
        }

        _listener.Prefixes.Add(Server + "/");
        _listener.Start();
        _ = Task.Run(Serve);
    }

    public string Server { get; }

    public string Api => Server + _prefix;

    public List<Comment> Comments { get; } = [];

    public List<JsonNode> CheckRuns { get; } = [];

    public List<JsonNode> Statuses { get; } = [];

    public ConcurrentQueue<Sent> Requests { get; } = [];

    /// <summary>Who posts with the token.</summary>
    public string Login { get; set; } = Bot;

    /// <summary>The token that is accepted.</summary>
    public string Accepted { get; set; } = Token;

    /// <summary>The head of pull request 7 by now.</summary>
    public string HeadNow { get; set; } = Head;

    /// <summary>Answers in the server's place; null: the server answers.</summary>
    public Func<Sent, Answer?> Interrupt { get; set; } = _ => null;

    /// <summary>Interrupts the first requests that fit, one answer for each.</summary>
    public void Once(string method, string pathEnd, params Answer[] answers)
    {
        var left = new Queue<Answer>(answers);
        Interrupt = sent => sent.Method == method
            && sent.Path.EndsWith(pathEnd, StringComparison.Ordinal)
            && left.TryDequeue(out var answer)
                ? answer
                : null;
    }

    public Comment Add(string login, string body)
    {
        var comment = new Comment(100 + Comments.Count, login, body);
        Comments.Add(comment);
        return comment;
    }

    public void Dispose() => _listener.Close();

    private async Task Serve()
    {
        while (_listener.IsListening)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception closed) when (closed is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            await Respond(context);
        }
    }

    private async Task Respond(HttpListenerContext context)
    {
        using var reader = new StreamReader(context.Request.InputStream, Encoding.UTF8);
        var url = context.Request.Url!;
        var sent = new Sent(
            context.Request.HttpMethod, url.AbsolutePath, url.Query, await reader.ReadToEndAsync(),
            context.Request.Headers.AllKeys.OfType<string>().ToDictionary(name => name, name => context.Request.Headers[name]!));
        Requests.Enqueue(sent);
        var answer = Interrupt(sent) ?? Handle(sent);
        context.Response.StatusCode = answer.Status;
        context.Response.ContentType = "application/json; charset=utf-8";
        foreach (var (name, value) in answer.Headers ?? new Dictionary<string, string>())
            context.Response.Headers[name] = value;
        try
        {
            await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(answer.Body));
            context.Response.Close();
        }
        catch (HttpListenerException)
        {
            // the client has gone
        }
    }

    private Answer Handle(Sent sent)
    {
        if (sent.Headers.GetValueOrDefault("Authorization") != $"Bearer {Accepted}")
            return new(401, """{"message":"Bad credentials"}""");
        if (!sent.Path.StartsWith(_prefix, StringComparison.Ordinal))
            return NotFound;

        var path = sent.Path[_prefix.Length..];
        var root = $"/repos/{Repository}";
        return (sent.Method, path) switch
        {
            ("GET", "/user") => Login.EndsWith("[bot]", StringComparison.Ordinal)
                ? Forbidden
                : new(200, new JsonObject { ["login"] = Login }.ToJsonString()),
            ("GET", _) when path == $"{root}/issues/7/comments" => Page(sent),
            ("POST", _) when path == $"{root}/issues/7/comments" => TooLong(sent) ?? new(201, Json(Add(Login, Body(sent)))),
            ("PATCH", _) when CommentPath().Match(path) is { Success: true } match =>
                TooLong(sent) ?? Replace(long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture), Body(sent)),
            ("GET", _) when path == $"{root}/pulls/7" => new(200, Pull.ToJsonString()),
            ("GET", _) when path == $"{root}/pulls" => new(200, (sent.Query.Contains(
                "head=someone%3Afeature", StringComparison.Ordinal) ? new JsonArray(Pull) : []).ToJsonString()),
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

    public static Answer BadGateway { get; } = new(502, "<html>Bad gateway</html>");

    public static Answer SecondaryLimit { get; } =
        new(403, """{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}""");

    private JsonObject Pull =>
        new() { ["number"] = 7, ["state"] = "open", ["head"] = new JsonObject { ["sha"] = HeadNow, ["ref"] = "feature" } };

    private Answer Page(Sent sent)
    {
        var (size, number) = (Query(sent, "per_page", 30), Query(sent, "page", 1));
        size = Math.Min(size, 100);
        var link = number * size < Comments.Count
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

    private Answer Replace(long id, string body)
    {
        var at = Comments.FindIndex(comment => comment.Id == id);
        if (at < 0)
            return NotFound;
        Comments[at] = Comments[at] with { Body = body };
        return new(200, Json(Comments[at]));
    }

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

    private static int Query(Sent sent, string name, int otherwise) =>
        Regex.Match(sent.Query, $@"[?&]{name}=(\d+)") is { Success: true } match
            ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)
            : otherwise;

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

/// <summary>A comment on pull request 7.</summary>
internal sealed record Comment(long Id, string Login, string Body);

/// <summary>A request as it arrived.</summary>
internal sealed record Sent(string Method, string Path, string Query, string Body, IReadOnlyDictionary<string, string> Headers);

/// <summary>What is answered.</summary>
internal sealed record Answer(int Status, string Body, IReadOnlyDictionary<string, string>? Headers = null);
