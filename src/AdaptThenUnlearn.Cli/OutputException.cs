namespace AdaptThenUnlearn.Cli;

/// <summary>Results cannot be written to the standard output: it is closed, or its disk is full.</summary>
/// <param name="cause">The exception of the write.</param>
public sealed class OutputException(Exception cause)
    : Exception($"the results cannot be written to the standard output: {cause.Message}; files that were made are on the " +
        "disk", cause);
