using System.Text.Json.Nodes;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using static AdaptThenUnlearn.Tests.Policies.PolicyTexts;

namespace AdaptThenUnlearn.Tests.Policies;

/// <summary>The reader and a validator on the same policies: the schema never refuses what the reader accepts.</summary>
public sealed class PolicySchemaAgreementTests
{
    private const string NoCases =
        "no policies are in shared/cases/files beside a folder above the test program, or in the folder named by ATU_CASES";

    private static readonly string[] _texts =
        ["digits", "8", "auto", "raw", "softmax", "plain", "el2", "default", "2026-01-01", " "];

    // Both know the names that the examples and the cases use.
    private static readonly PolicyVocabulary _known =
        PolicyTexts.Vocabulary with { CheckpointFormats = ["safetensors", "torchscript", "rosinality", "pytorch", "nvidia"] };

    [Theory]
    [InlineData("wrong type", "\"owner\": \"me\"", "\"owner\": 7")]
    [InlineData("wrong type", "\"publishSamples\": true", "\"publishSamples\": \"yes\"")]
    [InlineData("wrong type", "\"samples\": 1000", "\"samples\": \"1000\"")]
    [InlineData("wrong type", "[\"json\", \"sarif\"]", "\"json\"")]
    [InlineData("wrong type", "{ \"loss\": \"nl2\", \"weight\": 2.5 }", "[]")]
    [InlineData("null where a value is needed", "\"seed\": 3", "\"seed\": null")]
    [InlineData("unknown property", "\"owner\"", "\"ownr\"")]
    [InlineData("unknown property", "\"loss\": \"nl2\"", "\"loss\": \"nl2\", \"beta\": 1")]
    [InlineData("out of range", "\"schemaVersion\": 1", "\"schemaVersion\": 2")]
    [InlineData("out of range", "\"maxRate\": 0.01", "\"maxRate\": 1.01")]
    [InlineData("out of range", "\"confidence\": 0.9", "\"confidence\": 1")]
    [InlineData("out of range", "\"confidence\": 0.9", "\"confidence\": 0.5")]
    [InlineData("out of range", "\"steps\": 50", "\"steps\": 0")]
    [InlineData("out of range", "\"samples\": 1000", "\"samples\": 99")]
    [InlineData("not a whole number", "\"steps\": 50", "\"steps\": 0.5")]
    [InlineData("missing", "\"name\": \"no-8\",", "")]
    [InlineData("missing", "\"checkpoint\": \"a.safetensors\",", "")]
    [InlineData("missing", "\"reference\": \"r.safetensors\",", "")]
    [InlineData("one of two is missing", "\"maxRate\": 0.01, \"minUnlearned\": 0.9", "\"maxRate\": null")]
    [InlineData("not in a closed list", "\"paper\"", "\"papers\"")]
    [InlineData("not in a closed list", "\"loss\": \"nl2\"", "\"distance\": \"near\"")]
    [InlineData("not in a closed list", "\"classes\": [\"7\", \"8\", \"9\"]", "\"outputs\": \"logits\"")]
    [InlineData("not in a closed list", "\"seed\": 3", "\"range\": \"16-bit\"")]
    [InlineData("text of another form", "\"name\": \"no-8\"", "\"name\": \"No 8\"")]
    [InlineData("text of another form", "\"sha256\": \"0123", "\"sha256\": \"xyz")]
    [InlineData("text of another form", "2026-12-31", "soon")]
    [InlineData("empty", "\"classes\": [\"7\", \"8\", \"9\"]", "\"classes\": []")]
    [InlineData("empty", "\"approvedBy\": \"you\"", "\"approvedBy\": \" \"")]
    public void BrokenPolicy_WhatAShapeCanTell_BothRefuse(string kind, string from, string to)
    {
        var broken = Change(Full, from, to);

        Assert.True(Read(broken).Errors.Count > 0, $"the reader accepts: {kind}");
        Assert.False(SchemaAccepts(broken), $"the schema accepts: {kind}");
    }

    // A schema of this draft cannot find mistakes of these kinds, or would have to close a list that is open.
    [Theory]
    [InlineData("repeated property", "\"owner\": \"me\"", "\"owner\": \"me\", \"owner\": \"you\"")]
    [InlineData("repeated name", "[\"json\", \"sarif\"]", "[\"json\", \"json\"]")]
    [InlineData("unknown name of a catalogue", "\"nl2\"", "\"nl3\"")]
    [InlineData("classifier that is not there", "\"annotator\": \"digits\"", "\"annotator\": \"letters\"")]
    [InlineData("class that the classifier lacks", "\"class\": \"8\"", "\"class\": \"5\"")]
    [InlineData("rule that the policy lacks", "quality/minShareKept/7", "digit-7/maxRate")]
    [InlineData("larger than another value", "\"maxSamples\": 4000", "\"maxSamples\": 999")]
    [InlineData("needed by another value", "\"method\": \"fine-tune\"", "\"method\": \"retrain\"")]
    [InlineData("needed by another value", "\"extractor\": \"auditor\"", "\"extractor\": \"inception-v3\"")]
    [InlineData("not a multiple of 4", "\"steps\": 50", "\"batchSize\": 6")]
    [InlineData("day that no calendar has", "2026-12-31", "2026-02-30")]
    [InlineData("whole number with an exponent", "\"samples\": 1000", "\"samples\": 1e3")]
    [InlineData("layer that Python does not print so", "\"format\": \"rosinality\"", "\"layers\": [\"Conv9d(1)\"]")]
    [InlineData("text with a NUL character", "\"me\"", "\"m\\u0000e\"")]
    public void BrokenPolicy_WhatOnlyTheReaderKnows_IsRefusedByTheReaderAlone(string kind, string from, string to)
    {
        var broken = Change(Full, from, to);

        Assert.True(Read(broken).Errors.Count > 0, $"the reader accepts: {kind}");
        if (kind != "repeated property")   // validators differ in what they do with one, before they look at a schema
            Assert.True(SchemaAccepts(broken), $"the schema refuses: {kind}");
    }

