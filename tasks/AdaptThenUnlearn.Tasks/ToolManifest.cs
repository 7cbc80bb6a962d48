using System.Text.RegularExpressions;

namespace AdaptThenUnlearn.Tasks;

/// <summary>The manifest of local .NET tools in which a repository pins its <c>atu</c>; compiled into each of the task packages.</summary>
internal static class ToolManifest
{
    /// <summary>Name of the tool's package, as NuGet's folders spell it.</summary>
    public const string PackageId = "adaptthenunlearn.tool";

    /// <summary>The version that the nearest manifest pins, looked for as dotnet does: upwards, and no further than a manifest that says it is the root.</summary>
    /// <param name="folder">Where to begin.</param>
    /// <returns>Null where no manifest lists the tool.</returns>
    public static string? FindVersion(string folder)
    {
        for (var at = new DirectoryInfo(folder); at is not null; at = at.Parent)
            foreach (var manifest in new[] { Path.Combine(at.FullName, ".config", "dotnet-tools.json"), Path.Combine(at.FullName, "dotnet-tools.json") })
            {
                if (!File.Exists(manifest))
                    continue;

                var text = File.ReadAllText(manifest);
                if (Regex.Match(text, $"\"{PackageId}\"\\s*:\\s*{{[^}}]*\"version\"\\s*:\\s*\"([^\"]+)\"", RegexOptions.IgnoreCase) is { Success: true } entry)
                    return entry.Groups[1].Value;
                if (Regex.IsMatch(text, "\"isRoot\"\\s*:\\s*true", RegexOptions.IgnoreCase))
                    return null;
            }

        return null;
    }
}
