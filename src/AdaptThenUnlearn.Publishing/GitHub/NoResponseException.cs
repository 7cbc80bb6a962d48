namespace AdaptThenUnlearn.Publishing.GitHub;

/// <summary>A request was not answered.</summary>
/// <param name="attempts">How many times it was sent.</param>
/// <param name="cause">The network's error.</param>
public sealed class NoResponseException(int attempts, Exception cause)
    : Exception(cause is OperationCanceledException ? "no answer in time" : cause.Message, cause)
{
    /// <summary>How many times it was sent.</summary>
    public int Attempts { get; } = attempts;
}
