using Cake.Core;
using Cake.Core.IO;
using Cake.Core.Tooling;

namespace AdaptThenUnlearn.Cake;

/// <summary>Settings of every <c>atu</c> command: where the tool is.</summary>
/// <remarks>
/// Without <see cref="AtuAssembly"/> and <see cref="ToolSettings.ToolPath"/> it is the local tool that a manifest pins
/// (<c>dotnet tool run atu</c>). Without a manifest it is the result of Cake's tool locator (a <c>#tool</c>, a global tool,
/// the PATH).
/// <see cref="ToolSettings.ArgumentCustomization"/> adds arguments that have no property here. Tokens are never arguments:
/// <c>atu</c> reads them from the environment (<see cref="ToolSettings.EnvironmentVariables"/>).
/// </remarks>
public abstract class AtuSettings : ToolSettings
{
    private protected AtuSettings()
    {
    }

    /// <summary>Path of <c>atu.dll</c>, for a tool that was built rather than installed.</summary>
    /// <remarks><c>dotnet</c> runs it, or <see cref="ToolSettings.ToolPath"/>.</remarks>
    public FilePath? AtuAssembly { get; set; }

    /// <summary>Name of the command of <c>atu</c> that these settings are for.</summary>
    internal abstract string Command { get; }

    /// <summary>Adds an option for each property that is set.</summary>
    internal abstract void AppendTo(ProcessArgumentBuilder line, ICakeEnvironment environment);
}
