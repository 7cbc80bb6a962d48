using AdaptThenUnlearn.Publishing.Http;
using Octokit;
using Octokit.Internal;

namespace AdaptThenUnlearn.Publishing.GitHub;

/// <summary>Sends Octokit's requests, and sends them again as <see cref="RetryPlan"/> decides.</summary>
/// <param name="inner">Client that sends a request once.</param>
/// <param name="retryDelay">Clock and waiting between attempts.</param>
/// <param name="cancel">Cancels requests and waiting.</param>
public sealed class RetryingHttpClient(IHttpClient inner, RetryDelay retryDelay, CancellationToken cancel) : IHttpClient
{
    /// <summary>Number of requests that were sent.</summary>
    public int Sent { get; private set; }

    /// <inheritdoc/>
    public async Task<IResponse> Send(
        IRequest request, CancellationToken cancellationToken, Func<object, object>? preprocessResponseBody = null)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, cancel);
        for (var number = 1; ; number++)
        {
            Sent++;
            IResponse? response = null;
            Exception? failed = null;
            try
            {
                response = await inner.Send(request, either.Token, preprocessResponseBody).ConfigureAwait(false);
            }
            catch (Exception gone)
                when (!cancel.IsCancellationRequested
                    && gone is HttpRequestException or OperationCanceledException or IOException)
            {
                failed = gone;   // there is no connection, it broke, or the request timed out
            }

            var headers = response?.Headers ?? new Dictionary<string, string>();
            var attempt = new Attempt(
                response?.StatusCode, headers, response?.Body as string ?? "", NoResponseException.NeverSent(failed));
            if (!await retryDelay.TryWaitAsync(attempt, number, IsRepeatable(request), cancel).ConfigureAwait(false))
                return response ?? throw new NoResponseException(number, failed!);
        }
    }

    /// <inheritdoc/>
    public void SetRequestTimeout(TimeSpan timeout) => inner.SetRequestTimeout(timeout);

    /// <inheritdoc/>
    public void Dispose() => inner.Dispose();

    // A second comment would remain. A second check run or status only replaces the first.
    private static bool IsRepeatable(IRequest request) =>
        !(request.Method == HttpMethod.Post && request.Endpoint.OriginalString.EndsWith("/comments", StringComparison.Ordinal));
}
