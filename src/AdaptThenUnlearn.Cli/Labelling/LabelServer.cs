using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using AdaptThenUnlearn.Labelling;

namespace AdaptThenUnlearn.Cli.Labelling;

/// <summary>Serves a labelling session to a browser on this machine, and to nobody else.</summary>
/// <remarks>
/// It listens on the loopback address alone; who does not know the random token in the address finds nothing; another name for this machine (a
/// page that rebinds its own name to 127.0.0.1) is refused, and so is what another page sends. The page may load nothing from elsewhere.
/// </remarks>
/// <param name="page">What is served.</param>
internal sealed class LabelServer(LabelPage page) : IDisposable
{
    private const int MaxBodyBytes = 64 << 10;
    private const int Attempts = 10;
    private const string ContentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private readonly string _token = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private HttpListener _listener = new();
    private string _host = "";

    /// <summary>The page's address, once it is listening.</summary>
    public string Address => $"http://{_host}/{_token}/";

    /// <summary>Begins to listen.</summary>
    /// <param name="port">0 for any that is free.</param>
    /// <exception cref="LabelException">The port is taken.</exception>
    public void Start(int port)
    {
        for (var attempt = 1; ; attempt++)
        {
            // The listener cannot choose a port itself; between finding a free one and taking it, another may.
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
                    throw new LabelException($"cannot listen on {_host}: {taken.Message}; name another port with --port, or leave it out", taken);
            }
        }
    }

    /// <summary>Answers until the page says that it is done.</summary>
    /// <param name="cancel">Ends it, and training with it.</param>
    public async Task RunAsync(CancellationToken cancel)
    {
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var stopping = linked.Token.Register(_listener.Stop);
        var answering = HandleAsync(linked.Token);
        try
        {
            await _done.Task.WaitAsync(cancel).ConfigureAwait(false);
            await page.Training.WaitAsync(cancel).ConfigureAwait(false);   // one that was begun after the page had its answer
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
            catch (Exception stopped) when (stopped is HttpListenerException or ObjectDisposedException or InvalidOperationException)
            {
                ended.WaitHandle.WaitOne(millisecondsTimeout: 10);   // the end, or a request too broken to be one
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
                ("Cache-Control", "no-store"), ("Content-Security-Policy", ContentSecurityPolicy), ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"),
                ("Cross-Origin-Resource-Policy", "same-origin"), ("Cross-Origin-Opener-Policy", "same-origin"),
            })
                response.Headers[name] = value;
            await response.OutputStream.WriteAsync(answer.Bytes, CancellationToken.None).ConfigureAwait(false);
            response.Close();
        }
        catch (Exception gone) when (gone is HttpListenerException or IOException or ObjectDisposedException or InvalidOperationException)
        {
            context.Response.Abort();   // the browser went away, perhaps once it had said that it is done
        }

        if (last)
            _done.TrySetResult();
    }

    // Whatever goes wrong, the page is told, and the next request is answered.
    private async Task<PageResponse> AnswerOrProblemAsync(HttpListenerRequest request, CancellationToken ended)
    {
        try
        {
            return await AnswerOfAsync(request, ended).ConfigureAwait(false);
        }
        catch (Exception failed) when (failed is not (HttpListenerException or IOException or ObjectDisposedException))
        {
            return PageResponse.CreateProblem(HttpStatusCode.InternalServerError, failed.Message);
        }
    }

    private async Task<PageResponse> AnswerOfAsync(HttpListenerRequest request, CancellationToken ended)
    {
        if (request.UserHostName != _host)
            return PageResponse.CreateProblem(HttpStatusCode.Forbidden, "this address is not served");
        if (WithinToken(request.RawUrl ?? "") is not { } path)
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
        // A browser always says from which page a request comes.
        if (request.Headers["Origin"] != $"http://{_host}" || request.Headers["Sec-Fetch-Site"] is not (null or "same-origin"))
            return PageResponse.CreateProblem(HttpStatusCode.Forbidden, "only the page itself may send this");
        if (request.ContentType?.Split(';')[0] != "application/json")
            return PageResponse.CreateProblem(HttpStatusCode.UnsupportedMediaType, "only JSON is taken");
        if (await BodyAsync(request).ConfigureAwait(false) is not { } body)
            return PageResponse.CreateProblem(HttpStatusCode.RequestEntityTooLarge, $"at most {MaxBodyBytes} bytes are taken");

        return await page.HandlePostAsync(path, body, ended).ConfigureAwait(false);
    }

    // What follows the token in the address; null where it is another.
    private string? WithinToken(string address)
    {
        var path = address.Split('?')[0];
        return path.Split('/', 3) is ["", var token, var rest] && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(token), Encoding.UTF8.GetBytes(_token)) ? rest : null;
    }

    private static async Task<byte[]?> BodyAsync(HttpListenerRequest request)
    {
        if (request.ContentLength64 > MaxBodyBytes)
            return null;

        // Where the length is not said, one byte more than is taken shows that there is more.
        var body = new byte[MaxBodyBytes + 1];
        var length = await request.InputStream.ReadAtLeastAsync(body, body.Length, throwOnEndOfStream: false).ConfigureAwait(false);
        return length > MaxBodyBytes ? null : body[..length];
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
