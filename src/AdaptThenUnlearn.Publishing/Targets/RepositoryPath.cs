namespace AdaptThenUnlearn.Publishing.Targets;

/// <summary>Paths as GitHub shows them: from the repository's root, with forward slashes.</summary>
public static class RepositoryPath
{
    /// <summary>The path of a file; null when it lies outside of the repository.</summary>
    /// <remarks>
    /// A record that was moved, as artifacts are, names its policy relative to where it was written; the steps upwards are then
    /// dropped, since a run's folder lies within the repository.
    /// </remarks>
    /// <param name="workspace">The repository's root; null: the nearest folder with a <c>.git</c> above <paramref name="folder"/>.</param>
    /// <param name="folder">What <paramref name="file"/> is relative to.</param>
    /// <param name="file">Relative or absolute.</param>
    public static string? Resolve(string? workspace, string folder, string file)
    {
        if (file.Contains('\0', StringComparison.Ordinal))
            return null;
        if ((workspace ?? RootAbove(folder)) is { } root && Inside(root, Path.Combine(folder, file)) is { } here)
            return here;
        if (Path.IsPathRooted(file))
            return null;

        var steps = file.Replace('\\', '/').Split('/').SkipWhile(step => step is ".." or ".").ToList();
        return steps.Count > 0 && !steps.Exists(step => step is ".." or "." or "" || step.Contains(':', StringComparison.Ordinal)) ? string.Join('/', steps) : null;
    }

    private static string? Inside(string root, string file)
    {
        var relative = Path.GetRelativePath(Path.GetFullPath(root), Path.GetFullPath(file)).Replace('\\', '/');
        return relative.Split('/')[0] == ".." || Path.IsPathRooted(relative) || !File.Exists(file) ? null : relative;
    }

    private static string? RootAbove(string? folder)
    {
        for (; folder is not null; folder = Path.GetDirectoryName(folder))
            if (Path.Exists(Path.Combine(folder, ".git")))
                return folder;

        return null;
    }
}
