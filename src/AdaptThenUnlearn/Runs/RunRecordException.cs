namespace AdaptThenUnlearn.Runs;

/// <summary>A run record cannot be read.</summary>
public sealed class RunRecordException : Exception
{
    /// <summary>Says which and why.</summary>
    public RunRecordException(string message, Exception? cause = null) : base(message, cause)
    {
    }
}
