namespace AdaptThenUnlearn.Files;

/// <summary>A file is no longer the one that was hashed.</summary>
/// <param name="path">The file.</param>
public sealed class ChangedFileException(string path) : IOException($"'{path}' has changed since it was hashed")
{
    /// <summary>The file.</summary>
    public string Path { get; } = path;
}
