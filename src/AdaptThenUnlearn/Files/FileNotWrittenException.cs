namespace AdaptThenUnlearn.Files;

/// <summary>A file could not be written; what was there before is untouched.</summary>
/// <param name="path">The file.</param>
/// <param name="problem">What is wrong, without a full stop.</param>
/// <param name="remedy">What the reader can do about it.</param>
/// <param name="cause">The error of the system, if there was one.</param>
public sealed class FileNotWrittenException(string path, string problem, string remedy, Exception? cause = null)
    : Exception($"{path}: {problem}; {remedy}", cause);
