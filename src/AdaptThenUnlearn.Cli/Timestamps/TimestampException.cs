namespace AdaptThenUnlearn.Cli.Timestamps;

/// <summary>A time stamp could not be got, or does not hold.</summary>
/// <param name="problem">One sentence without a full stop; says how to mend it where that is known.</param>
/// <param name="cause">The exception behind it, if any.</param>
public sealed class TimestampException(string problem, Exception? cause = null) : Exception(problem, cause);
