namespace AdaptThenUnlearn.Files;

/// <summary>The files of a folder and its sub-folders: those that count, and those that are left out by rule.</summary>
/// <remarks>
/// Hidden entries and those that systems and programs leave behind do not count. Links are followed, but no folder is read
/// twice, so that a link to itself or to an enclosing folder multiplies nothing.
/// </remarks>
/// <param name="Files">Full paths, in ordinal order.</param>
/// <param name="Hidden">Hidden and system files and folders, relative to the folder, in ordinal order; what hidden folders hold is not looked at.</param>
/// <param name="Repeated">Links to folders that are read elsewhere, or that enclose this one; relative, in ordinal order.</param>
public sealed record FolderListing(IReadOnlyList<string> Files, IReadOnlyList<string> Hidden, IReadOnlyList<string> Repeated)
{
    private const int MaxLinks = 40;   // of one path, as Linux follows them

    // Left behind by macOS, Windows, and the file servers of Synology and QNAP.
    private static readonly HashSet<string> _system = new(StringComparer.OrdinalIgnoreCase)
    {
        "__MACOSX", "Thumbs.db", "desktop.ini", "$RECYCLE.BIN", "System Volume Information", "lost+found", "@eaDir", "#recycle", "@Recycle", "@Recently-Snapshot",
    };

    /// <summary>Whether an entry is left out by its name: it begins with a dot, or a system or program is known to leave it behind.</summary>
    /// <param name="name">Without its folder.</param>
    public static bool IsHidden(string name) => name.StartsWith('.') || _system.Contains(name);

    /// <summary>Lists a folder.</summary>
    /// <param name="folder">Its own name does not matter, only those of what it holds.</param>
    /// <exception cref="IOException">It, or a folder in it, cannot be read, or links lead nowhere but to each other.</exception>
    /// <exception cref="UnauthorizedAccessException">A folder may not be read.</exception>
    public static FolderListing Scan(string folder)
    {
        var root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        var real = RealPath(root);
        List<string> files = [], hidden = [], repeated = [];
        HashSet<string> seen = [real];
        Walk(root, real);
        return new FolderListing(Ordered(files), Ordered(hidden), Ordered(repeated));

        void Walk(string path, string where)
        {
            List<(string Path, FileSystemInfo Entry)> folders = [];
            foreach (var entry in new DirectoryInfo(path).EnumerateFileSystemInfos())
            {
                var at = Path.Combine(path, entry.Name);
                if (IsHidden(entry.Name))
                    hidden.Add(Path.GetRelativePath(root, at));
                else if (Directory.Exists(at))
                    folders.Add((at, entry));
                else
                    files.Add(at);
            }

            // Real folders first, so that it is the link that is left out and not the folder it leads to.
            foreach (var (at, entry) in folders.OrderBy(each => each.Entry.LinkTarget is not null).ThenBy(each => each.Path, StringComparer.Ordinal))
            {
                var target = entry.LinkTarget is null ? Path.Combine(where, entry.Name) : RealPath(at);
                if (Encloses(target, real) || !seen.Add(target))
                    repeated.Add(Path.GetRelativePath(root, at));
                else
                    Walk(at, target);
            }
        }
    }

    private static bool Encloses(string outer, string inner) => inner == outer || inner.StartsWith(Path.TrimEndingDirectorySeparator(outer) + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    private static string[] Ordered(List<string> names) => [.. names.Order(StringComparer.Ordinal)];

    // Every link of the path followed, those of the folders on the way too.
    private static string RealPath(string path)
    {
        var followed = 0;
        return Real(path);

        string Real(string full)
        {
            if (Path.GetDirectoryName(full) is not { } parent)
                return full;

            var at = Path.Combine(Real(parent), Path.GetFileName(full));
            if (new DirectoryInfo(at).LinkTarget is not { } target)
                return at;
            if (++followed > MaxLinks)
                throw new IOException($"{path}: too many links in a row");
            return Real(Path.TrimEndingDirectorySeparator(Path.GetFullPath(target, Path.GetDirectoryName(at)!)));
        }
    }
}
