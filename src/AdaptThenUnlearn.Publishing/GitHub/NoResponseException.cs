namespace AdaptThenUnlearn.Publishing.GitHub;

/// <summary>There was no answer to a request.</summary>
/// <param name="attempts">How often it was sent.</param>
/// <param name="cause">What the network said.</param>
public sealed class NoResponseException(int attempts, Exception cause) : Exception(cause is OperationCanceledException ? "no answer in time" : cause.Message, cause)
{
    /// <summary>How often it was sent.</summary>
    public int Attempts { get; } = attempts;
}
