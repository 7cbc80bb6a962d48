using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using AdaptThenUnlearn.Tests;

namespace AdaptThenUnlearn.Solution.Tests;

/// <summary>The Dockerfile as text, because few machines that run these tests have Docker.</summary>
public sealed partial class DockerfileTests
{
    private const string Program = "src/AdaptThenUnlearn.Cli/AdaptThenUnlearn.Cli.csproj";

    private static readonly string _text = File.ReadAllText(At("Dockerfile"));

    [Fact]
    public void Copied_Paths_ExistAndAreSentToTheBuilder()
    {
        var sent = File.ReadAllLines(At(".dockerignore")).Where(line => line.StartsWith('!')).Select(line => line[1..]).ToList();

        Assert.NotEmpty(Copied());
        Assert.All(Copied(), path =>
        {
            Assert.True(Path.Exists(At(path)), $"{path} does not exist");
            Assert.Contains(sent, pattern => Regex.IsMatch(path, "^" + Regex.Escape(pattern).Replace(@"\*", ".*") + "$"));
        });
    }

    // A project, a property file or a source file that is not copied breaks the build of the image.
    [Fact]
    public void Copied_Paths_HoldAllThatTheProgramIsBuiltFrom()
    {
        HashSet<string> needed = ["Directory.Packages.props", ".editorconfig", "global.json"];
        foreach (var file in new[] { Program, "Directory.Build.props", "Directory.Build.targets" })
            Collect(file);

        Assert.Contains("build/Package.targets", needed);
        Assert.Contains("tasks/AdaptThenUnlearn.Tasks/VerdictLine.cs", needed);
        Assert.All(
            needed,
            file => Assert.Contains(
                Copied(), path => file == path || file.StartsWith(path.TrimEnd('/') + "/", StringComparison.Ordinal)));

        void Collect(string file)
        {
            if (!needed.Add(file) || !IsProject(file) || !File.Exists(At(file)))
                return;

            foreach (var path in XDocument.Load(At(file)).Descendants().Attributes()
                .Where(attribute => attribute.Name.LocalName is "Include" or "Project")
                .Select(attribute => attribute.Value.Replace("$(MSBuildThisFileDirectory)", "", StringComparison.Ordinal))
                .Where(path => IsProject(path) || path.EndsWith(".cs", StringComparison.Ordinal))
                .Where(path => !path.Contains('*', StringComparison.Ordinal) && !path.Contains('$', StringComparison.Ordinal)))
                Collect(Path.GetRelativePath(
                    Repository.Root, Path.GetFullPath(Path.Combine(Path.GetDirectoryName(At(file))!, path))).Replace('\\', '/'));
        }
    }

    [Fact]
    public void Images_Versions_AreTheSdksAndTheFrameworks()
    {
        using var global = JsonDocument.Parse(File.ReadAllText(At("global.json")));
        var sdk = Version.Parse(global.RootElement.GetProperty("sdk").GetProperty("version").GetString()!).ToString(2);
        var framework = XDocument.Load(At("build/Common.props")).Descendants("TargetFramework").Single().Value;

        Assert.Equal("net" + sdk, framework);
        Assert.Equal(
            [("sdk", sdk), ("runtime", sdk)],
            FromPattern().Matches(_text).Select(image => (image.Groups[1].Value, image.Groups[2].Value)));
    }

    [Fact]
    public void Image_Program_IsAtuWithoutRootsRights()
    {
        var last = _text[_text.LastIndexOf("FROM ", StringComparison.Ordinal)..];

        Assert.Contains("\nUSER $APP_UID\n", last, StringComparison.Ordinal);
        Assert.EndsWith("\nENTRYPOINT [\"atu\"]\n", last, StringComparison.Ordinal);
        Assert.Contains($"dotnet publish {Path.GetDirectoryName(Program)!.Replace('\\', '/')} ", _text, StringComparison.Ordinal);
    }

    // As the projects' own switch for libtorch has them.
    [Fact]
    public void Image_Backend_IsOneThatTheBuildKnows()
    {
        var props = File.ReadAllText(At("build/TorchBackend.props"));
        var backend = Regex.Match(_text, "(?m)^ARG BACKEND=(\\w+)$").Groups[1].Value;

        Assert.Contains($"-p:TorchBackend={backend} ", props, StringComparison.Ordinal);
        Assert.Contains("-p:TorchBackend=\"$BACKEND\" ", _text, StringComparison.Ordinal);
        Assert.Contains("-p:TorchBackend=cuda ", props, StringComparison.Ordinal);
        Assert.Contains("BACKEND=cuda", _text, StringComparison.Ordinal);
    }

    private static bool IsProject(string path) =>
        path.EndsWith(".csproj", StringComparison.Ordinal) || path.EndsWith(".props", StringComparison.Ordinal)
        || path.EndsWith(".targets", StringComparison.Ordinal);

    private static IReadOnlyList<string> Copied() =>
    [
        .. CopyPattern().Matches(_text).SelectMany(line => line.Groups[1].Value.Split(' ')).Select(path => path.TrimEnd('/')),
    ];

    private static string At(string path) => Path.Combine(Repository.Root, path);

    // The last word of the line is where the files go.
    [GeneratedRegex(@"(?m)^COPY (?!--from)(.+) \S+$")]
    private static partial Regex CopyPattern();

    [GeneratedRegex(@"(?m)^FROM (?:--platform=\S+ )?mcr\.microsoft\.com/dotnet/(\w+):(\S+)")]
    private static partial Regex FromPattern();
}
