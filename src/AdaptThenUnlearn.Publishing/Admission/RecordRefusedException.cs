namespace AdaptThenUnlearn.Publishing.Admission;

/// <summary>A record is readable, and still nothing can be said about its run.</summary>
/// <param name="problem">Why.</param>
public sealed class RecordRefusedException(string problem) : Exception(problem);
