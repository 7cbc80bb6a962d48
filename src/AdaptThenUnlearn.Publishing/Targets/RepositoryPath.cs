namespace AdaptThenUnlearn.Publishing.Targets;

/// <summary>Paths as code hosts show them: relative to the repository's root, with forward slashes.</summary>
public static class RepositoryPath
{
    /// <summary>The path of a file; null where it is outside the repository.</summary>
    /// <remarks>
    /// A record that was moved, as artifacts are, names its policy relative to where it was written. Leading <c>..</c> steps are
    /// then dropped, because a run's folder is in the repository.
    /// </remarks>
    /// <param name="workspace">
    /// The repository's root; null means the nearest folder with a <c>.git</c> above <paramref name="folder"/>.
    /// </param>
    /// <param name="folder">Folder that <paramref name="file"/> is relative to.</param>
    /// <param name="file">A relative or absolute path.</param>
    public static string? Resolve(string? workspace, string folder, string file)
    {
        if (file.Contains('\0', StringComparison.Ordinal))
            return null;
        if ((workspace ?? RootAbove(folder)) is { } root && Inside(root, Path.Combine(folder, file)) is { } here)
            return here;
        if (Path.IsPathRooted(file))
            return null;

        var steps = file.Replace('\\', '/').Split('/').SkipWhile(step => step is ".." or ".").ToList();
        return steps.Count > 0 && steps.TrueForAll(IsPlain) ? string.Join('/', steps) : null;
    }

    private static bool IsPlain(string step) => step is not (".." or "." or "") && !step.Contains(':', StringComparison.Ordinal);

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
