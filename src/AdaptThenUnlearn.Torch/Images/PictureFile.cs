namespace AdaptThenUnlearn.Torch.Images;

/// <summary>Writes pictures and arrays under a temporary name and moves them into place.</summary>
public static class PictureFile
{
    /// <summary>Writes bytes.</summary>
    /// <exception cref="ImageFileException">The file cannot be written.</exception>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        var temporary = path + ".partial";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            using (var stream = File.Create(temporary))
                stream.Write(content);
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            throw new ImageFileException(path, $"cannot be written: {failed.Message}", failed);
        }
    }
}
