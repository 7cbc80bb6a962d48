namespace AdaptThenUnlearn.Files;

/// <summary>Which files of a folder this tool wrote, kept in the folder: these may be replaced, and no other.</summary>
/// <remarks>One name a line, relative to the folder, with forward slashes. Whoever deletes the file keeps what is there from being replaced.</remarks>
public static class WrittenFiles
{
    /// <summary>Name of the file.</summary>
    public const string FileName = ".atu-made";

    private const long MaxBytes = 1 << 20;
    private const string Heading = "# files that atu wrote here, and may replace";

    /// <summary>The names; none where there is no mark.</summary>
    /// <param name="folder">Need not be there.</param>
    public static IReadOnlySet<string> Read(string folder)
    {
        try
        {
            return RegularFile.ReadAllText(Path.Combine(folder, FileName), MaxBytes).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Where(line => line[0] != '#').ToHashSet(StringComparer.Ordinal);
        }
        catch (Exception none) when (none is IOException or UnauthorizedAccessException)
        {
            return new HashSet<string>();
        }
    }

    /// <summary>Adds names, before the files are written.</summary>
    /// <param name="folder">Made if need be.</param>
    /// <param name="names">Relative to it, with forward slashes.</param>
    /// <exception cref="FileNotWrittenException">The folder cannot be written.</exception>
    public static void Add(string folder, IEnumerable<string> names)
    {
        var known = Read(folder);
        var all = known.Union(names).Order(StringComparer.Ordinal).ToList();
        if (all.Count > known.Count)
            AtomicFile.Write(Path.Combine(folder, FileName), $"{Heading}\n{string.Join('\n', all)}\n");
    }
}
