using System.Net;

namespace AdaptThenUnlearn.Publishing.Http;

/// <summary>The handlers below every client: one origin, answers of limited size, no proxy that sees the token.</summary>
internal static class ApiHandlers
{
    /// <summary>Longest time that one request may take.</summary>
    public static TimeSpan RequestTimeout { get; } = TimeSpan.FromSeconds(30);

    /// <summary>Makes the handlers for an API.</summary>
    /// <remarks>An http address on this machine is requested without a proxy, which would get the token unencrypted.</remarks>
    public static HttpMessageHandler Create(Uri api) =>
        new ResponseLimitHandler(api.Host, new SameOriginHandler(api, new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = api.Scheme == Uri.UriSchemeHttps,
            AutomaticDecompression = DecompressionMethods.All,
        }));
}
