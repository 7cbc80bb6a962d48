namespace AdaptThenUnlearn.Tests;

/// <summary>Where the cases of real-world files lie: outside the repository, above the checkout.</summary>
internal static class SharedCases
{
    /// <summary>
    /// The folder that <c>ATU_CASES</c> names, or <c>shared/cases/files</c> above the tests; null where there is none.
    /// </summary>
    public static string? Folder { get; } = Find();

    private static string? Find()
    {
        if (Environment.GetEnvironmentVariable("ATU_CASES") is { Length: > 0 } named)
            return named;
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (Path.Combine(folder.FullName, "shared", "cases", "files") is var found && Directory.Exists(found))
                return found;
        return null;
    }
}
