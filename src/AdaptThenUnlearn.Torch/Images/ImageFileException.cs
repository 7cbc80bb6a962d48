namespace AdaptThenUnlearn.Torch.Images;

/// <summary>An image file or array file cannot be read, or an array cannot be written as one.</summary>
/// <param name="path">The file.</param>
/// <param name="problem">What is wrong, and how to mend it.</param>
/// <param name="cause">What the system said, if anything.</param>
public sealed class ImageFileException(string path, string problem, Exception? cause = null) : Exception($"{path}: {problem}", cause)
{
    /// <summary>The file.</summary>
    public string Path { get; } = path;
}
