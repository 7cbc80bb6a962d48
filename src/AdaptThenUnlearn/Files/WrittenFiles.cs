namespace AdaptThenUnlearn.Files;

/// <summary>The list, kept in a folder, of the files there that this tool wrote. Only these may be replaced.</summary>
/// <remarks>
/// One name on each line, relative to the folder, with forward slashes. Without the list, no file in the folder is replaced.
/// </remarks>
public static class WrittenFiles
{
    /// <summary>Name of the list's file.</summary>
    public const string FileName = ".atu-made";

    private const long MaxBytes = 1 << 20;
    private const string Heading = "# files that atu wrote here, and may replace";

    /// <summary>Reads the names; none if there is no list.</summary>
    /// <param name="folder">The folder; it need not exist.</param>
    public static IReadOnlySet<string> Read(string folder)
    {
        try
        {
            return RegularFile.ReadAllText(Path.Combine(folder, FileName), MaxBytes)
                .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Where(line => line[0] != '#')
                .ToHashSet(StringComparer.Ordinal);
        }
        catch (Exception none) when (none is IOException or UnauthorizedAccessException)
        {
            return new HashSet<string>();
        }
    }

    /// <summary>Adds names, before the files are written.</summary>
    /// <param name="folder">The folder; it is created if necessary.</param>
    /// <param name="names">Names relative to the folder, with forward slashes.</param>
    /// <exception cref="FileNotWrittenException">The folder cannot be written.</exception>
    public static void Add(string folder, IEnumerable<string> names)
    {
        var known = Read(folder);
        var all = known.Union(names).Order(StringComparer.Ordinal).ToList();
        if (all.Count > known.Count)
            AtomicFile.Write(Path.Combine(folder, FileName), $"{Heading}\n{string.Join('\n', all)}\n");
    }
}
