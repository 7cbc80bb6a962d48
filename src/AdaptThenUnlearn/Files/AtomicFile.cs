using System.Text;

namespace AdaptThenUnlearn.Files;

/// <summary>Writes a file completely or not at all: to a temporary name beside it, which is then moved into place.</summary>
public static class AtomicFile
{
    private const string Ending = ".atu-tmp";

    // COR_E_IO: .NET throws it without a code of the system, for example when space cannot be reserved.
    private const int NoReasonGiven = unchecked((int)0x80131620);

    // ENOSPC and EDQUOT; ERROR_DISK_FULL and ERROR_HANDLE_DISK_FULL.
    private static readonly int[] _diskFull = [28, 122, unchecked((int)0x80070070), unchecked((int)0x80070027)];

    /// <summary>Writes a file; its folder is created if necessary.</summary>
    /// <param name="path">The file; an existing one is replaced.</param>
    /// <param name="bytes">Its final length, which is reserved first, so that a full disk shows at once.</param>
    /// <param name="write">Writes the content; may seek and read what it wrote.</param>
    /// <exception cref="FileNotWrittenException">The folder cannot be written, or the disk is full.</exception>
    public static void Write(string path, long bytes, Action<Stream> write) => Write(path, bytes, write, NativeFiles.Flush);

    /// <inheritdoc cref="Write(string, long, Action{Stream})"/>
    /// <param name="path">The file; an existing one is replaced.</param>
    /// <param name="bytes">Its final length, which is reserved first, so that a full disk shows at once.</param>
    /// <param name="write">Writes the content; may seek and read what it wrote.</param>
    /// <param name="sync">Flushes an open file to the disk, or throws; takes its path for the message.</param>
    internal static void Write(
        string path, long bytes, Action<Stream> write, Action<Microsoft.Win32.SafeHandles.SafeFileHandle, string> sync)
    {
        RefuseOtherThanFile(path);

        string? temporary = null;
        try
        {
            var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
            Directory.CreateDirectory(folder);
            DeleteTemporaryFiles(folder, Path.GetFileName(path));
            temporary = Path.Combine(folder, $".{Path.GetFileName(path)}.{Path.GetRandomFileName()}{Ending}");
            using (var stream = Reserved(temporary, bytes))
            {
                write(stream);
                stream.Flush();
                sync(stream.SafeFileHandle, temporary);   // move it into place only once it is on the disk
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
            NativeFiles.FlushFolder(folder);
        }
        catch (Exception failed) when (failed is (IOException
            or UnauthorizedAccessException or ArgumentException or NotSupportedException) and not ChangedFileException)
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
    /// <param name="path">The file; an existing one is replaced.</param>
    /// <param name="content">Its bytes.</param>
    public static void Write(string path, ReadOnlyMemory<byte> content) =>
        Write(path, content.Length, stream => stream.Write(content.Span));

    /// <summary>Writes a text file in UTF-8.</summary>
    /// <inheritdoc cref="Write(string, long, Action{Stream})"/>
    /// <param name="path">The file; an existing one is replaced.</param>
    /// <param name="text">Its text.</param>
    public static void Write(string path, string text) => Write(path, Encoding.UTF8.GetBytes(text));

    /// <summary>Gives a file another name in the same folder, all at once and on the disk.</summary>
    /// <param name="from">The file.</param>
    /// <param name="path">Its new name; an existing file is replaced.</param>
    /// <exception cref="FileNotWrittenException">The folder cannot be written.</exception>
    public static void Rename(string from, string path)
    {
        RefuseOtherThanFile(path);
        try
        {
            File.Move(from, path, overwrite: true);
            NativeFiles.FlushFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            throw Explain(path, bytes: 0, failed);
        }
    }

    /// <summary>Explains why the system did not write a file of this length.</summary>
    internal static FileNotWrittenException Explain(string path, long bytes, Exception failed) => failed switch
    {
        IOException full when _diskFull.Contains(full.HResult) => new(
            path,
            $"there is not enough disk space for its {bytes} bytes",
            "free some, or name an output folder on another disk",
            cause: failed),
        UnauthorizedAccessException => new(
            path,
            "may not be written",
            "give this user permission to write its folder, or name another output folder",
            cause: failed),
        _ => new(
            path, $"cannot be written: {failed.Message}", "check its folder, or name another output folder", cause: failed),
    };

    /// <summary>
    /// Deletes temporary files of processes that were killed while they wrote; a file that is still open is kept.
    /// </summary>
    /// <param name="folder">The folder; it need not exist.</param>
    /// <param name="name">Name of the file that was to be written; null for any.</param>
    public static void DeleteTemporaryFiles(string folder, string? name = null)
    {
        if (!Directory.Exists(folder))
            return;

        foreach (var left in Directory.EnumerateFiles(folder, ".*" + Ending)
            .Where(left => name is null || Path.GetFileName(left).StartsWith($".{name}.", StringComparison.Ordinal))
            .ToList())
            DeleteIfUnused(left);
    }

    // A process that is writing the file has opened it exclusively, so this fails.
    private static void DeleteIfUnused(string left)
    {
        try
        {
            using (new FileStream(left, FileMode.Open, FileAccess.ReadWrite, FileShare.None))
                File.Delete(left);
        }
        catch (Exception inUse) when (inUse is IOException or UnauthorizedAccessException)
        {
        }
    }

    private static void RefuseOtherThanFile(string path)
    {
        if (Directory.Exists(path))
            throw new FileNotWrittenException(path, "is a folder and cannot be written as a file", "name a file in it");
        if (NativeFiles.FindIdentity(path) is { Kind: FileKind.Other })
            throw new FileNotWrittenException(
                path, "is a device, a pipe or a socket, and cannot be replaced by a file", "name a file");
    }

    // .NET reports a full disk without a code when space is reserved.
    private static FileStream Reserved(string temporary, long bytes)
    {
        try
        {
            return new FileStream(temporary, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.ReadWrite,
                Share = FileShare.None,
                PreallocationSize = bytes
            });
        }
        catch (IOException full) when (bytes > 0 && full.GetType() == typeof(IOException) && full.HResult == NoReasonGiven)
        {
            throw new IOException(full.Message, _diskFull[0]);
        }
    }

    // After a successful move the file no longer exists. If something failed, the error is already reported.
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
