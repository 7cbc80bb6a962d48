using System.Globalization;
using System.Net;

namespace AdaptThenUnlearn.Publishing.Http;

/// <summary>
/// Sends the token and the bodies only to the given origin: requests and redirects keep its scheme, host and port.
/// </summary>
/// <remarks>
/// A renamed repository is redirected on the same origin (301, 302, 307, 308), with the same method and body, as GitHub documents
/// it. Any other redirect ends the request before anything is sent there.
/// </remarks>
/// <param name="origin">Address whose scheme, host and port are kept.</param>
/// <param name="inner">Handler that sends; it must not follow redirects itself.</param>
internal sealed class SameOriginHandler(Uri origin, HttpMessageHandler inner) : DelegatingHandler(inner)
{
    private const int MaxRedirects = 5;
    private const int MaxDrainedBytes = 64 * 1024;

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (!IsSame(request.RequestUri!))
            throw new UnexpectedResponseException($"{Name(origin)} points to {Name(request.RequestUri!)}, where nothing is sent");

        for (var hops = 0; ; hops++)
        {
            var response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
            if ((int)response.StatusCode is < 300 or > 399)
                return response;

            using (response)
            {
                var target = TargetOf(request, response);
                if (hops == MaxRedirects)
                    throw new UnexpectedResponseException(string.Create(
                        CultureInfo.InvariantCulture,
                        $"{Name(origin)} redirects in a circle: "
                        + $"{MaxRedirects} redirects were followed, and none led to an answer"));

                request.RequestUri = target;
                await DrainAsync(response.Content, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private Uri TargetOf(HttpRequestMessage request, HttpResponseMessage response)
    {
        var followed = response.StatusCode switch
        {
            HttpStatusCode.MovedPermanently or HttpStatusCode.Found
                or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect => true,
            HttpStatusCode.SeeOther => request.Method == HttpMethod.Get,   // it turns every other method into GET
            _ => false,
        };
        if (!followed || response.Headers.Location is not { } location)
            throw new UnexpectedResponseException(string.Create(
                CultureInfo.InvariantCulture,
                $"{Name(origin)} answered {(int)response.StatusCode}, which is not an answer of its API to this request"));

        var target = new Uri(request.RequestUri!, location);
        return IsSame(target) ? target : throw new UnexpectedResponseException(
            $"{Name(origin)} redirects to {Name(target)}: another scheme, host or port gets neither the token nor the text, "
            + "and nothing was sent there. If the API is there, name it with --api-url");
    }

    // The body of a redirect is read although it is not needed: a connection with an unread answer cannot serve the next request.
    private static async Task DrainAsync(HttpContent content, CancellationToken cancellationToken)
    {
        var stream = await content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            var drained = new byte[MaxDrainedBytes];
            await stream.ReadAtLeastAsync(drained, MaxDrainedBytes, throwOnEndOfStream: false, cancellationToken)
                .ConfigureAwait(false);
        }
    }

    private bool IsSame(Uri address) => address.IsAbsoluteUri && Uri.Compare(
        address, origin, UriComponents.SchemeAndServer, UriFormat.SafeUnescaped, StringComparison.OrdinalIgnoreCase) == 0;

    private static string Name(Uri address) => address.GetLeftPart(UriPartial.Authority);
}
