using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using AdaptThenUnlearn.Tests;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>
/// Every <c>atu</c> command in the documentation and the pipelines has a name and options that the real one knows.
/// </summary>
public sealed partial class DocumentedCommandsTests
{
    private static readonly ConcurrentDictionary<string, string> _help = new();

    public static TheoryData<string> Files =>
        [.. Directory.EnumerateFiles(Repository.Root, "*.md")
            .Concat(new[] { "docs", "models", "results", "samples" }.SelectMany(folder =>
                Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.md", SearchOption.AllDirectories)))
            .Concat(new[] { "src", "tasks" }.SelectMany(folder =>
                Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "PACKAGE.md", SearchOption.AllDirectories)))
            .Concat(Directory.EnumerateFiles(Path.Combine(Repository.Root, ".github", "workflows"), "*.yml"))
            .Append(Path.Combine(Repository.Root, "action.yml"))
            .Select(file => Path.GetRelativePath(Repository.Root, file).Replace('\\', '/'))];

    [Theory]
    [MemberData(nameof(Files))]
    public void File_CommandsAndOptions_AreKnown(string file)
    {
        List<string> wrong = [];
        foreach (var line in CommandsIn(file))
        {
            var (command, options) = Split(line);
            if (!Knows(command))
                wrong.Add($"atu {line}: there is no 'atu {command}'");
            else
                wrong.AddRange(
                    options.Where(option => !Knows(command, option)).Select(option => $"atu {line}: there is no {option}"));
        }

        Assert.Empty(wrong);
    }

    [Theory]
    [InlineData("docs/github-actions.md", "govern")]
    [InlineData("docs/azure-pipelines.md", "report \"$OUT\"/*/run.json --format html,markdown,junit,sarif")]
    [InlineData("docs/azure-pipelines.md", "publish \"$OUT\"/*/run.json")]
    [InlineData("docs/gitlab-ci.md", "publish artifacts/*/run.json --artifact-url")]
    [InlineData("docs/gitlab-ci.md", "govern policies/my-policy.json --fresh --out artifacts")]
    [InlineData("action.yml", "report --format html,markdown,junit,sarif -- \"${records[@]}\"")]
    [InlineData(".github/workflows/publish.yml", "publish --untrusted")]
    [InlineData("docs/github-forks.md", "publish --untrusted")]
    [InlineData("docs/packages.md", "backend install cpu")]
    [InlineData("docs/publishing.md", "publish artifacts/mnist-no-digit-8/run.json")]
    public void File_Commands_AreFound(string file, string start) =>
        Assert.Contains(CommandsIn(file), line => line.StartsWith(start, StringComparison.Ordinal));

    // In YAML and code blocks: lines that start with atu, wherever it is installed or however dotnet runs it. In prose: text in
    // backquotes.
    private static IEnumerable<string> CommandsIn(string file)
    {
        var text = File.ReadAllText(Path.Combine(Repository.Root, file)).Replace("\r\n", "\n", StringComparison.Ordinal);
        text = ContinuationPattern().Replace(text, " ");
        return LinePattern()
            .Matches(text)
            .Concat(QuotedPattern().Matches(text))
            .Select(match => match.Groups["rest"].Value.Trim());
    }

    // A command has two words where its first has subcommands.
    private static (string Command, IReadOnlyList<string> Options) Split(string line)
    {
        var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .TakeWhile(word => word is not ("--" or "#" or "&&" or "||" or "|" or ";" or ">" or ">>"))
            .ToList();
        var command = words[0];
        if (words.Count > 1 && Knows(command) && Help(command).Contains("[command]", StringComparison.Ordinal))
            command = $"{command} {words[1].Split('|')[0]}";
        return (command, [.. words.Where(word => word.StartsWith("--", StringComparison.Ordinal))
            .Select(word => OptionPattern().Match(word).Value)]);
    }

    private static bool Knows(string command) => Help(command).Contains($"atu {command}", StringComparison.Ordinal);

    private static bool Knows(string command, string option) =>
        Regex.IsMatch(Help(command), $@"(?m)^\s+(-\S, )*(--[\w-]+, )*{Regex.Escape(option)}\b");

    private static string Help(string command) => _help.GetOrAdd(command, key =>
    {
        var (exitCode, output, _) = Atu.RunProcess([.. key.Split(' '), "--help"]);
        return exitCode == 0 ? output : "";
    });

    [GeneratedRegex(@"\\\n\s*")]
    private static partial Regex ContinuationPattern();

    [GeneratedRegex(
        @"(?m)^[ \t]*(?:- )?(?:(?:run|bash|script): )?"
            + @"(?:""?(?:\S*/)?atu""?|dotnet tool run atu"
            + @"|dotnet run --project src/AdaptThenUnlearn\.Cli --configuration Release --) (?<rest>[a-z].*)$")]
    private static partial Regex LinePattern();

    [GeneratedRegex(@"`atu (?<rest>[a-z][^`\n]*)`")]
    private static partial Regex QuotedPattern();

    [GeneratedRegex(@"^--[a-z][a-z0-9-]*")]
    private static partial Regex OptionPattern();
}
