namespace AdaptThenUnlearn.Files;

/// <summary>A file is longer than it may be.</summary>
/// <param name="path">The file.</param>
/// <param name="bytes">Its length, or a lower bound of it.</param>
/// <param name="maxBytes">The largest length that is read.</param>
public sealed class FileTooLongException(string path, long bytes, long maxBytes)
    : IOException(FormattableString.Invariant($"'{path}' has {bytes} bytes, but {maxBytes} are read at most"));
