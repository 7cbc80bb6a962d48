namespace AdaptThenUnlearn.Diagnostics;

/// <summary>A run cannot go on: what happened, where, and what to do.</summary>
/// <param name="code">ATU2xxx.</param>
/// <param name="message">One line.</param>
/// <param name="cause">What it came of, if anything.</param>
public class RunException(string code, string message, Exception? cause = null) : Exception(message, cause)
{
    /// <summary>ATU2xxx.</summary>
    public string Code { get; } = code;
}
