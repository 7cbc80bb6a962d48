namespace AdaptThenUnlearn.Files;

/// <summary>A file is longer than it may be.</summary>
/// <param name="path">The file.</param>
/// <param name="bytes">How long it is, at least.</param>
/// <param name="maxBytes">How long it may be.</param>
public sealed class FileTooLongException(string path, long bytes, long maxBytes)
    : IOException(FormattableString.Invariant($"'{path}' has {bytes} bytes, and {maxBytes} are read at most"));
