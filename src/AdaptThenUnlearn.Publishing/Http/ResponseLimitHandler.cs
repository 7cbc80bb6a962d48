using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using AdaptThenUnlearn.Reports;

namespace AdaptThenUnlearn.Publishing.Http;

/// <summary>Accepts only answers that are JSON of limited size and depth, because any server may be answering.</summary>
/// <remarks>Proxies send errors as HTML or text. Such an error becomes a JSON object with a <c>message</c>.</remarks>
/// <param name="host">Name of the server in messages.</param>
/// <param name="inner">Handler that sends.</param>
internal sealed class ResponseLimitHandler(string host, HttpMessageHandler inner) : DelegatingHandler(inner)
{
    /// <summary>Largest answer in bytes, decompressed: a hundred comments of the greatest length in any script.</summary>
    public const int MaxResponseBytes = 32 * 1024 * 1024;

    /// <summary>Largest total of all answers to one publish, in bytes.</summary>
    public const long MaxTotalBytes = 256 * 1024 * 1024;

    private const int MaxMessageLength = 2000;

    private long _totalBytes;

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
        try
        {
            var body = await ReadAsync(response.Content, cancellationToken).ConfigureAwait(false);
            if (!IsJson(body))
            {
                body = response.IsSuccessStatusCode
                    ? throw new UnexpectedResponseException(
                        $"{host} answered {Kind(response)} where its API answers JSON; "
                        + "is that its address (--api-url), and is no proxy in between?")
                    : AsMessage(body);
            }

            response.Content.Dispose();
            response.Content = new ByteArrayContent(body);
            response.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json", "utf-8");
            return response;
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    private async Task<byte[]> ReadAsync(HttpContent content, CancellationToken cancellationToken)
    {
        using var whole = new MemoryStream();
        var stream = await content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            var part = new byte[81_920];
            while (await stream.ReadAsync(part, cancellationToken).ConfigureAwait(false) is > 0 and var count)
            {
                _totalBytes += count;
                if (whole.Length + count > MaxResponseBytes || _totalBytes > MaxTotalBytes)
                    throw new UnexpectedResponseException(string.Create(
                        CultureInfo.InvariantCulture,
                        $"{host} answers without end: "
                        + $"more than {Math.Min(MaxResponseBytes, MaxTotalBytes) / 1024 / 1024} MiB are not read"));
                whole.Write(part, 0, count);
            }
        }

        return whole.ToArray();
    }

    // It reads to the end and no deeper than the default limit. Deeper JSON would overflow the stack of a reader that recurses.
    private static bool IsJson(byte[] body)
    {
        try
        {
            var reader = new Utf8JsonReader(body);
            if (!reader.Read() || reader.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
                return false;
            while (reader.Read())
            {
            }

            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static byte[] AsMessage(byte[] body) => JsonSerializer.SerializeToUtf8Bytes(
        new Dictionary<string, string> { ["message"] = MarkdownText.Clip(Encoding.UTF8.GetString(body), MaxMessageLength) });

    private static string Kind(HttpResponseMessage response) =>
        response.Content.Headers.ContentType?.MediaType is { } type && type != "application/json"
            ? $"with {type}"
            : "with something damaged or cut off";
}
