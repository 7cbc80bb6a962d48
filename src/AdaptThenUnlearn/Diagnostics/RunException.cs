namespace AdaptThenUnlearn.Diagnostics;

/// <summary>A run cannot go on. The message says what happened, where, and what to do.</summary>
/// <param name="code">A diagnostic code, ATU2xxx.</param>
/// <param name="message">One line.</param>
/// <param name="cause">The error that caused it, if there was one.</param>
public class RunException(string code, string message, Exception? cause = null) : Exception(message, cause)
{
    /// <summary>The diagnostic code, ATU2xxx.</summary>
    public string Code { get; } = code;
}
