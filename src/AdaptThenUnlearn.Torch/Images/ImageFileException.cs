namespace AdaptThenUnlearn.Torch.Images;

/// <summary>An image file or array file cannot be read, or an array cannot be written as one.</summary>
/// <param name="path">The file.</param>
/// <param name="problem">What is wrong, and what the reader can do about it.</param>
/// <param name="cause">The exception that caused this one; null where none did.</param>
public sealed class ImageFileException(
    string path, string problem, Exception? cause = null) : Exception($"{path}: {problem}", cause)
{
    /// <summary>The file.</summary>
    public string Path { get; } = path;
}
