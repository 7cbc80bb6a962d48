using System.Net.Http.Headers;

namespace AdaptThenUnlearn.Publishing.GitHub;

/// <summary>
/// Sets the headers that GitHub documents. Octokit sets older ones and sends JSON with the content type of a form.
/// </summary>
internal sealed class GitHubHeadersHandler(HttpMessageHandler inner) : DelegatingHandler(inner)
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.Headers.Accept.Clear();
        request.Headers.Accept.ParseAdd("application/vnd.github+json, application/json;q=0.9");
        request.Headers.TryAddWithoutValidation("X-GitHub-Api-Version", "2022-11-28");
        if (request.Content is { } content)
            content.Headers.ContentType = new MediaTypeHeaderValue("application/json", "utf-8");

        return base.SendAsync(request, cancellationToken);
    }
}
