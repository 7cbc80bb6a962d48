namespace AdaptThenUnlearn.Publishing.Admission;

/// <summary>A record can be read, but there is no policy to judge its run by.</summary>
/// <param name="problem">Why there is none.</param>
public sealed class RecordRefusedException(string problem) : Exception(problem);
