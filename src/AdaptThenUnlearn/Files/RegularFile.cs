using System.Text;
using Microsoft.Win32.SafeHandles;

namespace AdaptThenUnlearn.Files;

/// <summary>Opens files that policies, records and arguments name, if they are regular files.</summary>
/// <remarks>
/// Reading a pipe or a device could block, or never end. The kind is therefore checked before the file is opened, links followed,
/// and again when it is open. Only <see cref="IOException"/> and <see cref="UnauthorizedAccessException"/> are thrown, for any
/// path.
/// </remarks>
public static class RegularFile
{
    private const int FirstBytes = 1 << 16;

    /// <summary>Whether a path leads to a regular file, links followed.</summary>
    /// <param name="path">May be any text.</param>
    public static bool Exists(string path) => NativeFiles.FindIdentity(path) is { Kind: FileKind.Regular or FileKind.Unknown };

    /// <summary>Opens a file for reading.</summary>
    /// <param name="path">The file, or a link to one.</param>
    /// <returns>A handle that belongs to the caller.</returns>
    /// <exception cref="FileNotFoundException">The file does not exist.</exception>
    /// <exception cref="IOException">
    /// It is a folder, a device, a pipe or a socket, the text is not a path, or opening fails.
    /// </exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public static SafeFileHandle Open(string path)
    {
        ThrowIfNotRegular(path, NativeFiles.FindIdentity(path)?.Kind);
        try
        {
            var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            var kind = NativeFiles.GetIdentity(handle).Kind;
            if (kind is FileKind.Regular or FileKind.Unknown)
                return handle;

            handle.Dispose();
            throw NotRegular(path);
        }
        catch (Exception impossible) when (impossible is ArgumentException or NotSupportedException)
        {
            throw new IOException($"'{path}' cannot be a file: {impossible.Message}", impossible);
        }
    }

    /// <summary>Opens a file and reads from its beginning.</summary>
    /// <inheritdoc cref="Open"/>
    public static FileStream OpenRead(string path) => new(Open(path), FileAccess.Read);

    /// <summary>Reads a whole file.</summary>
    /// <inheritdoc cref="Open"/>
    /// <param name="path">The file, or a link to one.</param>
    /// <param name="maxBytes">A longer file is refused before it is in memory.</param>
    /// <exception cref="FileTooLongException">The file is longer.</exception>
    public static byte[] ReadAllBytes(string path, long maxBytes)
    {
        using var file = OpenRead(path);
        if (file.Length > maxBytes)
            throw new FileTooLongException(path, file.Length, maxBytes);

        // Some files, such as those of /proc, are longer than the length that the system gives.
        using var read = new MemoryStream((int)Math.Min(file.Length, maxBytes));
        var piece = new byte[FirstBytes];
        for (int count; (count = file.Read(piece)) > 0;)
        {
            if (read.Length + count > maxBytes)
                throw new FileTooLongException(path, read.Length + count, maxBytes);
            read.Write(piece, 0, count);
        }

        return read.ToArray();
    }

    /// <summary>Reads a whole text file: UTF-8, or as its byte order mark says.</summary>
    /// <inheritdoc cref="ReadAllBytes"/>
    public static string ReadAllText(string path, long maxBytes) => DecodeText(ReadAllBytes(path, maxBytes));

    /// <summary>The text of a file's bytes: UTF-8, or as its byte order mark says.</summary>
    public static string DecodeText(byte[] bytes)
    {
        using var reader = new StreamReader(new MemoryStream(bytes), Encoding.UTF8, detectEncodingFromByteOrderMarks: true);
        return reader.ReadToEnd();
    }

    private static void ThrowIfNotRegular(string path, FileKind? kind)
    {
        if (path.Length == 0)
            throw new IOException("the path is empty");
        if (path.Contains('\0', StringComparison.Ordinal))
            throw new IOException(
                $"'{path.Replace("\0", "\\0", StringComparison.Ordinal)}' contains a NUL character, which no path of a file has");
        if (kind is FileKind.Folder)
            throw new IOException($"'{path}' is a folder, not a file");
        if (kind is FileKind.Other)
            throw NotRegular(path);
    }

    private static IOException NotRegular(string path) =>
        new($"'{path}' is a device, a pipe or a socket; only regular files are read");
}
