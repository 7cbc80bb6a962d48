namespace AdaptThenUnlearn.Files;

/// <summary>
/// Checks, before anything is done, that a file to be written replaces neither an input nor a file that this tool did not make.
/// </summary>
public static class WriteGuard
{
    /// <summary>Why a file may not be written; null if it may.</summary>
    /// <param name="output">The file to be written.</param>
    /// <param name="inputs">Files and folders that are read, each with its role.</param>
    /// <param name="isOwn">Whether this tool made an existing file, which may then be replaced.</param>
    /// <param name="overwrite">Whether the user allows replacing any file; an input is never replaced.</param>
    public static string? FindObstacle(
        string output, IEnumerable<(string What, string Path)> inputs, Func<string, bool> isOwn, bool overwrite = false)
    {
        var there = NativeFiles.FindIdentity(output);
        if (there is null)
            return null;
        if (there is { Kind: FileKind.Folder })
            return $"{output} is a folder";
        if (there is { Kind: FileKind.Other })
            return $"{output} is a device, a pipe or a socket, not a file that can be replaced";

        var own = IsEmpty(output) || isOwn(output);
        foreach (var (what, path) in inputs)
        {
            var input = NativeFiles.FindIdentity(path);
            if (AreSame(output, there.Value, path, input))
                return $"{output} is the {what}, which is read and would be lost";
            if (!own && input is { Kind: FileKind.Folder } folder && IsInside(output, folder))
                return $"{output} belongs to the {what} ({path}), which is read";
        }

        return own || overwrite ? null : $"{output} is there already, and nothing says that atu made it";
    }

    // An empty file may be replaced, because nothing is lost.
    private static bool IsEmpty(string path) => new FileInfo(path) is { Exists: true, Length: 0, LinkTarget: null };

    private static bool AreSame(string output, FileIdentity there, string path, FileIdentity? input) =>
        there.IsKnown && input is { IsKnown: true } known
            ? (there.Device, there.Inode) == (known.Device, known.Inode)
            : Path.GetFullPath(output).Equals(
                Path.GetFullPath(path),
                OperatingSystem.IsWindows()
                    ? StringComparison.OrdinalIgnoreCase
                    : StringComparison.Ordinal);

    private static bool IsInside(string output, FileIdentity folder)
    {
        for (var above = Path.GetDirectoryName(Path.GetFullPath(output)); above is not null; above = Path.GetDirectoryName(above))
            if (folder.IsKnown && NativeFiles.FindIdentity(above) == folder)
                return true;

        return false;
    }
}
