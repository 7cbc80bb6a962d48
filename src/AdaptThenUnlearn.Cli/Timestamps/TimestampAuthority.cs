using System.Net.Http.Headers;
using System.Security.Cryptography;

namespace AdaptThenUnlearn.Cli.Timestamps;

/// <summary>Asks a time-stamp authority over HTTP (RFC 3161, section 3.4).</summary>
/// <param name="address">Its address, http or https; the token is signed, so http does no harm.</param>
public sealed class TimestampAuthority(Uri address)
{
    private const int NonceBytes = 8;
    private const int MaxResponseBytes = 1 << 20;
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    /// <summary>Gets a token for a digest.</summary>
    /// <param name="sha256">64 hexadecimal digits.</param>
    /// <param name="cancel">Ends waiting.</param>
    /// <returns>DER.</returns>
    /// <exception cref="TimestampException">The authority cannot be reached, or gives no token for this digest.</exception>
    public byte[] Stamp(string sha256, CancellationToken cancel)
    {
        var request = TimestampToken.CreateRequest(sha256, RandomNumberGenerator.GetBytes(NonceBytes));
        return TimestampToken.FindIn(request, Ask(request.Encode(), cancel));
    }

    private byte[] Ask(byte[] query, CancellationToken cancel)
    {
        using var client = new HttpClient { Timeout = _patience, MaxResponseContentBufferSize = MaxResponseBytes };
        using var message = new HttpRequestMessage(HttpMethod.Post, address) { Content = new ByteArrayContent(query) };
        message.Content.Headers.ContentType = new MediaTypeHeaderValue("application/timestamp-query");
        try
        {
            using var response = client.Send(message, cancel);
            if (!response.IsSuccessStatusCode)
                throw new TimestampException(FormattableString.Invariant(
                    $"the time-stamp authority {address} answered {(int)response.StatusCode} {response.ReasonPhrase}"));

            using var answer = new MemoryStream();
            response.Content.ReadAsStream(cancel).CopyTo(answer);
            return answer.ToArray();
        }
        catch (Exception failed) when (
            failed is HttpRequestException or TaskCanceledException or IOException && !cancel.IsCancellationRequested)
        {
            throw new TimestampException(
                $"the time-stamp authority {address} cannot be reached: {failed.Message}; try again, or take a request to it "
                    + "with --timestamp-request",
                failed);
        }
    }
}
