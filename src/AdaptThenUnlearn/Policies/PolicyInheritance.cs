using System.Text.Json;
using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Policies;

/// <summary>What a policy inherits from the one that it builds on: everything that it does not set itself.</summary>
/// <remarks>
/// Sections are merged property by property, classifiers by name, undesired features by <c>name</c> and audits by <c>attack</c>.
/// An entry of <c>rules</c> is taken whole, by <c>rule</c>: what it leaves out has a meaning of its own.
/// Own entries of such a list come first, so their positions are those in the policy's own text. Any other list, and the
/// generator, is taken whole. A name is never inherited: it is the key of the output folder.
/// </remarks>
internal static class PolicyInheritance
{
    private static readonly string[] _own = ["extends", "name", PolicySchema.Reference];
    private static readonly string[] _whole = ["generator"];
    private static readonly string[] _wholeEntries = ["rules"];

    // Lists whose entries are found by a property.
    private static readonly Dictionary<string, string> _keys =
        new() { ["undesiredFeatures"] = "name", ["rules"] = "rule", ["audits"] = "attack" };

    /// <summary>A policy over the one that it builds on.</summary>
    /// <param name="policy">As written.</param>
    /// <param name="inherited">With paths relative to the folder of <paramref name="policy"/>.</param>
    public static ObjectNode Merge(ObjectNode policy, ObjectNode inherited) => policy with
    {
        Properties =
        [
            .. policy.Properties.Select(own =>
                ReferenceEquals(own, policy.Find(own.Name)) && !_own.Contains(own.Name) && !_whole.Contains(own.Name)
                    && inherited.Find(own.Name) is { } other
                    ? own with { Value = MergeValue(own.Name, own.Value, other.Value) }
                    : own),
            .. inherited.Properties.Where(other => !_own.Contains(other.Name) && policy.Find(other.Name) is null),
        ],
    };

    private static PolicyNode MergeValue(string name, PolicyNode own, PolicyNode other) => (own, other) switch
    {
        (ObjectNode section, ObjectNode inherited) => MergeObject(section, inherited),
        (ListNode list, ListNode inherited) when _keys.TryGetValue(name, out var key) =>
            MergeList(list, inherited, key, _wholeEntries.Contains(name)),
        _ => own,
    };

    private static ObjectNode MergeObject(ObjectNode own, ObjectNode inherited) => own with
    {
        Properties =
        [
            .. own.Properties.Select(property =>
                ReferenceEquals(property, own.Find(property.Name))
                    && (property.Value, inherited.Find(property.Name)?.Value) is (ObjectNode inner, ObjectNode other)
                    ? property with { Value = MergeObject(inner, other) }
                    : property),
            .. inherited.Properties.Where(other => own.Find(other.Name) is null),
        ],
    };

    private static ListNode MergeList(ListNode own, ListNode inherited, string key, bool areWhole)
    {
        var names = own.Items.Select(item => KeyOf(item, key)).OfType<string>().ToHashSet();
        return own with
        {
            Items =
            [
                .. own.Items.Select(item => !areWhole && item is ObjectNode entry && KeyOf(entry, key) is { } name
                    && inherited.Items.FirstOrDefault(other => KeyOf(other, key) == name) is ObjectNode other
                        ? MergeObject(entry, other)
                        : item),
                .. inherited.Items.Where(other => KeyOf(other, key) is not { } name || !names.Contains(name)),
            ],
        };
    }

    private static string? KeyOf(PolicyNode item, string key) =>
        (item as ObjectNode)?.Find(key)?.Value is ScalarNode { Kind: JsonValueKind.String } name ? name.Text : null;

    /// <summary>The same policy for a reader in another folder: paths of files are written from there.</summary>
    /// <param name="policy">Its paths are relative to its own folder.</param>
    /// <param name="folder">That folder, as seen from the other; empty where it is the same.</param>
    public static ObjectNode MovePaths(ObjectNode policy, string folder)
    {
        if (folder.Length == 0)
            return policy;

        policy = At(policy, "generator", section => Files(Paths(section, "checkpoint", "discriminator", "images")));
        policy = At(policy, "generator", Shipped);
        policy = At(policy, "classifiers", map => Each(map, Classifier));
        policy = At(policy, "undesiredFeatures", list => Each(list, feature => Paths(feature, "negatives")));
        policy = At(policy, "audits", list => Each(list, audit => Paths(audit, "images")));
        policy = At(policy, "quality", section => Paths(section, "extractorWeights", "reference"));
        return At(policy, "unlearning", section => Paths(section, "data", "positives"));

        PolicyNode Paths(PolicyNode node, params string[] names) =>
            names.Aggregate(node, (section, name) => section is ObjectNode known ? At(known, name, Move) : section);

        PolicyNode Classifier(PolicyNode classifier) => Paths(classifier, "checkpoint", "calibration") is ObjectNode known
            ? At(known, "textModel", text => Paths(text, "checkpoint", "vocabulary", "merges"))
            : classifier;

        PolicyNode Shipped(PolicyNode generator) => generator is ObjectNode known
            ? At(known, "shippedAs", list => Each(list, form => Paths(form, "checkpoint")))
            : generator;

        PolicyNode Files(PolicyNode generator) =>
            generator is ObjectNode known ? At(known, "files", list => Each(list, Move)) : generator;

        PolicyNode Move(PolicyNode node) =>
            node is ScalarNode { Kind: JsonValueKind.String } path
            && path.Text is not ("" or QualityOptions.OriginalGenerator)
            && !Path.IsPathRooted(path.Text) && !path.Text.Contains(':', StringComparison.Ordinal)
                ? path with { Text = Moved($"{folder}/{path.Text}") }
                : node;

        // A path that leads out of its package keeps its "..", and is refused where paths are checked.
        static string Moved(string path) =>
            ClassifierChoice.NormalizePath(path) is var normal
            && (!PackagePath.IsInPackage(path) || PackagePath.IsSamePackage(path, normal))
                ? normal
                : path;
    }

    private static ObjectNode At(ObjectNode node, string name, Func<PolicyNode, PolicyNode> change) => node with
    {
        Properties =
        [
            .. node.Properties.Select(
                property => property.Name == name ? property with { Value = change(property.Value) } : property),
        ],
    };

    private static PolicyNode Each(PolicyNode node, Func<PolicyNode, PolicyNode> change) => node switch
    {
        ObjectNode map => map with
        {
            Properties = [.. map.Properties.Select(property => property with { Value = change(property.Value) })],
        },
        ListNode list => list with { Items = [.. list.Items.Select(change)] },
        _ => node,
    };
}
