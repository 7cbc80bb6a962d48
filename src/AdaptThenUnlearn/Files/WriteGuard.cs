namespace AdaptThenUnlearn.Files;

/// <summary>Holds a file that is about to be written against what is read and what lies there, before anything is done: neither an input nor a file of somebody else is written over.</summary>
public static class WriteGuard
{
    /// <summary>What is in the way of writing a file; null when nothing is.</summary>
    /// <param name="output">The file.</param>
    /// <param name="inputs">Files and folders that are read, and what each is.</param>
    /// <param name="isOwn">Whether a file that is there was made by this tool, and may be replaced.</param>
    /// <param name="overwrite">Whether the caller was told to replace a file whoever made it; never an input.</param>
    public static string? FindObstacle(string output, IEnumerable<(string What, string Path)> inputs, Func<string, bool> isOwn, bool overwrite = false)
    {
        var there = NativeFiles.FindIdentity(output);
        if (there is null)
            return null;
        if (there is { Kind: FileKind.Folder })
            return $"{output} is a folder";
        if (there is { Kind: FileKind.Other })
            return $"{output} is a device, a pipe or a socket, and not a file that can be replaced";

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

    // Nothing is lost with it.
    private static bool IsEmpty(string path) => new FileInfo(path) is { Exists: true, Length: 0, LinkTarget: null };

    private static bool AreSame(string output, FileIdentity there, string path, FileIdentity? input) =>
        there.IsKnown && input is { IsKnown: true } known
            ? (there.Device, there.Inode) == (known.Device, known.Inode)
            : Path.GetFullPath(output).Equals(Path.GetFullPath(path), OperatingSystem.IsWindows() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal);

    private static bool IsInside(string output, FileIdentity folder)
    {
        for (var above = Path.GetDirectoryName(Path.GetFullPath(output)); above is not null; above = Path.GetDirectoryName(above))
            if (folder.IsKnown && NativeFiles.FindIdentity(above) == folder)
                return true;

        return false;
    }
}
