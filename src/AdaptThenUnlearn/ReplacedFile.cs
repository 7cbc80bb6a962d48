using System.Text;

namespace AdaptThenUnlearn;

/// <summary>Writes a file whole or not at all: to a temporary name beside it, then moved into place.</summary>
public static class ReplacedFile
{
    // ENOSPC and EDQUOT; ERROR_DISK_FULL and ERROR_HANDLE_DISK_FULL.
    private static readonly int[] _diskFull = [28, 122, unchecked((int)0x80070070), unchecked((int)0x80070027)];

    /// <summary>Writes a file; the folder is made if need be.</summary>
    /// <param name="path">The file; one that is there is replaced.</param>
    /// <param name="bytes">Its final length, which is reserved first, so that a full disk shows at once.</param>
    /// <param name="write">Writes the content; may go back and read it.</param>
    /// <exception cref="FileNotWrittenException">The folder may not be written or the disk is full.</exception>
    public static void Write(string path, long bytes, Action<Stream> write)
    {
        if (Directory.Exists(path))
            throw new FileNotWrittenException(path, "is a folder and cannot be written as a file", "name a file in it");

        string? temporary = null;
        try
        {
            var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
            Directory.CreateDirectory(folder);
            temporary = Path.Combine(folder, $".{Path.GetFileName(path)}.{Path.GetRandomFileName()}");
            using (var stream = new FileStream(temporary, new FileStreamOptions
            {
                Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Share = FileShare.None, PreallocationSize = bytes,
            }))
            {
                write(stream);
                stream.Flush(flushToDisk: true);   // moved into place only once it is on the disk
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw Explain(path, bytes, failed);
        }
        finally
        {
            if (temporary is not null)
                TryDelete(temporary);
        }
    }

    /// <summary>Writes a file of bytes.</summary>
    /// <inheritdoc cref="Write(string, long, Action{Stream})"/>
    /// <param name="path">The file; one that is there is replaced.</param>
    /// <param name="content">Its bytes.</param>
    public static void Write(string path, ReadOnlyMemory<byte> content) => Write(path, content.Length, stream => stream.Write(content.Span));

    /// <summary>Writes a text file in UTF-8.</summary>
    /// <inheritdoc cref="Write(string, long, Action{Stream})"/>
    /// <param name="path">The file; one that is there is replaced.</param>
    /// <param name="text">Its text.</param>
    public static void Write(string path, string text) => Write(path, Encoding.UTF8.GetBytes(text));

    /// <summary>Says what the system's refusal means for a file of this length.</summary>
    internal static FileNotWrittenException Explain(string path, long bytes, Exception failed) => failed switch
    {
        IOException full when _diskFull.Contains(full.HResult) => new(
            path, $"there is not enough disk space for its {bytes} bytes", "free some, or name an output folder on another disk", cause: failed),
        UnauthorizedAccessException => new(
            path, "may not be written", "give this user permission to write its folder, or name another output folder", cause: failed),
        _ => new(
            path, $"cannot be written: {failed.Message}", "check its folder, or name another output folder", cause: failed),
    };

    // Gone after a successful move; what failed has been said already.
    private static void TryDelete(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (Exception left) when (left is IOException or UnauthorizedAccessException)
        {
        }
    }
}

/// <summary>A file could not be written; what was there before is untouched.</summary>
/// <param name="path">The file.</param>
/// <param name="problem">What is wrong, without a full stop.</param>
/// <param name="remedy">What the reader can do about it.</param>
/// <param name="cause">What the system said, if anything.</param>
public sealed class FileNotWrittenException(string path, string problem, string remedy, Exception? cause = null)
    : Exception($"{path}: {problem}; {remedy}", cause);
