using AdaptThenUnlearn.Tests;
using AdaptThenUnlearn.Torch.Backend;

[assembly: AssemblyFixture(typeof(AdaptThenUnlearn.Solution.Tests.LocalFeed))]

namespace AdaptThenUnlearn.Solution.Tests;

/// <summary>Our packages, packed once in a test run, and a place outside the repository where projects use them.</summary>
/// <remarks>
/// Below <see cref="Root"/> the feed is a package source beside the machine's own, and <c>atu</c> is a local tool. Packages go
/// to a folder of this run, so that nothing packed before is ever used; libtorch is the one these tests run on.
/// </remarks>
public sealed class LocalFeed : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("atu-feed-");
    private readonly Lazy<string> _packed;
    private int _consumers;

    public LocalFeed() => _packed = new Lazy<string>(Pack);

    /// <summary>The repository's address, which a checkout without a remote host does not know.</summary>
    public const string RepositoryUrl = "https://git.example/team/adapt-then-unlearn";

    /// <summary>The folder of the package files; packs them when first asked for.</summary>
    public string Packages => _packed.Value;

    /// <summary>Where consumers lie: it has a <c>NuGet.config</c> and a tool manifest.</summary>
    public string Root => _packed.Value is null ? "" : _root.FullName;

    /// <summary>The environment of a consumer's programs.</summary>
    public IReadOnlyDictionary<string, string?> Environment => new Dictionary<string, string?>
    {
        ["NUGET_PACKAGES"] = Path.Combine(_root.FullName, "packages"),
        ["DOTNET_CLI_HOME"] = Home,   // dotnet remembers there where a tool of this version lies
        [TorchBackend.FolderVariable] = TorchBackend.Folder,
    };

    private string Home => Path.Combine(_root.FullName, "home");

    /// <summary>Names a package's file.</summary>
    public string PackageFile(string id) => Path.Combine(Packages, $"{id}.{Version}.nupkg");

    /// <summary>The version of all our packages.</summary>
    public static string Version { get; } = typeof(TorchBackend).Assembly.GetName().Version!.ToString(fieldCount: 3);

    /// <summary>An empty folder for a consumer.</summary>
    public Consumer NewConsumer() =>
        new(this, Directory.CreateDirectory(Path.Combine(Root, $"consumer-{Interlocked.Increment(ref _consumers)}")).FullName);

    public void Dispose() => _root.Delete(recursive: true);

    // What is built already: compiling again would change files that other tests are running.
    private string Pack()
    {
        var feed = Path.Combine(_root.FullName, "feed");
        Must(
            Repository.Root, "pack", "AdaptThenUnlearn.sln", "--no-build", "--configuration", Configuration, "--output", feed,
            $"-p:RepositoryUrl={RepositoryUrl}");

        KeepTheMachinesSources();
        File.WriteAllText(Path.Combine(_root.FullName, "NuGet.config"), $"""
            <configuration>
              <packageSources>
                <add key="packed" value="{feed}" />
              </packageSources>
            </configuration>
            """);
        Must(_root.FullName, "new", "tool-manifest");
        Must(_root.FullName, "tool", "install", "--local", "AdaptThenUnlearn.Tool", "--version", Version);
        return feed;
    }

    // Outside Windows, NuGet looks for its user's settings in dotnet's home.
    private void KeepTheMachinesSources()
    {
        var settings = Path.Combine(".nuget", "NuGet", "NuGet.Config");
        var users = Path.Combine(System.Environment.GetFolderPath(System.Environment.SpecialFolder.UserProfile), settings);
        if (OperatingSystem.IsWindows() || !File.Exists(users))
            return;

        Directory.CreateDirectory(Path.Combine(Home, ".nuget", "NuGet"));
        File.Copy(users, Path.Combine(Home, settings));
    }

    private static string Configuration => AppContext.BaseDirectory.Contains(
        $"{Path.DirectorySeparatorChar}Debug{Path.DirectorySeparatorChar}", StringComparison.Ordinal) ? "Debug" : "Release";

    private void Must(string folder, params string[] arguments)
    {
        using var command = Command.Start(
            folder, folder == Repository.Root ? new Dictionary<string, string?>() : Environment, "dotnet", arguments);
        var (exitCode, output) = command.Finish();
        Assert.True(exitCode == 0, output);
    }
}
