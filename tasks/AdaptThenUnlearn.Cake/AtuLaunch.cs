using AdaptThenUnlearn.Tasks;
using Cake.Core;
using Cake.Core.IO;

namespace AdaptThenUnlearn.Cake;

/// <summary>How <c>atu</c> is started.</summary>
/// <remarks>
/// The first of these wins: the assembly or program in the settings, a manifest's local tool, the result of Cake's tool locator.
/// </remarks>
/// <param name="Programs">File names of the program, for Cake to look up; the settings may give its path instead.</param>
/// <param name="FirstArguments">Arguments before the command.</param>
internal sealed record AtuLaunch(IReadOnlyList<string> Programs, IReadOnlyList<string> FirstArguments)
{
    private const string Package = "AdaptThenUnlearn.Tool";
    private static readonly string[] _atu = ["atu", "atu.exe"];
    private static readonly string[] _dotnet = ["dotnet", "dotnet.exe"];

    /// <summary>Chooses how. A version that the repository pins wins over one that happens to be installed.</summary>
    /// <exception cref="CakeException">There is no <c>atu</c>; the message says how to get it.</exception>
    public static AtuLaunch Choose(ICakeContext context, AtuSettings settings)
    {
        if (settings.AtuAssembly?.MakeAbsolute(context.Environment) is { } assembly)
            return context.FileSystem.Exist(assembly)
                ? new AtuLaunch(_dotnet, [assembly.FullPath])
                : throw Missing($"there is no {assembly}; build it first, or leave AtuAssembly unset and install {Package}");
        if (settings.ToolPath is not null)
            return new AtuLaunch(_atu, []);

        var folder = settings.WorkingDirectory?.MakeAbsolute(context.Environment) ?? context.Environment.WorkingDirectory;
        if (ToolManifest.FindVersion(folder.FullPath) is not null)
            return new AtuLaunch(_dotnet, ["tool", "run", "atu", "--"]);
        return context.Tools.Resolve(_atu) is not null
            ? new AtuLaunch(_atu, [])
            : throw Missing(
                $"the tool is missing: no tool manifest lists {Package}, and Cake found no atu; "
                + $"run 'dotnet new tool-manifest' and 'dotnet tool install {Package}', or set AtuAssembly or ToolPath");

        CakeException Missing(string problem) => new(AtuFailure.NotFinished, $"atu {settings.Command}: {problem}");
    }
}
