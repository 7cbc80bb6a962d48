using System.Text.RegularExpressions;

namespace AdaptThenUnlearn.Files;

/// <summary>
/// The path of a file in a restored NuGet package, <c>nuget:ID/VERSION/FILE</c>, so that policies and models can be versioned and
/// delivered like any dependency.
/// </summary>
/// <remarks>
/// The package is not downloaded here. A restore puts it into the folder of packages, in
/// <c>id/version/</c> in lower case
/// (<see href="https://learn.microsoft.com/nuget/consume-packages/managing-the-global-packages-and-cache-folders"/>).
/// </remarks>
public static partial class PackagePath
{
    /// <summary>Environment variable that names the folder of packages, as NuGet reads it.</summary>
    public const string FolderVariable = "NUGET_PACKAGES";

    /// <summary>What such paths must look like, as a regular expression.</summary>
    internal const string Form = Prefix + Version + "(/(?!\\.\\.?(/|$))[^/\\\\:\\r\\n]+)+(?!\\n)$";

    private const string Scheme = "nuget:";
    private const string Prefix = "^" + Scheme + "[A-Za-z0-9_][A-Za-z0-9_.-]*";
    private const string Version = "/[0-9][A-Za-z0-9.+-]*";

    /// <summary>
    /// What is wrong with a path that names a package, in words that follow the property's name; null where nothing is.
    /// </summary>
    /// <param name="path">As a policy has it.</param>
    public static string? FindProblem(string path) => !IsInPackage(path) || FormRegex().IsMatch(path)
        ? null
        : $"is not a file of a package: write {Scheme}ID/VERSION/FILE, such as {Scheme}Contoso.Policies/1.2.0/digits.json, "
            + "with '/' and without '..'";

    /// <summary>Whether a path names a file of a package.</summary>
    public static bool IsInPackage(string path) => path.StartsWith(Scheme, StringComparison.Ordinal);

    /// <summary>Whether a path, once its ".." are resolved, is still in the package that it names.</summary>
    /// <param name="path">As it is written, with "..".</param>
    /// <param name="resolved">The same without.</param>
    internal static bool IsSamePackage(string path, string resolved) =>
        IsInPackage(resolved) && FindProblem(resolved) is null && PackageOf(path) == PackageOf(resolved);

    /// <summary>Where the file of a package is after a restore; whether it is there is not looked at.</summary>
    /// <param name="path"><c>nuget:ID/VERSION/FILE</c>.</param>
    /// <exception cref="IOException">The path has another form, or the folder of packages is not known.</exception>
    public static string Locate(string path)
    {
        if (FindProblem(path) is { } problem)
            throw new IOException($"'{path}' {problem}");

        var (id, version, file) = Parse(path);
        return Path.Combine(PackageFolder(id, version), file);
    }

    /// <summary>Where a file is that a policy names: in its package, or below the policy's folder.</summary>
    /// <param name="folder">Of the policy; empty for paths that are not relative to one.</param>
    /// <param name="path"><c>nuget:ID/VERSION/FILE</c>, or any other path.</param>
    /// <exception cref="IOException">As for <see cref="Locate"/>.</exception>
    public static string LocateFrom(string folder, string path) =>
        IsInPackage(path) ? Locate(path) : Path.Combine(folder, path);

    /// <summary>
    /// Why a file of a package is not there, as far as it can be told; null where it is there, and for any other path.
    /// </summary>
    /// <param name="path"><c>nuget:ID/VERSION/FILE</c> in the right form, or any other path.</param>
    public static string? WhyMissing(string path)
    {
        if (!IsInPackage(path) || Path.Exists(Locate(path)))
            return null;

        var (id, version, file) = Parse(path);
        return Directory.Exists(PackageFolder(id, version))
            ? $"the package {id} {version} has no file {file}"
            : $"the package {id} {version} is not in {PackagesFolder}: restore a project that refers to exactly this "
                + $"version, or set {FolderVariable} to the folder where it is";
    }

    private static string PackagesFolder
    {
        get
        {
#pragma warning disable RS0030 // this class is the home of NUGET_PACKAGES
            var chosen = Environment.GetEnvironmentVariable(FolderVariable);
#pragma warning restore RS0030
            var folder = string.IsNullOrEmpty(chosen)
                ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages")
                : chosen;
            return Path.IsPathFullyQualified(folder)
                ? folder
                : throw new IOException($"the folder of packages is not known: set {FolderVariable} to its full path");
        }
    }

    private static string PackageOf(string path) => string.Join('/', path.Replace('\\', '/').Split('/').Take(2));

    private static string PackageFolder(string id, string version) =>
        Path.Combine(PackagesFolder, id.ToLowerInvariant(), version.ToLowerInvariant());

    private static (string Id, string Version, string File) Parse(string path)
    {
        var parts = path[Scheme.Length..].Split('/', 3);
        return (parts[0], parts[1], parts[2]);
    }

    [GeneratedRegex(Form)]
    private static partial Regex FormRegex();
}
