using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace AdaptThenUnlearn.Publishing.Tests;

/// <summary>
/// A code host of our own on the loopback address: it remembers comments and verdicts, keeps its limits, and fails where a test
/// says so. Several publishers may use it at once.
/// </summary>
internal abstract class FakeCodeHost : IDisposable
{
    public const string Head = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    private readonly HttpListener _listener = new();
    private readonly Lock _state = new();

    protected FakeCodeHost(string prefix)
    {
        Prefix = prefix;
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

    public string Api => Server + Prefix;

    /// <summary>Comments on the only pull request, number 7.</summary>
    public List<Comment> Comments { get; } = [];

    public ConcurrentQueue<Sent> Requests { get; } = [];

    /// <summary>Who posts with the token.</summary>
    public abstract string Login { get; set; }

    /// <summary>The token that is accepted.</summary>
    public abstract string Accepted { get; set; }

    /// <summary>The head of pull request 7 by now.</summary>
    public string HeadNow { get; set; } = Head;

    /// <summary>Answers in the server's place; null: the server answers.</summary>
    public Func<Sent, Answer?> Interrupt { get; set; } = _ => null;

    /// <summary>States of the verdicts on the commit, in the host's words.</summary>
    public abstract IReadOnlyList<string> Verdicts { get; }

    /// <summary>Name of the variable that the token is in.</summary>
    public abstract string TokenVariable { get; }

    /// <summary>Environment of a build for pull request 7, without its event's file.</summary>
    public abstract Dictionary<string, string> Build(Func<string, string> fileAt);

    /// <summary>The same without the pull request: a build of a branch.</summary>
    public virtual void LeavePullRequestOut(Dictionary<string, string> variables)
    {
        foreach (var name in variables.Keys.Where(
            name => name.Contains("PULLREQUEST", StringComparison.Ordinal)
                || name.Contains("MERGE_REQUEST", StringComparison.Ordinal)).ToList())
            variables.Remove(name);
    }

    /// <summary>Path before every endpoint.</summary>
    protected string Prefix { get; }

    /// <summary>Whether a request lists the comments.</summary>
    public abstract bool ListsComments(Sent sent);

    /// <summary>Whether a request adds a comment.</summary>
    public abstract bool AddsComment(Sent sent);

    /// <summary>The comments' text in a request that adds one.</summary>
    public abstract string TextIn(Sent sent);

    protected abstract Answer Handle(Sent sent);

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

    public static Answer BadGateway { get; } = new(502, "<html>Bad gateway</html>");

    protected static int Query(Sent sent, string name, int otherwise) =>
        Regex.Match(sent.Query, $@"[?&]{Regex.Escape(name)}=(\d+)") is { Success: true } match
            ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)
            : otherwise;

    protected Comment? Replace(long id, string body)
    {
        var at = Comments.FindIndex(comment => comment.Id == id);
        return at < 0 ? null : Comments[at] = Comments[at] with { Body = body };
    }

    private async Task Serve()
    {
        while (_listener.IsListening)
        {
            try
            {
                var context = await _listener.GetContextAsync();
                _ = Task.Run(() => Respond(context));
            }
            catch (Exception closed) when (closed is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
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
        if (Interrupt(sent) is not { } answer)
        {
            lock (_state)
                answer = Handle(sent);
        }

        context.Response.StatusCode = answer.Status;
        context.Response.ContentType = "application/json; charset=utf-8";
        foreach (var (name, value) in answer.Headers ?? new Dictionary<string, string>())
            context.Response.Headers[name] = value;
        try
        {
            await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(answer.Body));
            context.Response.Close();
        }
        catch (Exception gone) when (gone is HttpListenerException or ObjectDisposedException)
        {
            // the client has gone
        }
    }
}

/// <summary>A comment on pull request 7.</summary>
internal sealed record Comment(long Id, string Login, string Body);

/// <summary>A request as it arrived.</summary>
internal sealed record Sent(string Method, string Path, string Query, string Body, IReadOnlyDictionary<string, string> Headers);

/// <summary>What is answered.</summary>
internal sealed record Answer(int Status, string Body, IReadOnlyDictionary<string, string>? Headers = null);
