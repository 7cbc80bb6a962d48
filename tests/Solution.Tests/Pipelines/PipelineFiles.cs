using System.Text.RegularExpressions;
using YamlDotNet.RepresentationModel;

namespace AdaptThenUnlearn.Solution.Tests.Pipelines;

/// <summary>
/// Every YAML that a user's pipeline may come from: the action, this repository's workflows, the samples, and the examples in
/// the documentation.
/// </summary>
internal static partial class PipelineFiles
{
    public static string Root => AdaptThenUnlearn.Tests.Repository.Root;

    // .github, and .gitlab-ci.yml too.
    private static readonly EnumerationOptions _hidden = new() { RecurseSubdirectories = true, AttributesToSkip = 0 };

    /// <summary>Texts by a name that says where they stand: a path, or a page and the number of the example in it.</summary>
    public static IReadOnlyDictionary<string, string> All { get; } = Files()
        .Concat(Examples())
        .ToDictionary(entry => entry.Name, entry => entry.Text.Replace("\r\n", "\n", StringComparison.Ordinal));

    /// <summary>Those that GitHub reads: the action, and what says when it runs.</summary>
    public static IEnumerable<string> GitHub =>
        All.Keys.Where(name => name == "action.yml" || (Parse(name) as YamlMappingNode)?.Children.ContainsKey("on") == true);

    public static YamlNode Parse(string name)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(All[name]));
        return stream.Documents.Single().RootNode;
    }

    /// <summary>Every mapping in a text, with its own keys.</summary>
    public static IEnumerable<YamlMappingNode> Mappings(string name) => Parse(name).AllNodes.OfType<YamlMappingNode>();

    private static IEnumerable<(string Name, string Text)> Files() =>
        Directory.EnumerateFiles(Path.Combine(Root, ".github", "workflows"), "*.yml").Append(Path.Combine(Root, "action.yml"))
            .Concat(Directory.EnumerateFiles(Path.Combine(Root, "samples"), "*.yml", _hidden))
            .Select(file => (Path.GetRelativePath(Root, file).Replace('\\', '/'), File.ReadAllText(file)));

    private static IEnumerable<(string Name, string Text)> Examples() =>
        from page in Directory.EnumerateFiles(Path.Combine(Root, "docs"), "*.md")
        from example in FencePattern().Matches(File.ReadAllText(page)).Index()
        select ($"docs/{Path.GetFileName(page)}#{example.Index + 1}", example.Item.Groups[1].Value);

    [GeneratedRegex("^```yaml\n(.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex FencePattern();
}
