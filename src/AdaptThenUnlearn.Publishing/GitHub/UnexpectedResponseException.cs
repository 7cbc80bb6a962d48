namespace AdaptThenUnlearn.Publishing.GitHub;

/// <summary>What answered is not the GitHub API, or points away from it; asking again would not help.</summary>
/// <param name="problem">What it did.</param>
/// <param name="cause">What could not be done with the answer.</param>
public sealed class UnexpectedResponseException(string problem, Exception? cause = null) : Exception(problem, cause);
