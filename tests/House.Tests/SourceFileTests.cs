using System.Text.RegularExpressions;
using AdaptThenUnlearn.Tests;

namespace AdaptThenUnlearn.House.Tests;

/// <summary>What every source file owes its reader: its place, what it is for, and lines that end.</summary>
public sealed partial class SourceFileTests
{
    private const int LongestLine = 130;

    public static TheoryData<string> Files => [.. FilesIn("src", "tasks", "build")];

    public static TheoryData<string> AllFiles => [.. FilesIn("src", "tasks", "build", "tests", "benchmarks", "samples")];

    [Theory]
    [MemberData(nameof(Files))]
    public void EveryFile_NamespaceAndFolder_AreTheSame(string file)
    {
        if (file.StartsWith("build/", StringComparison.Ordinal)
            || NamespacePattern().Match(Text(file)) is not { Success: true } match)
            return;

        var folder = Path.GetDirectoryName(file)!.Replace('\\', '/').Split('/', 2)[1].Replace('/', '.');
        Assert.Equal(folder, match.Groups[1].Value);
    }

    // The compiler copies the values of constants, so that compiled code does not show where they come from; usings do.
    [Theory]
    [MemberData(nameof(Files))]
    public void EveryFile_UsesOnlyRoomsThatItMayKnow(string file)
    {
        var text = Text(file);
        if (NamespacePattern().Match(text) is not { Success: true } match || file.StartsWith("build/", StringComparison.Ordinal))
            return;

        var own = match.Groups[1].Value;
        Assert.DoesNotContain(
            UsingPattern()
                .Matches(text)
                .Select(found => RoomRules.Rooms.Where(room => IsWithin(found.Groups[1].Value, room)).MaxBy(room => room.Length)),
            room => room is not null && !RoomRules.MayKnow(own, room));

        static bool IsWithin(string name, string room) => name == room || name.StartsWith(room + ".", StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void EveryFile_OpensWithWhatItIsFor(string file)
    {
        if (file.EndsWith("Program.cs", StringComparison.Ordinal))
            return;

        var afterNamespace = NamespacePattern().Split(Text(file)).Last().TrimStart();
        Assert.True(
            afterNamespace.StartsWith("/// <summary>", StringComparison.Ordinal)
                || afterNamespace.StartsWith("// ", StringComparison.Ordinal),
            $"{file} must open with what it is for, not with: {afterNamespace.Split('\n')[0]}");
    }

    // What is in a raw string literal of several lines is a file or an answer as it is, such as a style sheet.
    [Theory]
    [MemberData(nameof(AllFiles))]
    public void EveryFile_Lines_Fit(string file)
    {
        List<string> tooLong = [];
        var isRaw = false;
        foreach (var (number, line) in File.ReadLines(Path.Combine(Repository.Root, file)).Index())
        {
            if (line.Length > LongestLine && !isRaw)
                tooLong.Add($"{file}({number + 1}) has {line.Length} characters");
            if (RawQuotesPattern().Count(line) % 2 == 1)
                isRaw = !isRaw;
        }

        Assert.True(tooLong.Count == 0, $"the longest line has {LongestLine} characters: {string.Join(", ", tooLong)}");
    }

    // TorchSharp may free a number that was made into a Scalar before 'pow' reads it, which ends a run (dotnet/TorchSharp#1434).
    [Theory]
    [MemberData(nameof(AllFiles))]
    public void EveryFile_PowersOfTensors_AreProducts(string file) =>
        Assert.DoesNotContain("." + "pow(", File.ReadAllText(Path.Combine(Repository.Root, file)), StringComparison.Ordinal);

    [Theory]
    [InlineData("src/AdaptThenUnlearn")]
    [InlineData("src/AdaptThenUnlearn.Torch")]
    public void Library_Root_HoldsNoFile(string project) =>
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(Repository.Root, project), "*.cs"));

    [Fact]
    public void Core_References_NothingButTheBaseLibrary()
    {
        var project = File.ReadAllText(Path.Combine(Repository.Root, "src", "AdaptThenUnlearn", "AdaptThenUnlearn.csproj"));

        Assert.DoesNotContain("PackageReference", project, StringComparison.Ordinal);
        Assert.DoesNotContain("ProjectReference", project, StringComparison.Ordinal);
    }

    [Fact]
    public void Readme_Commands_AreTheOnesThatTheContinuousIntegrationRuns()
    {
        var test = Assert.Single(
            File.ReadAllLines(Path.Combine(Repository.Root, "README.md")),
            line => line.StartsWith("dotnet test", StringComparison.Ordinal));

        Assert.Contains(test, File.ReadAllText(Path.Combine(Repository.Root, ".ci", "run")), StringComparison.Ordinal);
    }

    private static IEnumerable<string> FilesIn(params string[] folders) =>
        folders.SelectMany(
            folder => Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.cs", SearchOption.AllDirectories))
            .Select(file => Path.GetRelativePath(Repository.Root, file).Replace('\\', '/'))
            .Where(
                file => !file.Contains("/obj/", StringComparison.Ordinal)
                    && !file.Contains("/bin/", StringComparison.Ordinal));

    private static string Text(string file) => File.ReadAllText(Path.Combine(Repository.Root, file));

    [GeneratedRegex("\"{3,}")]
    private static partial Regex RawQuotesPattern();

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex NamespacePattern();

    [GeneratedRegex(@"^using (?:static )?(?:\w+ = )?(AdaptThenUnlearn[\w.]*);", RegexOptions.Multiline)]
    private static partial Regex UsingPattern();
}
