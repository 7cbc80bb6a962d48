using System.Runtime.InteropServices;
using AdaptThenUnlearn.Tasks;

namespace AdaptThenUnlearn.MSBuild;

/// <summary>
/// How <c>atu</c> is started: by a path in the project, else the local tool of the nearest manifest, else a program on the PATH.
/// </summary>
internal sealed class AtuTool
{
    private AtuTool(string program, params string[] arguments) => (Program, Arguments) = (program, arguments);

    /// <summary>The program to start.</summary>
    public string Program { get; }

    /// <summary>Arguments before <c>govern</c>.</summary>
    public IReadOnlyList<string> Arguments { get; }

    /// <summary>Finds the tool.</summary>
    /// <param name="given">
    /// Path of a program or a .NET assembly, relative to the project; empty where the project gives none.
    /// </param>
    /// <param name="projectFolder">Folder from which manifests are searched upwards.</param>
    /// <param name="packageFolder">NuGet's package folder; null where it is unknown.</param>
    /// <returns>The tool; null where there is none.</returns>
    public static AtuTool? Find(string? given, string projectFolder, string? packageFolder)
    {
        if (!string.IsNullOrWhiteSpace(given))
        {
            var path = Path.GetFullPath(Path.Combine(projectFolder, given!.Trim()));
            return !File.Exists(path) ? null
                : path.EndsWith(".dll", StringComparison.OrdinalIgnoreCase) ? new AtuTool(Dotnet, path)
                : new AtuTool(path);
        }

        if (ToolManifest.FindVersion(projectFolder) is { } version)
            return Installed(packageFolder, version) is { } assembly
                ? new AtuTool(Dotnet, assembly)
                : new AtuTool(Dotnet, "tool", "run", "atu", "--");
        return OnPath(ProgramName("atu")) is { } program ? new AtuTool(program) : null;
    }

    /// <summary>A sentence that says where the tool was searched and how to get it.</summary>
    public static string HowToGetIt(string? given) => string.IsNullOrWhiteSpace(given)
        ? "atu was not found: no tool manifest above the project lists AdaptThenUnlearn.Tool, and no atu is on the PATH; "
            + "run 'dotnet new tool-manifest' and 'dotnet tool install AdaptThenUnlearn.Tool', or set GovernModelsToolPath"
        : $"GovernModelsToolPath names '{given}', which is not there";

    // The file that "dotnet tool run" starts after half a second of looking for it. "dotnet tool restore" creates it.
    private static string? Installed(string? packageFolder, string version)
    {
        var tools = Path.Combine(packageFolder ?? "", ToolManifest.PackageId, version.ToLowerInvariant(), "tools");
        return Directory.Exists(tools)
            ? Directory.EnumerateFiles(tools, "atu.dll", SearchOption.AllDirectories).FirstOrDefault()
            : null;
    }

    private static string? OnPath(string program) =>
        Variable("PATH").Split([Path.PathSeparator], StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder.Trim('"'), program)).FirstOrDefault(File.Exists);

    // The dotnet that runs this build. Other builds, such as Visual Studio's, have none.
    private static string Dotnet => Variable("DOTNET_HOST_PATH") is { Length: > 0 } host
        ? host
        : OnPath(ProgramName("dotnet")) ?? ProgramName("dotnet");

    private static string ProgramName(string name) => RuntimeInformation.IsOSPlatform(OSPlatform.Windows) ? name + ".exe" : name;

#pragma warning disable RS0030 // this class is the one that looks for programs
    private static string Variable(string name) => Environment.GetEnvironmentVariable(name) ?? "";
#pragma warning restore RS0030
}
