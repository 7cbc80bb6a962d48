namespace AdaptThenUnlearn.Publishing.Http;

/// <summary>The answer is not from the host's API, or points to another address. Another attempt would not help.</summary>
/// <param name="problem">What the server did.</param>
/// <param name="cause">Error on reading the answer; null where there was none.</param>
public sealed class UnexpectedResponseException(string problem, Exception? cause = null) : Exception(problem, cause);
