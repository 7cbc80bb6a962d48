namespace AdaptThenUnlearn.Files;

/// <summary>The files of a folder and its sub-folders: those that are used, and those that are left out by rule.</summary>
/// <remarks>
/// Hidden entries, and entries that systems and programs leave behind, are left out. Links are followed, but no folder is read
/// twice, so that a link to an enclosing folder does not multiply files.
/// </remarks>
/// <param name="Files">Full paths, in ordinal order.</param>
/// <param name="Hidden">
/// Hidden and system files and folders, relative to the folder, in ordinal order. Hidden folders are not searched.
/// </param>
/// <param name="Repeated">Links to folders that are read already, or that enclose this one; relative, in ordinal order.</param>
public sealed record FolderListing(IReadOnlyList<string> Files, IReadOnlyList<string> Hidden, IReadOnlyList<string> Repeated)
{
    private const int MaxLinks = 40;   // in one path, as on Linux

    // Left behind by macOS, Windows, and the file servers of Synology and QNAP.
    private static readonly HashSet<string> _system = new(StringComparer.OrdinalIgnoreCase)
    {
        "__MACOSX", "Thumbs.db", "desktop.ini", "$RECYCLE.BIN", "System Volume Information", "lost+found", "@eaDir",
        "#recycle", "@Recycle", "@Recently-Snapshot",
    };

    /// <summary>
    /// Whether an entry is left out because of its name: it begins with a dot, or systems or programs leave it behind.
    /// </summary>
    /// <param name="name">The name without its folder.</param>
    public static bool IsHidden(string name) => name.StartsWith('.') || _system.Contains(name);

    /// <summary>Lists a folder.</summary>
    /// <param name="folder">The folder; its own name may be hidden.</param>
    /// <exception cref="IOException">The folder or one in it cannot be read, or links lead only to each other.</exception>
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

            // Read real folders before links, so that the link is left out and not the folder that it leads to.
            foreach (var (at, entry) in folders.OrderBy(each => each.Entry.LinkTarget is not null)
                .ThenBy(each => each.Path, StringComparer.Ordinal))
            {
                var target = entry.LinkTarget is null ? Path.Combine(where, entry.Name) : RealPath(at);
                if (Encloses(target, real) || !seen.Add(target))
                    repeated.Add(Path.GetRelativePath(root, at));
                else
                    Walk(at, target);
            }
        }
    }

    private static bool Encloses(string outer, string inner) => inner == outer
        || inner.StartsWith(Path.TrimEndingDirectorySeparator(outer) + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    private static string[] Ordered(List<string> names) => [.. names.Order(StringComparer.Ordinal)];

    // The path with every link in it resolved, those of parent folders too.
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
