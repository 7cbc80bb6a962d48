using System.IO.Compression;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using AdaptThenUnlearn.Cli.Tests;
using AdaptThenUnlearn.Tests;
using AdaptThenUnlearn.Torch.Backend;

namespace AdaptThenUnlearn.Solution.Tests;

/// <summary>
/// The packages that <c>dotnet pack</c> makes: what is in them, what they weigh, and how the tool finds libtorch.
/// </summary>
public sealed partial class PackageTests(LocalFeed feed, SmallHouse house) : IClassFixture<SmallHouse>
{
    private const int Megabyte = 1_000_000;

    public static TheoryData<string, int> Packages => new()
    {
        { "AdaptThenUnlearn", 3 * Megabyte },
        { "AdaptThenUnlearn.Torch", 3 * Megabyte },
        { "AdaptThenUnlearn.Onnx", 3 * Megabyte },
        { "AdaptThenUnlearn.Publishing", 3 * Megabyte },
        { "AdaptThenUnlearn.Cake", 3 * Megabyte },
        { "AdaptThenUnlearn.MSBuild", 3 * Megabyte },
        { "AdaptThenUnlearn.Tool", 70 * Megabyte },   // nearly all are SkiaSharp and ONNX Runtime for Linux, macOS and Windows
    };

    public static TheoryData<string> Ids => [.. Packages.Select(package => package.Data.Item1)];

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
    }

    // What a feed shows of a package: its page must be whole there, without the repository around it.
    [Theory]
    [MemberData(nameof(Ids))]
    public void Package_PageOnAFeed_HasReadmeIconAddressesLicenceAndReleaseNotes(string id)
    {
        using var package = ZipFile.OpenRead(feed.PackageFile(id));
        using var nuspec = package.GetEntry(id + ".nuspec")!.Open();
        var metadata = XDocument.Load(nuspec).Descendants().ToLookup(element => element.Name.LocalName);
        string Value(string name) => Assert.Single(metadata[name]).Value;

        Assert.Equal("MIT", Value("license"));
        Assert.NotEqual("Package Description", Value("description"));
        Assert.Equal(LocalFeed.RepositoryUrl, Value("projectUrl"));
        var repository = Assert.Single(metadata["repository"]);
        Assert.Equal(
            ("git", LocalFeed.RepositoryUrl), ((string)repository.Attribute("type")!, (string)repository.Attribute("url")!));

        var notes = Value("releaseNotes");
        Assert.StartsWith("The first release.", notes, StringComparison.Ordinal);
        Assert.DoesNotContain("](", notes, StringComparison.Ordinal);
        Assert.InRange(notes.Length, 100, 35_000);   // a feed takes no more

        var icon = Read(package.GetEntry(Value("icon"))!);
        Assert.InRange(icon.Length, 500, 20_000);
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], icon[..4]);

        var readme = System.Text.Encoding.UTF8.GetString(Read(package.GetEntry(Value("readme"))!));
        Assert.StartsWith($"# {(id == "AdaptThenUnlearn.Tool" ? "atu" : id)}\n", readme, StringComparison.Ordinal);
        Assert.All(
            LinkPattern().Matches(readme),
            link => Assert.StartsWith("https://", link.Groups[1].Value, StringComparison.Ordinal));
        Assert.DoesNotContain("<img", readme, StringComparison.Ordinal);
        Assert.DoesNotContain("--project src/", readme, StringComparison.Ordinal);
        Assert.Equal(
            ["README.md"],
            package.Entries.Select(entry => entry.FullName).Where(name => name.EndsWith(".md", StringComparison.Ordinal)));
    }

    // The code of a readme is a part of the manual's, which other tests run.
    [Fact]
    public void Readme_Code_IsInTheManual()
    {
        var manual = WithoutIndents(File.ReadAllText(Path.Combine(Repository.Root, "docs", "library.md")));
        var readmes = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "PACKAGE.md", SearchOption.AllDirectories);
        var code = readmes.SelectMany(readme => CodePattern().Matches(File.ReadAllText(readme))).ToList();

        Assert.NotEmpty(code);
        Assert.All(code, block => Assert.Contains(WithoutIndents(block.Groups[1].Value), manual, StringComparison.Ordinal));

        static string WithoutIndents(string text) => string.Join('\n', text.Split('\n').Select(line => line.Trim()));
    }

    // Where no address is given it is the remote's; a folder is not an address, and a token in one stays at home.
    [Theory]
    [InlineData("https://name:token@git.example/team/repository", "https://git.example/team/repository")]
    [InlineData("file:///home/me/repository", "")]
    public void RepositoryUrl_OfTheRemote_IsTakenWhereItIsAnAddress(string remote, string expected)
    {
        using var build = Command.Start(
            Repository.Root,
            new Dictionary<string, string?>
            {
                ["GITHUB_REPOSITORY"] = null,
                ["CI_PROJECT_URL"] = null,
                ["BUILD_REPOSITORY_URI"] = null,
            },
            "dotnet", "msbuild", "src/AdaptThenUnlearn.Publishing", "-t:FindRepositoryUrl", "-getProperty:PackageProjectUrl",
            $"-p:PrivateRepositoryUrl={remote}");
        var (exitCode, output) = build.Finish();

        Assert.True(exitCode == 0, output);
        Assert.Equal(expected, output.Trim());
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
            Assert.Contains("libtorch 2.10 for the CPU is installed in ", output, StringComparison.Ordinal);
            Assert.Contains("; atu uses it from now on", output, StringComparison.Ordinal);
            Assert.DoesNotContain("backend.dll", output, StringComparison.Ordinal);
        }

        // It is there already, and programs read that too.
        using (var again = consumer.Start(environment, tool, "backend", "install", "cpu", "--json"))
        {
            using var result = System.Text.Json.JsonDocument.Parse(again.Finish().Output);
            Assert.Equal(
                ["kind", "version", "folder", "used"], result.RootElement.EnumerateObject().Select(property => property.Name));
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

    private static byte[] Read(ZipArchiveEntry entry)
    {
        using var content = entry.Open();
        using var bytes = new MemoryStream();
        content.CopyTo(bytes);
        return bytes.ToArray();
    }

    [GeneratedRegex(@"\]\(([^)]+)\)")]
    private static partial Regex LinkPattern();

    [GeneratedRegex(@"(?s)```csharp\n(.*?)```")]
    private static partial Regex CodePattern();

    // Apart from whatever this user has installed, or the system.
    private static Dictionary<string, string?> WithoutLibtorch(Consumer consumer) => new()
    {
        [TorchBackend.FolderVariable] = null,
        ["XDG_DATA_HOME"] = consumer.At("data"),
        ["LD_LIBRARY_PATH"] = null,
        ["DYLD_LIBRARY_PATH"] = null,
    };
}
