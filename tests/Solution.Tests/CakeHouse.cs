using AdaptThenUnlearn.Tests;

namespace AdaptThenUnlearn.Solution.Tests;

/// <summary>
/// What a build needs of this repository, copied to where nothing else builds; the aliases are packed there, into a feed.
/// </summary>
public sealed class CakeHouse : IDisposable
{
    private static readonly string[] _parts =
        [
            "CHANGELOG.md", "Directory.Build.props", "Directory.Build.targets", "Directory.Packages.props", "global.json",
            ".config", "build", "build.sh", "build.ps1", "docs/cake.md", "models/mnist", "policies", "samples",
            "tasks/AdaptThenUnlearn.Cake", "tasks/AdaptThenUnlearn.Tasks"
        ];

    public CakeHouse()
    {
        try
        {
            foreach (var part in _parts)
                Copy(part);
            Require(CakeProcess.Run(Folder, "dotnet", "tool", "restore"));
            Require(CakeProcess.Run(
                Folder, "dotnet", "pack", "tasks/AdaptThenUnlearn.Cake", "--configuration", "Release", "--output", "feed"));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>A path that scripts must be able to quote.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("atu cäke ").FullName;

    /// <summary>The tool that the solution built, in the configuration that these tests were built in.</summary>
    public static string Atu { get; } =
        Path.Combine(Repository.Root, "src", "AdaptThenUnlearn.Cli", "bin", AppContext.BaseDirectory.Contains(
            $"{Path.DirectorySeparatorChar}Debug{Path.DirectorySeparatorChar}",
            StringComparison.Ordinal) ? "Debug" : "Release", "net10.0", "atu.dll");

    public string At(string path) => Path.Combine(Folder, path);

    /// <summary>Every file but what a build is expected to write.</summary>
    public IReadOnlyDictionary<string, DateTime> Files() =>
        Directory.EnumerateFiles(Folder, "*", SearchOption.AllDirectories)
            .Where(file => !Path.GetRelativePath(Folder, file)
                .Split(Path.DirectorySeparatorChar)
                .Any(part => part is "bin" or "obj" or "artifacts"))
            .ToDictionary(file => file, File.GetLastWriteTimeUtc);

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static void Require((int ExitCode, string Output, string Errors) ended) =>
        Assert.True(ended.ExitCode == 0, ended.Output + ended.Errors);

    private void Copy(string part)
    {
        var source = Path.Combine(Repository.Root, part);
        foreach (var file in Directory.Exists(source)
            ? Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories)
            : [source])
        {
            var relative = Path.GetRelativePath(Repository.Root, file);
            if (relative.Split(Path.DirectorySeparatorChar).Any(folder => folder is "bin" or "obj"))
                continue;

            Directory.CreateDirectory(Path.GetDirectoryName(At(relative))!);
            File.Copy(file, At(relative));
        }
    }
}
