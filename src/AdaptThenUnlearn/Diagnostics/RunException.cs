namespace AdaptThenUnlearn.Diagnostics;

/// <summary>A run cannot go on. The message says what happened, where, and what to do.</summary>
/// <param name="code">One of <see cref="RunCodes"/>.</param>
/// <param name="message">One line.</param>
/// <param name="cause">The exception behind it; null when there is none.</param>
public class RunException(string code, string message, Exception? cause = null) : Exception(message, cause)
{
    /// <summary>One of <see cref="RunCodes"/>.</summary>
    public string Code { get; } = code;
}
