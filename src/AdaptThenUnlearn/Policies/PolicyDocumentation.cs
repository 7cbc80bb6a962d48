using System.Text.RegularExpressions;
using System.Xml.Linq;
using static System.Text.Json.JsonNamingPolicy;

namespace AdaptThenUnlearn.Policies;

/// <summary>The text of the policy records' XML documentation, as plain sentences.</summary>
/// <remarks>
/// The compiler writes the documentation to a file beside the assembly, so the assembly cannot embed that file. It embeds the
/// sources of the records instead, and the comments are read from there: the text is written once, and every copy of the tool has
/// it.
/// </remarks>
internal static partial class PolicyDocumentation
{
    private static readonly Lazy<Dictionary<string, XElement>> _comments = new(() =>
        new[]
            {
                "UnlearningPolicy.cs", "UnlearningOptions.cs", "RuleEnforcement.cs", "PolicyExtension.cs", "AttackLimit.cs",
                "GraphPorts.cs", "ShippedForm.cs", "TextModelChoice.cs", "ImagePreprocessing.cs",
            }
            .SelectMany(ReadComments)
            .ToDictionary());

    /// <summary>What a record is.</summary>
    /// <param name="record">One of the policy's records.</param>
    public static string Describe(Type record) => ToPlainText(_comments.Value[record.Name].Element("summary")!);

    /// <summary>What a parameter of a record is.</summary>
    /// <param name="record">One of the policy's records.</param>
    /// <param name="parameter">Name of the parameter, as in the record.</param>
    public static string Describe(Type record, string parameter) =>
        ToPlainText(_comments.Value[record.Name].Elements("param").Single(each => each.Attribute("name")!.Value == parameter));

    /// <summary>The text of an element: code is quoted, and parameters have their names in the policy.</summary>
    /// <param name="documentation">Holds text, <c>c</c> and <c>paramref</c> alone.</param>
    internal static string ToPlainText(XElement documentation)
    {
        var parts = documentation.Nodes().Select(node => node switch
        {
            XText text => text.Value,
            XElement { Name.LocalName: "c" } code => $"'{code.Value}'",
            XElement { Name.LocalName: "paramref" } other => $"'{CamelCase.ConvertName(other.Attribute("name")!.Value)}'",
            _ => throw new NotSupportedException($"a policy record's documentation cannot hold {node}"),
        });
        return WhiteSpace().Replace(string.Concat(parts), " ").Trim();
    }

    private static IEnumerable<KeyValuePair<string, XElement>> ReadComments(string file)
    {
        using var source = typeof(PolicyDocumentation).Assembly.GetManifestResourceStream(file)!;
        using var reader = new StreamReader(source);
        foreach (Match record in CommentedRecord().Matches(reader.ReadToEnd()))
        {
            var lines = record.Groups["line"].Captures.Select(line => line.Value);
            yield return new(record.Groups["name"].Value, XElement.Parse($"<member>{string.Join('\n', lines)}</member>"));
        }
    }

    [GeneratedRegex(@"(?:^///(?<line>.*)\n)+(?:^\[.*\n)*^public sealed (?:partial )?record (?<name>\w+)", RegexOptions.Multiline)]
    private static partial Regex CommentedRecord();

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();
}
