using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using AdaptThenUnlearn.Labelling;

namespace AdaptThenUnlearn.Cli.Labelling;

/// <summary>Serves a labelling session to a browser on this machine only.</summary>
/// <remarks>
/// It listens on the loopback address, and every address contains a random token. Requests with another host name (from a page
/// that rebinds its
/// name to 127.0.0.1) and requests from other pages are refused. The page's policy lets the browser load nothing from elsewhere.
/// </remarks>
/// <param name="page">What is served.</param>
internal sealed class LabelServer(ILabelPage page) : IDisposable
{
    private const int MaxBodyBytes = 64 << 10;
    private const int Attempts = 10;
    private const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private readonly string _token = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private HttpListener _listener = new();
    private string _host = "";

    /// <summary>The page's address, once the server is listening.</summary>
    public string Address => $"http://{_host}/{_token}/";

    /// <summary>Starts to listen.</summary>
    /// <param name="port">0 for any free port.</param>
    /// <exception cref="LabelException">The port is in use.</exception>
    public void Start(int port)
    {
        for (var attempt = 1; ; attempt++)
        {
            // The listener cannot choose a port itself, and another process may take a free one first: try again.
            _host = FormattableString.Invariant($"{IPAddress.Loopback}:{(port > 0 ? port : FreePort())}");
            try
            {
                _listener.Prefixes.Add($"http://{_host}/");
                _listener.Start();
                return;
            }
            catch (HttpListenerException taken)
            {
                _listener.Close();
                _listener = new HttpListener();
                if (port > 0 || attempt == Attempts)
                    throw new LabelException(
                        $"cannot listen on {_host}: {taken.Message}; name another port with --port, or leave it out", taken);
            }
        }
    }

    /// <summary>Answers requests until the user ends the session.</summary>
    /// <param name="cancel">Ends the session and any training.</param>
    public async Task RunAsync(CancellationToken cancel)
    {
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var stopping = linked.Token.Register(_listener.Stop);
        var answering = HandleAsync(linked.Token);
        try
        {
            await _done.Task.WaitAsync(cancel).ConfigureAwait(false);
            await page.Training.WaitAsync(cancel).ConfigureAwait(false);   // a training started after the last answer
        }
        finally
        {
            await linked.CancelAsync().ConfigureAwait(false);
            await answering.ConfigureAwait(false);
            await page.Training.ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _listener.Close();

    private async Task HandleAsync(CancellationToken ended)
    {
        while (!ended.IsCancellationRequested)
        {
            try
            {
                var context = await _listener.GetContextAsync().ConfigureAwait(false);
                _ = Task.Run(() => HandleAsync(context, ended), CancellationToken.None);
            }
            catch (Exception stopped)
                when (stopped is HttpListenerException or ObjectDisposedException or InvalidOperationException)
            {
                ended.WaitHandle.WaitOne(millisecondsTimeout: 10);   // the session has ended, or the request was malformed
            }
        }
    }

    private async Task HandleAsync(HttpListenerContext context, CancellationToken ended)
    {
        var last = false;
        try
        {
            var answer = await AnswerOrProblemAsync(context.Request, ended).ConfigureAwait(false);
            last = answer.EndsSession;
            var response = context.Response;
            response.StatusCode = (int)answer.Status;
            response.ContentType = answer.Type;
            response.ContentLength64 = answer.Bytes.Length;
            foreach (var (name, value) in new[]
            {
                ("Cache-Control", "no-store"),
                ("Content-Security-Policy", ContentSecurityPolicy),
                ("X-Content-Type-Options", "nosniff"),
                ("Referrer-Policy", "no-referrer"),
                ("Cross-Origin-Resource-Policy", "same-origin"), ("Cross-Origin-Opener-Policy", "same-origin"),
            })
                response.Headers[name] = value;
            await response.OutputStream.WriteAsync(answer.Bytes, CancellationToken.None).ConfigureAwait(false);
            response.Close();
        }
        catch (Exception gone)
            when (gone is HttpListenerException or IOException or ObjectDisposedException or InvalidOperationException)
        {
            context.Response.Abort();   // the browser closed the connection, possibly after Done
        }

        if (last)
            _done.TrySetResult();
    }

    // Return every error to the page, and answer the next request.
    private async Task<PageResponse> AnswerOrProblemAsync(HttpListenerRequest request, CancellationToken ended)
    {
        try
        {
            return await AnswerAsync(request, ended).ConfigureAwait(false);
        }
        catch (Exception failed) when (failed is not (HttpListenerException or IOException or ObjectDisposedException))
        {
            return PageResponse.CreateProblem(HttpStatusCode.InternalServerError, failed.Message);
        }
    }

    private async Task<PageResponse> AnswerAsync(HttpListenerRequest request, CancellationToken ended)
    {
        if (request.UserHostName != _host)
            return PageResponse.CreateProblem(HttpStatusCode.Forbidden, "this address is not served");
        if (PathAfterToken(request.RawUrl ?? "") is not { } path)
            return PageResponse.NotFound;

        return request.HttpMethod switch
        {
            "GET" => page.HandleGet(path),
            "POST" => await HandlePostAsync(path, request, ended).ConfigureAwait(false),
            _ => PageResponse.CreateProblem(HttpStatusCode.MethodNotAllowed, "only GET and POST are answered"),
        };
    }

    private async Task<PageResponse> HandlePostAsync(string path, HttpListenerRequest request, CancellationToken ended)
    {
        // Browsers name the page that a request comes from.
        if (request.Headers["Origin"] != $"http://{_host}" || request.Headers["Sec-Fetch-Site"] is not (null or "same-origin"))
            return PageResponse.CreateProblem(HttpStatusCode.Forbidden, "only the page itself may send this");
        if (request.ContentType?.Split(';')[0] != "application/json")
            return PageResponse.CreateProblem(HttpStatusCode.UnsupportedMediaType, "only JSON is accepted");
        if (await ReadBodyAsync(request).ConfigureAwait(false) is not { } body)
            return PageResponse.CreateProblem(HttpStatusCode.RequestEntityTooLarge, $"at most {MaxBodyBytes} bytes are accepted");

        return await page.HandlePostAsync(path, body, ended).ConfigureAwait(false);
    }

    // The part of the address after the token; null if the token is wrong.
    private string? PathAfterToken(string address)
    {
        var path = address.Split('?')[0];
        return path.Split('/', 3) is ["", var token, var rest]
            && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(token), Encoding.UTF8.GetBytes(_token))
                ? rest
                : null;
    }

    private static async Task<byte[]?> ReadBodyAsync(HttpListenerRequest request)
    {
        if (request.ContentLength64 > MaxBodyBytes)
            return null;

        // Without a stated length, one byte more than is accepted shows that the body is too large.
        var body = new byte[MaxBodyBytes + 1];
        var length = await request.InputStream.ReadAtLeastAsync(body, body.Length, throwOnEndOfStream: false)
            .ConfigureAwait(false);
        return length > MaxBodyBytes ? null : body[..length];
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
