namespace AdaptThenUnlearn.Cli;

/// <summary>The standard output takes no results: it is closed, or its disk is full.</summary>
/// <param name="cause">What the system said.</param>
public sealed class OutputException(Exception cause) : Exception($"the results cannot be written to the standard output: {cause.Message}; what was made is on the disk", cause);
