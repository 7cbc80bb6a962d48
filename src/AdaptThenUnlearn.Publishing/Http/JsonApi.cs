using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AdaptThenUnlearn.Publishing.Http;

/// <summary>Sends JSON to an API and reads JSON, and sends again as <see cref="RetryPlan"/> decides.</summary>
/// <remarks>
/// It is for hosts of which publishing needs a handful of requests. Every answer is untrusted: what is not there reads as null.
/// </remarks>
internal sealed class JsonApi : IDisposable
{
    private readonly HttpClient _client;
    private readonly Uri _api;
    private readonly RetryDelay _retryDelay;
    private readonly CancellationToken _cancel;

    /// <summary>Makes the client and sends nothing yet.</summary>
    /// <param name="connection">Where to, and with what.</param>
    /// <param name="headers">Headers of every request, such as the one with the token.</param>
    public JsonApi(HostConnection connection, Dictionary<string, string> headers)
    {
        (_api, _retryDelay, _cancel) = (connection.Target.Api, connection.RetryDelay, connection.Cancel);
        _client = new HttpClient(ApiHandlers.Create(_api)) { Timeout = ApiHandlers.RequestTimeout };
        _client.DefaultRequestHeaders.TryAddWithoutValidation("User-Agent", $"atu/{connection.Version}");
        _client.DefaultRequestHeaders.TryAddWithoutValidation("Accept", "application/json");
        foreach (var (name, value) in headers)
            _client.DefaultRequestHeaders.TryAddWithoutValidation(name, value);
    }

    /// <summary>Requests a value.</summary>
    /// <param name="path">Path and query below the base address, escaped.</param>
    public async Task<JsonNode> GetAsync(string path) =>
        await RequestAsync(HttpMethod.Get, path, body: null, repeatable: true).ConfigureAwait(false);

    /// <summary>Requests a list, page after page, as long as pages are full.</summary>
    /// <param name="pathOfPage">Path and query of a page, by its number from 1.</param>
    /// <param name="itemsOf">The items in an answer; null where it is not a list.</param>
    /// <param name="pageSize">Number of items on a full page.</param>
    public async Task<IReadOnlyList<JsonNode>> GetAllAsync(
        Func<int, string> pathOfPage, Func<JsonNode, JsonArray?> itemsOf, int pageSize)
    {
        const int maxPages = 100;
        List<JsonNode> all = [];
        for (var page = 1; page <= maxPages; page++)
        {
            var items = itemsOf(await GetAsync(pathOfPage(page)).ConfigureAwait(false)) ?? throw NotAsDocumented();
            all.AddRange(items.Select(item => item as JsonObject ?? throw NotAsDocumented()));
            if (items.Count < pageSize)
                return all;
        }

        throw new UnexpectedResponseException(string.Create(
            CultureInfo.InvariantCulture, $"{_api.Host} lists without end: more than {maxPages} pages are not read"));
    }

    /// <summary>Sends a value.</summary>
    /// <param name="method">Method of the request.</param>
    /// <param name="path">Path and query below the base address, escaped.</param>
    /// <param name="body">The value.</param>
    /// <param name="repeatable">Whether the request may be executed twice without harm.</param>
    public async Task<JsonNode> SendAsync(HttpMethod method, string path, JsonObject body, bool repeatable = true) =>
        await RequestAsync(method, path, body, repeatable).ConfigureAwait(false);

    /// <summary>The answer is JSON and lacks what the API documents.</summary>
    public UnexpectedResponseException NotAsDocumented() =>
        new($"{_api.Host} answered JSON that is not what its API answers to this request");

    /// <summary>A text that the API documents.</summary>
    /// <exception cref="UnexpectedResponseException">It is not there.</exception>
    public string RequireText(JsonNode? node) => node.AsText() ?? throw NotAsDocumented();

    /// <summary>A whole number that the API documents.</summary>
    /// <exception cref="UnexpectedResponseException">It is not there.</exception>
    public long RequireNumber(JsonNode? node) => node.AsNumber() ?? throw NotAsDocumented();

    /// <inheritdoc/>
    public void Dispose() => _client.Dispose();

    private async Task<JsonNode> RequestAsync(HttpMethod method, string path, JsonObject? body, bool repeatable)
    {
        for (var number = 1; ; number++)
        {
            (HttpStatusCode Status, Dictionary<string, string> Headers, string Text)? answer = null;
            Exception? failed = null;
            try
            {
                answer = await SendOnceAsync(method, path, body).ConfigureAwait(false);
                if ((int)answer.Value.Status is >= 200 and < 300)
                    return Parse(answer.Value.Text) ?? throw NotAsDocumented();
            }
            catch (Exception gone) when (
                !_cancel.IsCancellationRequested && gone is HttpRequestException or OperationCanceledException or IOException)
            {
                failed = gone;   // there is no connection, it broke, or the request timed out
            }

            var attempt = new Attempt(
                answer?.Status, answer?.Headers ?? [], answer?.Text ?? "", NoResponseException.NeverSent(failed));
            if (await _retryDelay.TryWaitAsync(attempt, number, repeatable, _cancel).ConfigureAwait(false))
                continue;

            throw answer is { } refused
                ? new RequestRefusedException(refused.Status, ReasonIn(refused.Text), RetryPlan.IsRateLimit(attempt))
                : new NoResponseException(number, failed!);
        }
    }

    private async Task<(HttpStatusCode Status, Dictionary<string, string> Headers, string Text)> SendOnceAsync(
        HttpMethod method, string path, JsonObject? body)
    {
        using var request = new HttpRequestMessage(method, new Uri(_api, path));
        if (body is not null)
            request.Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        using var response = await _client.SendAsync(request, _cancel).ConfigureAwait(false);
        return (
            response.StatusCode,
            response.Headers.ToDictionary(header => header.Key, header => string.Join(',', header.Value)),
            await response.Content.ReadAsStringAsync(_cancel).ConfigureAwait(false));
    }

    // GitLab's words are in message, a text or texts by property, or in error; those of Azure DevOps in message.
    private static string ReasonIn(string text)
    {
        var answer = Parse(text) as JsonObject;
        var reason = answer?["message"] ?? answer?["error_description"] ?? answer?["error"];
        return reason is JsonValue value && value.TryGetValue<string>(out var words) ? words : reason?.ToJsonString() ?? "";
    }

    // A property twice would make reading it fail later. The handlers let only JSON pass.
    private static JsonNode? Parse(string text)
    {
        try
        {
            return JsonNode.Parse(text, documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false });
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
