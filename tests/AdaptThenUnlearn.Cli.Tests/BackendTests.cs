using System.Xml.Linq;
using AdaptThenUnlearn.Torch.Backend;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>Where libtorch comes from, and the project whose restore brings it.</summary>
public sealed class BackendTests
{
    [Theory]
    [InlineData("cpu", "linux-x64", "libtorch-cpu-linux-x64", InstalledBackend.LibtorchVersion)]
    [InlineData("cpu", "win-x64", "libtorch-cpu-win-x64", InstalledBackend.LibtorchVersion)]
    [InlineData("cpu", "osx-arm64", "libtorch-cpu-osx-arm64", InstalledBackend.LibtorchVersion)]
    [InlineData("cuda", "linux-x64", "TorchSharp-cuda-linux", InstalledBackend.TorchSharpVersion)]
    [InlineData("cuda", "win-x64", "TorchSharp-cuda-windows", InstalledBackend.TorchSharpVersion)]
    public void ProjectText_EachKindAndPlatform_PinsItsPackage(string kind, string platform, string package, string version)
    {
        var project = XDocument.Parse(BackendInstallation.ProjectText(kind, platform));

        var reference = Assert.Single(project.Descendants("PackageReference"));
        Assert.Equal(
            (package, $"[{version}]"), ((string)reference.Attribute("Include")!, (string)reference.Attribute("Version")!));
        Assert.Equal(platform, project.Descendants("RuntimeIdentifier").Single().Value);
    }

    [Theory]
    [InlineData("cuda", "osx-arm64")]
    [InlineData("cpu", "win-arm64")]
    public void ProjectText_NobodyMakesIt_NamesTheOtherWay(string kind, string platform)
    {
        var refused = Assert.Throws<TorchBackendException>(() => BackendInstallation.ProjectText(kind, platform));

        Assert.Contains($"there is no {kind} libtorch package for {platform}", refused.Message, StringComparison.Ordinal);
        Assert.Contains(TorchBackend.FolderVariable, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Show_LibtorchBesideTheProgram_NamesItsFolderAndTheDevices()
    {
        var (exitCode, output, _) = Atu.Run("backend", "show");

        Assert.Equal(0, exitCode);
        Assert.Contains($"libtorch  {TorchBackend.Folder}", output, StringComparison.Ordinal);
        Assert.Contains("devices   cpu", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Install_UnknownKind_IsAWrongArgument()
    {
        var (exitCode, _, errors) = Atu.Run("backend", "install", "tpu");

        Assert.Equal(2, exitCode);
        Assert.Contains("error ATU2000", errors, StringComparison.Ordinal);
        Assert.Contains("cuda", errors, StringComparison.Ordinal);
    }
}
