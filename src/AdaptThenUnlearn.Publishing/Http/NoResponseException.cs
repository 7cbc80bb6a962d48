namespace AdaptThenUnlearn.Publishing.Http;

/// <summary>A request was not answered.</summary>
/// <param name="attempts">How many times it was sent.</param>
/// <param name="cause">The network's error.</param>
public sealed class NoResponseException(int attempts, Exception cause)
    : Exception(cause is OperationCanceledException ? "no answer in time" : cause.Message, cause)
{
    /// <summary>How many times it was sent.</summary>
    public int Attempts { get; } = attempts;

    /// <summary>Whether a request certainly did nothing, because no connection was made.</summary>
    /// <param name="failed">The network's error; null where there was none.</param>
    internal static bool NeverSent(Exception? failed) =>
        failed is HttpRequestException
        {
            HttpRequestError: HttpRequestError.ConnectionError
                or HttpRequestError.NameResolutionError
                or HttpRequestError.SecureConnectionError
        };
}
