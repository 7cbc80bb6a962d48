namespace AdaptThenUnlearn.Tests;

/// <summary>The checkout that the tests run in.</summary>
internal static class Repository
{
    /// <summary>Its root: the nearest folder above the test program that holds the solution.</summary>
    public static string Root { get; } = Find(new DirectoryInfo(AppContext.BaseDirectory));

    private static string Find(DirectoryInfo? folder)
    {
        for (; folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "AdaptThenUnlearn.sln")))
                return folder.FullName;

        throw new InvalidOperationException("the tests must run from within the repository");
    }
}
