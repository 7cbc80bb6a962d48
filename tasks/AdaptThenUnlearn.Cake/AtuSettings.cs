using Cake.Core;
using Cake.Core.IO;
using Cake.Core.Tooling;

namespace AdaptThenUnlearn.Cake;

/// <summary>What every <c>atu</c> command takes: where the tool is.</summary>
/// <remarks>
/// Without <see cref="AtuAssembly"/> and <see cref="ToolSettings.ToolPath"/> it is the local tool that a manifest pins (<c>dotnet tool run atu</c>), and
/// without that what Cake's tool locator finds (a <c>#tool</c>, a global tool, the PATH). What has no property here is added with
/// <see cref="ToolSettings.ArgumentCustomization"/>. Tokens are never arguments: <c>atu</c> reads them from the environment
/// (<see cref="ToolSettings.EnvironmentVariables"/>).
/// </remarks>
public abstract class AtuSettings : ToolSettings
{
    private protected AtuSettings()
    {
    }

    /// <summary><c>atu.dll</c>, run with <c>dotnet</c> (or with <see cref="ToolSettings.ToolPath"/>); for a tool that was built rather than installed.</summary>
    public FilePath? AtuAssembly { get; set; }

    /// <summary>The command that these are the settings of, as <c>atu</c> names it.</summary>
    internal abstract string Command { get; }

    /// <summary>Adds what is set, as options.</summary>
    internal abstract void AppendTo(ProcessArgumentBuilder line, ICakeEnvironment environment);
}
