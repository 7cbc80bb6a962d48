using Octokit;
using Octokit.Internal;

namespace AdaptThenUnlearn.Publishing.GitHub;

/// <summary>Octokit's way to the network, with patience: sends again what <see cref="RetryPlan"/> says is worth it.</summary>
/// <param name="inner">What really sends.</param>
/// <param name="retryDelay">The clock, and how time passes.</param>
/// <param name="cancel">Ends waiting and sending.</param>
public sealed class RetryingHttpClient(IHttpClient inner, RetryDelay retryDelay, CancellationToken cancel) : IHttpClient
{
    /// <summary>Requests sent so far.</summary>
    public int Sent { get; private set; }

    /// <inheritdoc/>
    public async Task<IResponse> Send(IRequest request, CancellationToken cancellationToken, Func<object, object>? preprocessResponseBody = null)
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
            catch (Exception gone) when (!cancel.IsCancellationRequested && gone is HttpRequestException or OperationCanceledException or IOException)
            {
                failed = gone;   // no connection, a broken one, or the request's time was over
            }

            var attempt = new Attempt(response?.StatusCode, response?.Headers ?? new Dictionary<string, string>(), response?.Body as string ?? "", NeverSent(failed));
            if (!await retryDelay.TryWaitAsync(attempt, number, IsRepeatable(request), cancel).ConfigureAwait(false))
                return response ?? throw new NoResponseException(number, failed!);
        }
    }

    /// <inheritdoc/>
    public void SetRequestTimeout(TimeSpan timeout) => inner.SetRequestTimeout(timeout);

    /// <inheritdoc/>
    public void Dispose() => inner.Dispose();

    // A second comment would stay; a second check run or status only takes the place of the first.
    private static bool IsRepeatable(IRequest request) =>
        !(request.Method == HttpMethod.Post && request.Endpoint.OriginalString.EndsWith("/comments", StringComparison.Ordinal));

    private static bool NeverSent(Exception? failed) =>
        failed is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError };
}

/// <summary>The clock, and how time passes until something is tried again; one budget for a whole publish.</summary>
/// <param name="clock">The time.</param>
/// <param name="delay">Lets time pass; null: real time.</param>
public sealed class RetryDelay(TimeProvider clock, Func<TimeSpan, CancellationToken, Task>? delay = null)
{
    /// <summary>Time that was waited so far.</summary>
    public TimeSpan TotalWaited { get; private set; }

    /// <summary>Waits, if another attempt is worth it.</summary>
    /// <returns>Whether to try again.</returns>
    public async Task<bool> TryWaitAsync(Attempt attempt, int number, bool repeatable, CancellationToken cancel)
    {
        if (RetryPlan.DelayAfter(attempt, number, repeatable, clock.GetUtcNow(), TotalWaited) is not { } wait)
            return false;

        TotalWaited += wait;
        await (delay is null ? Task.Delay(wait, clock, cancel) : delay(wait, cancel)).ConfigureAwait(false);
        return true;
    }
}