    // Files and folders are looked for when a run, or `atu policy check`, needs them.
    [Fact]
    public void Policy_WhoseFilesAreNotThere_IsAcceptedByBoth()
    {
        var elsewhere = Change(Full, "\"g.safetensors\"", "\"no/such/file\"");

        Assert.Empty(Read(elsewhere).Errors);
        Assert.True(SchemaAccepts(elsewhere));
    }

    [Theory]
    [InlineData("\"policy.schema.json\"", "7")]
    [InlineData("\"policy.schema.json\"", "null")]
    [InlineData("\"owner\": \"me\"", "\"owner\": null")]
    [InlineData("\"minUnlearned\": 0.9", "\"minUnlearned\": null")]
    [InlineData("\"classes\": [\"7\", \"8\", \"9\"] },\n", "\"outputs\": null, \"format\": null, \"classes\": null },\n")]
    public void Policy_WithTheReadersLiberties_IsAcceptedByBoth(string from, string to)
    {
        var changed = Change(Full.ReplaceLineEndings("\n"), from, to);

        Assert.Empty(Read(changed).Errors);
        Assert.True(SchemaAccepts(changed));
    }

    public static TheoryData<string> Cases => SharedCases.Folder is null
        ? [""]
        : [.. Directory.GetFiles(SharedCases.Folder, "policy.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void CasePolicy_ThatTheReaderAccepts_IsAcceptedByTheSchema(string path)
    {
        Assert.SkipUnless(path.Length > 0, NoCases);

        AssertAgree(RegularFile.ReadAllText(path, 1 << 20));
    }

    [Fact(Skip = MutationRun.TooSlow, SkipType = typeof(MutationRun), SkipWhen = nameof(MutationRun.IsOn))]
    public void Mutants_ThatTheReaderAccepts_AreAcceptedByTheSchema()
    {
        const int MutantsOfEach = 150;
        var random = new Random(20);
        var examples = PolicySchemaTests.Examples.Select(row => File.ReadAllText(Path.Combine(ExampleFolder(), row.Data)));
        List<string> originals = [Smallest, Full, .. examples];

        var mutants = originals.SelectMany(original => Enumerable.Range(0, MutantsOfEach).Select(_ => Mutate(original, random)));
        var accepted = mutants.Count(AssertAgree);

        // There must be enough mutants of both kinds for the test to mean something.
        Assert.InRange(accepted, 200, originals.Count * MutantsOfEach - 200);
    }

    /// <summary>Whether the reader accepts a policy; fails where it does and the schema does not.</summary>
    private static bool AssertAgree(string policy)
    {
        if (PolicyReader.Read(policy, "policy.json", _known, []).Policy is null)
            return false;

        Assert.True(SchemaAccepts(policy), $"the reader accepts and the schema refuses:\n{policy}");
        return true;
    }

    private static string Change(string text, string from, string to)
    {
        Assert.Contains(from, text, StringComparison.Ordinal);
        return text.Replace(from, to, StringComparison.Ordinal);
    }

    // One or two values deleted, doubled, moved to another place or replaced.
    private static string Mutate(string original, Random random)
    {
        var root = ParseLikeTheReader(original);
        for (var changes = random.Next(1, 3); changes > 0; changes--)
        {
            var places = Descendants(root).ToList();
            var node = places[random.Next(places.Count)];
            var other = places[random.Next(places.Count)]?.DeepClone();
            switch (random.Next(4), node?.Parent)
            {
                case (0, JsonObject parent):
                    parent.Remove(node!.GetPropertyName());
                    break;
                case (0, JsonArray parent):
                    parent.Remove(node);
                    break;
                case (1, JsonArray parent):
                    parent.Add(node!.DeepClone());
                    break;
                case (1 or 2, not null):
                    node!.ReplaceWith(other);
                    break;
                case (3, not null):
                    node!.ReplaceWith(CreateValue(node, random));
                    break;
            }
        }

        return root.ToJsonString();
    }

    private static JsonNode? CreateValue(JsonNode node, Random random) => random.Next(12) switch
    {
        0 or 1 => null,
        2 => JsonValue.Create(random.Next(2) == 0),
        3 => JsonValue.Create(""),
        4 => JsonValue.Create("x"),
        5 => new JsonArray(),
        6 => new JsonObject(),
        7 => new JsonArray(node.DeepClone()),
        8 => JsonValue.Create(random.Next(-2, 3)),
        9 => JsonValue.Create(Math.Round(random.NextDouble(), 3)),
        10 => JsonValue.Create(random.Next(0, 100_000)),
        _ => JsonValue.Create(_texts[random.Next(_texts.Length)]),
    };

    // A null is not a node, so it cannot be replaced or removed here.
    private static IEnumerable<JsonNode> Descendants(JsonNode node) =>
        Children(node).OfType<JsonNode>().SelectMany(child => Descendants(child).Prepend(child));

    private static IEnumerable<JsonNode?> Children(JsonNode node) => node switch
    {
        JsonObject properties => properties.Select(property => property.Value),
        JsonArray items => items,
        _ => [],
    };
}
