namespace AdaptThenUnlearn.Solution.Tests;

/// <summary>Which runs are alive, no matter who started them: read from /proc, so on Linux only.</summary>
internal static class ProcessesOnLinux
{
    /// <summary>Command lines of the processes that govern into a folder.</summary>
    public static IReadOnlyList<string> ThatGovernInto(string folder) =>
        [.. Directory.EnumerateDirectories("/proc")
            .Where(process => int.TryParse(Path.GetFileName(process), out _))
            .Select(CommandLine)
            .Where(
                line => line.Contains("govern", StringComparison.Ordinal)
                    && line.Contains(folder, StringComparison.Ordinal))];

    private static string CommandLine(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline"));
        }
        catch (Exception ended) when (ended is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
