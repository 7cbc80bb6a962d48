using System.Text.RegularExpressions;

namespace AdaptThenUnlearn.Tasks;

/// <summary>
/// The manifest of local .NET tools, in which a repository pins its <c>atu</c>. It is compiled into both task packages.
/// </summary>
internal static class ToolManifest
{
    /// <summary>Name of the tool's package, as in NuGet's folders.</summary>
    public const string PackageId = "adaptthenunlearn.tool";

    private const string FileName = "dotnet-tools.json";
    private static readonly Regex _entry =
        new($"\"{PackageId}\"\\s*:\\s*{{[^}}]*\"version\"\\s*:\\s*\"([^\"]+)\"", RegexOptions.IgnoreCase);

    /// <summary>The version that the nearest manifest pins.</summary>
    /// <remarks>It searches as dotnet does: upwards, and not above a manifest that is marked as the root.</remarks>
    /// <param name="folder">Folder in which the search begins.</param>
    /// <returns>The version; null where no manifest lists the tool.</returns>
    public static string? FindVersion(string folder)
    {
        for (var at = new DirectoryInfo(folder); at is not null; at = at.Parent)
            foreach (var subfolder in new[] { ".config", "" })
            {
                var manifest = Path.Combine(at.FullName, subfolder, FileName);
                if (!File.Exists(manifest))
                    continue;

                var text = File.ReadAllText(manifest);
                if (_entry.Match(text) is { Success: true } entry)
                    return entry.Groups[1].Value;
                if (Regex.IsMatch(text, "\"isRoot\"\\s*:\\s*true", RegexOptions.IgnoreCase))
                    return null;
            }

        return null;
    }
}
