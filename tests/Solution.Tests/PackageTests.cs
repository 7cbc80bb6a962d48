using System.IO.Compression;
using System.Xml.Linq;
using AdaptThenUnlearn.Cli.Tests;
using AdaptThenUnlearn.Tests;
using AdaptThenUnlearn.Torch.Backend;

namespace AdaptThenUnlearn.Solution.Tests;

/// <summary>
/// The packages that <c>dotnet pack</c> makes: what is in them, what they weigh, and how the tool finds libtorch.
/// </summary>
public sealed class PackageTests(LocalFeed feed, SmallHouse house) : IClassFixture<SmallHouse>
{
    private const int Megabyte = 1_000_000;

    public static TheoryData<string, int> Packages => new()
    {
        { "AdaptThenUnlearn", 3 * Megabyte },
        { "AdaptThenUnlearn.Torch", 3 * Megabyte },
        { "AdaptThenUnlearn.Publishing", 3 * Megabyte },
        { "AdaptThenUnlearn.Cake", 3 * Megabyte },
        { "AdaptThenUnlearn.MSBuild", 3 * Megabyte },
        { "AdaptThenUnlearn.Tool", 50 * Megabyte },   // a third each are the pictures' libraries for Linux, macOS and Windows
    };

    [Fact]
    public void Pack_TheWholeSolution_GivesTheseAndNoOther() => Assert.Equal(
        Packages.Select(package => Path.GetFileName(feed.PackageFile(package.Data.Item1))).Order(StringComparer.Ordinal),
        Directory.EnumerateFiles(feed.Packages).Select(Path.GetFileName).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Packages))]
    public void Package_Weight_IsSmallAndWithoutLibtorch(string id, int limit)
    {
        Assert.InRange(new FileInfo(feed.PackageFile(id)).Length, 1000, limit);

        using var package = ZipFile.OpenRead(feed.PackageFile(id));
        Assert.DoesNotContain(
            package.Entries,
            entry => entry.Name.Contains("torch_cpu", StringComparison.OrdinalIgnoreCase)
                || entry.Name.Contains("torch_cuda", StringComparison.OrdinalIgnoreCase));
        using var nuspec = package.GetEntry(id + ".nuspec")!.Open();
        var metadata = XDocument.Load(nuspec).Descendants().ToLookup(element => element.Name.LocalName, element => element.Value);
        Assert.Equal(["MIT"], metadata["license"]);
        Assert.Contains(Assert.Single(metadata["readme"]), package.Entries.Select(entry => entry.FullName));
        Assert.NotEqual("Package Description", Assert.Single(metadata["description"]));
    }

    [Fact]
    public void Tool_WithoutLibtorch_NamesTheThreeWaysToBringIt()
    {
        Assert.SkipWhen(
            OperatingSystem.IsWindows() && InstalledBackend.Folder is not null,
            "the user's folder for data cannot be set apart by a variable there, and this user has a backend in it");
        var consumer = feed.NewConsumer();
        var environment = WithoutLibtorch(consumer);
        environment["HOME"] = consumer.At("home");   // macOS keeps data there, whatever the other variable says
        using var atu = consumer.Start(
            environment, "tool", "run", "atu", "--", "govern", house.Policy("without"), "--out", consumer.At("out"));
        var (exitCode, output) = atu.Finish();

        Assert.Equal(3, exitCode);
        Assert.Matches("error ATU2008: .*'atu backend install cpu'.*ATU_LIBTORCH.*libtorch-cpu-", output);
    }

    [Fact]
    public void Tool_BackendInstalledForTheUser_GovernsWithIt()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the user's folder for data cannot be set apart by a variable there");
        var consumer = feed.NewConsumer();
        var environment = WithoutLibtorch(consumer);
        environment["NUGET_PACKAGES"] = null;   // the machine's own, where libtorch lies already
        environment["DOTNET_CLI_HOME"] = null;
        var tool =
            Path.Combine(feed.Root, "packages", "adaptthenunlearn.tool", LocalFeed.Version, "tools", "net10.0", "any", "atu.dll");

        using (var install = consumer.Start(environment, tool, "backend", "install", "cpu"))
        {
            var (exitCode, output) = install.Finish();
            Assert.SkipWhen(output.Contains("NU1301", StringComparison.Ordinal), "no package source can be reached");
            Assert.True(exitCode == 0, output);
        }

        using (var show = consumer.Start(environment, tool, "backend", "show"))
            Assert.Contains(
                Path.Combine(consumer.At("data"), "AdaptThenUnlearn", "libtorch-" + InstalledBackend.LibtorchVersion, "cpu"),
                show.Finish().Output,
                StringComparison.Ordinal);
        using var atu = consumer.Start(
            environment, tool, "govern", house.Policy("installed", "\"maxRate\": 0.9"), "--out", consumer.At("out"));
        Assert.Contains("installed: Passed", atu.Finish().Output, StringComparison.Ordinal);

        // Nothing but the two is left behind.
        Assert.Equal(["chosen", "cpu"], Directory.EnumerateFileSystemEntries(Path.Combine(
            consumer.At("data"),
            "AdaptThenUnlearn",
            "libtorch-" + InstalledBackend.LibtorchVersion)).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Backend_Versions_AreTheOnesThatTheSolutionIsBuiltWith()
    {
        var versions = XDocument.Load(Path.Combine(Repository.Root, "Directory.Packages.props")).Descendants("PackageVersion")
            .ToDictionary(element => (string)element.Attribute("Include")!, element => (string)element.Attribute("Version")!);

        Assert.All(
            versions.Where(package => package.Key.StartsWith("libtorch-cpu-", StringComparison.Ordinal)),
            package => Assert.Equal(InstalledBackend.LibtorchVersion, package.Value));
        Assert.All(
            versions.Where(package => package.Key.StartsWith("TorchSharp", StringComparison.Ordinal)),
            package => Assert.Equal(InstalledBackend.TorchSharpVersion, package.Value));
    }

    // Apart from whatever this user has installed, or the system.
    private static Dictionary<string, string?> WithoutLibtorch(Consumer consumer) => new()
    {
        [TorchBackend.FolderVariable] = null,
        ["XDG_DATA_HOME"] = consumer.At("data"),
        ["LD_LIBRARY_PATH"] = null,
        ["DYLD_LIBRARY_PATH"] = null,
    };
}
