using System.IO.Enumeration;

namespace AdaptThenUnlearn.Cli;

/// <summary>Finds the files of a pattern, because not every shell does: <c>*</c>, <c>?</c>, and <c>**</c> for folders.</summary>
/// <remarks>As in a shell, a wildcard matches no name that begins with a dot. <c>**</c> follows no links to folders.</remarks>
internal static class FilePattern
{
    private const string AnyFolders = "**";

    private static readonly char[] _wildcards = ['*', '?'];
    private static readonly char[] _separators = [Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar];
    private static readonly EnumerationOptions _all = new() { AttributesToSkip = 0, IgnoreInaccessible = false };

    /// <summary>Whether a text is a pattern, and not the name of a file.</summary>
    public static bool IsPattern(string path) => path.IndexOfAny(_wildcards) >= 0 && !File.Exists(path);

    /// <summary>Replaces each pattern by its files that were not named before it, and leaves paths as they are.</summary>
    /// <param name="given">Paths and patterns.</param>
    /// <param name="unmatched">Patterns that match no file.</param>
    public static IReadOnlyList<string> ExpandAll(IEnumerable<string> given, out IReadOnlyList<string> unmatched)
    {
        var (files, seen, without) = (new List<string>(), new HashSet<string>(StringComparer.Ordinal), new List<string>());
        foreach (var path in given)
        {
            var isPattern = IsPattern(path);
            var found = isPattern ? Expand(path) : [path];
            if (found.Count == 0)
                without.Add(path);
            files.AddRange(found.Where(file => seen.Add(Path.GetFullPath(file)) || !isPattern));
        }

        unmatched = without;
        return files;
    }

    /// <summary>Replaces each pattern by its files.</summary>
    /// <exception cref="BadArgumentException">A pattern matches no file.</exception>
    public static IReadOnlyList<string> ExpandAll(IEnumerable<FileInfo> given)
    {
        var files = ExpandAll(given.Select(file => file.ToString()), out var unmatched);
        return unmatched.Count == 0 ? files : throw NoMatch(unmatched[0]);
    }

    /// <summary>The error of a pattern that matches no file.</summary>
    public static BadArgumentException NoMatch(string pattern) =>
        new($"no file matches '{pattern}'; correct the pattern (* and ? within a name, ** for any folders) or name the files");

    /// <summary>The files of a pattern, in the order of their names; begins each with the pattern's own beginning.</summary>
    private static IReadOnlyList<string> Expand(string pattern)
    {
        var start = pattern.LastIndexOfAny(_separators, pattern.IndexOfAny(_wildcards)) + 1;
        var parts = pattern[start..].Split(_separators, StringSplitOptions.RemoveEmptyEntries);
        return [.. Match(pattern[..start], parts).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
    }

    // A folder is empty, for the current one, or ends with a separator.
    private static IEnumerable<string> Match(string folder, string[] parts)
    {
        if (folder.Length > 0 && !Directory.Exists(folder))
            return [];
        return parts switch
        {
            [AnyFolders] => Match(folder, [AnyFolders, "*"]),
            [AnyFolders, .. var rest] => Match(folder, rest).Concat(
                Names(folder, "*", folders: true)
                    .Where(name => new DirectoryInfo(folder + name).LinkTarget is null)
                    .SelectMany(name => Match($"{folder}{name}/", parts))),
            [var last] => Names(folder, last, folders: false).Select(name => folder + name),
            [var part, .. var rest] when part.IndexOfAny(_wildcards) < 0 => Match($"{folder}{part}/", rest),
            [var part, .. var rest] => Names(folder, part, folders: true).SelectMany(name => Match($"{folder}{name}/", rest)),
            _ => [],
        };
    }

    private static IEnumerable<string> Names(string folder, string part, bool folders)
    {
        var path = folder.Length == 0 ? "." : folder;
        var entries = folders
            ? Directory.EnumerateDirectories(path, "*", _all)
            : Directory.EnumerateFiles(path, "*", _all);
        return entries.Select(Path.GetFileName).OfType<string>().Where(
            name => FileSystemName.MatchesSimpleExpression(part, name, OperatingSystem.IsWindows())
                && (name[0] != '.' || part[0] == '.'));
    }
}
