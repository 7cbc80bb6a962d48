using System.Runtime.ExceptionServices;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>Looks at many picture files at once, one on each core.</summary>
internal static class PictureFiles
{
    /// <summary>Does the same with every file.</summary>
    /// <param name="paths">Of the files.</param>
    /// <param name="look">What is done.</param>
    /// <param name="cancel">Ends it between two files.</param>
    /// <returns>Results in the order of the files.</returns>
    /// <exception cref="ImageFileException">A file cannot be read; the first such exception, as it is.</exception>
    public static List<T> LookAt<T>(IReadOnlyList<string> paths, Func<PictureFile, T> look, CancellationToken cancel = default)
    {
        try
        {
            return
                [.. paths.AsParallel().AsOrdered().WithCancellation(cancel).Select(path => look(PictureFile.Open(path)))];
        }
        catch (AggregateException several)
            when (several.InnerExceptions.OfType<ImageFileException>().FirstOrDefault() is { } first)
        {
            ExceptionDispatchInfo.Throw(first);
            throw;
        }
    }
}
