using System.Text.Json.Nodes;
using System.Xml.Linq;
using AdaptThenUnlearn.Policies;
using Json.Schema;
using static AdaptThenUnlearn.Tests.Policies.PolicyTexts;

namespace AdaptThenUnlearn.Tests.Policies;

/// <summary>The exported schema is the committed one, explains and completes every property, and is valid itself.</summary>
public sealed class PolicySchemaTests
{
    private static readonly JsonObject _exported = JsonNode.Parse(PolicySchema.Export(PolicyTexts.Vocabulary))!.AsObject();

    public static TheoryData<string> Examples =>
        [.. Directory.GetFiles(ExampleFolder(), "*.json")
            .Select(path => Path.GetFileName(path))
            .Where(name => name != "policy.schema.json" && !name.EndsWith(".lock.json", StringComparison.Ordinal))
            .Order()];

    // The names are read from the file itself, because the catalogues are in other projects. A test of the command line compares
    // them.
    [Fact]
    public void Export_CommittedFile_IsNotStale()
    {
        // To renew it: ATU_UPDATE_GOLDEN=1, or `atu policy schema > policies/policy.schema.json`.
        var file = Path.Combine(ExampleFolder(), "policy.schema.json");
        var committed = JsonNode.Parse(File.ReadAllText(file))!;
        var vocabulary = new PolicyVocabulary(
            Suggested(Property(committed, "unlearning", "method")),
            Suggested(Property(committed, "unlearning", "repulsion", "loss")),
            [.. Suggested(Property(committed, "generator", "format")).Skip(1)],   // after 'auto'
            Suggested(Property(committed, "report", "formats")["items"]!),
            Suggested(Property(committed, "classifiers")["additionalProperties"]!["properties"]!["architecture"]!),
            Suggested(Property(committed, "audits")["items"]!["properties"]!["attack"]!));
        if (Environment.GetEnvironmentVariable("ATU_UPDATE_GOLDEN") == "1")
            File.WriteAllText(file, PolicySchema.Export(vocabulary));

        Assert.Equal(File.ReadAllText(file), PolicySchema.Export(vocabulary));
    }

    [Fact]
    public void Export_MetaSchema_IsValid()
    {
        var options = new Json.Schema.EvaluationOptions { OutputFormat = OutputFormat.List };
        var result = MetaSchemas.Draft202012.Evaluate(_exported, options);

        var wrong = result.Details.Where(detail => detail.HasErrors).Select(detail => detail.InstanceLocation);
        Assert.True(result.IsValid, string.Join('\n', wrong));
    }

    [Fact]
    public void Export_EveryPropertyAndObject_IsExplainedInSentences()
    {
        var descriptions = ObjectsAndProperties("$", _exported).ToList();

        Assert.True(descriptions.Count > 80);
        Assert.All(descriptions, place =>
        {
            Assert.False(string.IsNullOrEmpty(place.Description), place.Path);
            Assert.EndsWith(".", place.Description, StringComparison.Ordinal);
            Assert.DoesNotMatch(
                @"[<>]|\bcref\b|\b(int|double|bool|string|IReadOnly\w+|\w+Options|\w+Choice)\b", place.Description);
        });
    }

    // The comments are read from the sources; the compiler reads them too, into a file beside the assembly.
    [Fact]
    public void Documentation_OfEveryRecord_IsTheCompilers()
    {
        var file = XDocument.Load(Path.ChangeExtension(typeof(PolicySchema).Assembly.Location, ".xml"));
        var records = Records(PolicyShape.Policy).ToList();

        Assert.True(records.Count > 10);
        Assert.All(records, record =>
        {
            var name = $"T:{record.Type.FullName}";
            var compiled = file.Descendants("member").Single(member => member.Attribute("name")!.Value == name);
            Assert.Equal(
                PolicyDocumentation.ToPlainText(compiled.Element("summary")!), PolicyDocumentation.Describe(record.Type));
            Assert.Equal(
                record.Members.Select(member => (member.Parameter, PolicyDocumentation.Describe(record.Type, member.Parameter))),
                compiled.Elements("param")
                    .Select(each => (each.Attribute("name")!.Value, PolicyDocumentation.ToPlainText(each))));
        });
    }

    [Fact]
    public void Export_DefaultsOfTheReader_AreShown()
    {
        var effective = JsonNode.Parse(Read(Smallest).EffectiveJson)!.AsObject();

        foreach (var section in new[] { "evaluation", "unlearning", "report" })
            Assert.All(
                Leaves(effective[section], [section]),
                leaf => AssertShows(leaf.Value, Property(_exported, leaf.Path)));

        AssertShows(JsonValue.Create("auto"), Property(_exported, "generator", "format"));
        AssertShows(JsonValue.Create("8-bit"), Property(_exported, "evaluation", "range"));
        AssertShows(JsonValue.Create(UnlearningOptions.DefaultMinimumClean), Property(_exported, "unlearning", "minimumClean"));
        AssertShows(
            JsonValue.Create(UnlearningOptions.DefaultCandidateMargin), Property(_exported, "unlearning", "candidateMargin"));
        AssertShows(JsonValue.Create(UnlearningOptions.SinglePrecision), Property(_exported, "unlearning", "precision"));
        AssertShows(JsonValue.Create(UnlearningOptions.DefaultAccumulate), Property(_exported, "unlearning", "accumulate"));
        Assert.EndsWith(
            FormattableString.Invariant($" {DiscriminatorWarmUpOptions.Default.Steps} steps when absent."),
            (string)Property(_exported, "unlearning", "discriminatorWarmUp")["description"]!, StringComparison.Ordinal);
    }

    [Fact]
    public void Export_ValueThatPresetsGive_NamesThemAll()
    {
        var steps = Property(_exported, "unlearning", "steps");

        Assert.Null(steps["default"]);
        Assert.EndsWith(
            " By default 800; with the preset 'quick' 500, 'thorough' 2400, 'paper' 1000.",
            (string)steps["description"]!, StringComparison.Ordinal);
    }

    [Fact]
    public void Export_Catalogues_AreSuggestedAndStayOpen()
    {
        Assert.Equal(PolicyTexts.Vocabulary.Methods, Suggested(Property(_exported, "unlearning", "method")));
        Assert.Equal(PolicyTexts.Vocabulary.Repulsions, Suggested(Property(_exported, "unlearning", "repulsion", "loss")));
        Assert.Equal(
            ["auto", .. PolicyTexts.Vocabulary.CheckpointFormats], Suggested(Property(_exported, "generator", "format")));
        Assert.Equal(
            ["auto", .. PolicyTexts.Vocabulary.CheckpointFormats, "image-text"], Suggested(OfEveryClassifier("format")));
        Assert.Equal(PolicyTexts.Vocabulary.ReportFormats, Suggested(Property(_exported, "report", "formats")["items"]!));
        Assert.Equal(WeightsExtractor.Names, Suggested(Property(_exported, "quality", "extractor")));
        Assert.Equal(["original-generator"], Suggested(Property(_exported, "quality", "reference")));
        Assert.Equal(LayerText.Layouts, Suggested(Property(_exported, "generator", "layers")["items"]!));

        Assert.True(SchemaAccepts(Full.Replace("\"nl2\"", "\"nl3\"", StringComparison.Ordinal)));
        Assert.True(SchemaAccepts(Full.Replace("\"rosinality\"", "\"another\"", StringComparison.Ordinal)));
    }

    [Fact]
    public void Export_VocabularyThatHasAuto_SuggestsItOnce()
    {
        var schema =
            JsonNode.Parse(PolicySchema.Export(PolicyTexts.Vocabulary with { CheckpointFormats = ["auto", "pytorch"] }))!;

        Assert.Equal(["auto", "pytorch"], Suggested(Property(schema, "generator", "format")));
    }

    [Fact]
    public void Export_ListsThatTheRecordsFix_AreClosed()
    {
        Assert.Equal([.. UnlearningPresets.Names], Names(Property(_exported, "unlearning", "preset")));
        Assert.Equal(["plain", "relative", "tensor-mean"], Names(Property(_exported, "unlearning", "repulsion", "distance")));
        Assert.Equal([.. OutputKinds.All, null], Names(OfEveryClassifier("outputs")));
        Assert.Equal(["8-bit", "raw", null], Names(Property(_exported, "evaluation", "range")));
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public void Example_Read_HasNoErrorAndMatchesTheSchema(string example)
    {
        var text = File.ReadAllText(Path.Combine(ExampleFolder(), example));

        var result = PolicyReader.Read(
            text, example, PolicyTexts.Vocabulary, [], (path, _) => File.ReadAllText(Path.Combine(ExampleFolder(), path)));

        Assert.Empty(result.Errors);
        Assert.Equal(Path.GetFileNameWithoutExtension(example), result.Policy!.Name);
        if (example != "mnist-impossible.json")
            Assert.Empty(result.Warnings);

        Assert.True(SchemaAccepts(text));
    }

    [Fact]
    public void Examples_Listed_AreThere()
    {
        Assert.Equal([
            "avatars-no-glasses.json",
            "avatars-no-hat-no-beard.json",
            "mnist-balanced.json",
            "mnist-impossible.json",
            "mnist-locked.json",
            "mnist-long-no-digit-8.json",
            "mnist-no-digit-8.json",
            "mnist-no-digits-4-and-8.json",
            "mnist-stricter.json"
        ], Examples.Select(row => row.Data));
    }

    [Theory]
    [InlineData("fresh-policy")]
    [InlineData("a")]
    public void Starter_Read_HasNeitherErrorNorWarningAndMatchesTheSchema(string name)
    {
        var text = PolicyTemplate.Starter(name);

        var result = Read(text);

        Assert.Empty(result.Errors);
        Assert.Empty(result.Warnings);
        Assert.Equal(name, result.Policy!.Name);
        Assert.True(SchemaAccepts(text));
    }

    [Fact]
    public void Starter_WeirdName_IsAnErrorOfTheNameAlone()
    {
        Assert.Equal("$.name", Assert.Single(Read(PolicyTemplate.Starter("A \"quoted\"\nname")).Errors).Path);
    }

    [Fact]
    public void Schema_FullAndEffectivePolicies_AreValid()
    {
        Assert.True(SchemaAccepts(Smallest));
        Assert.True(SchemaAccepts(Full));
        Assert.True(SchemaAccepts(Read(Smallest).EffectiveJson));
        Assert.True(SchemaAccepts(Read(Full).EffectiveJson));
    }

    [Theory]
    [InlineData("\"extends\": { \"policy\": \"b.json\", \"sha256\": \"PIN\" }", true)]
    [InlineData("\"extends\": null", false)]
    [InlineData("\"owner\": \"me\"", false)]
    public void Schema_PolicyThatLeavesOutWhatItInherits_IsValidOnlyWithABase(string property, bool valid)
    {
        var text = $$"""
            {
              "name": "child", {{property.Replace("PIN", new string('0', 64), StringComparison.Ordinal)}},
              "classifiers": { "auditor": { "sha256": "{{new string('1', 64)}}" } },
              "undesiredFeatures": [{ "name": "digit-8" }],
              "quality": { "minShareKept": 0.5 }
            }
            """;

        Assert.Equal(valid, SchemaAccepts(text));
    }

    private static IEnumerable<(string Path, string? Description)> ObjectsAndProperties(string path, JsonObject schema)
    {
        yield return (path, (string?)schema["description"]);
        foreach (var (name, property) in schema["properties"]?.AsObject() ?? [])
            foreach (var place in ObjectsAndProperties($"{path}.{name}", property!.AsObject()))
                yield return place;

        foreach (var keyword in new[] { "items", "additionalProperties" })
            if (schema[keyword] is JsonObject each && each["properties"] is not null)
                foreach (var place in ObjectsAndProperties($"{path}[]", each))
                    yield return place;
    }

    private static IEnumerable<RecordShape> Records(PolicyShape shape) => shape switch
    {
        RecordShape record => [record, .. record.Members.SelectMany(member => Records(member.Shape))],
        MapShape map => Records(map.Value),
        ListShape list => Records(list.Item),
        _ => [],
    };

    private static IEnumerable<(string[] Path, JsonNode? Value)> Leaves(JsonNode? at, string[] path) => at is JsonObject section
        ? section.SelectMany(property => Leaves(property.Value, [.. path, property.Key]))
        : [(path, at)];

    // Either as the one default, or in the sentence that gives each preset's.
    private static void AssertShows(JsonNode? value, JsonNode schema)
    {
        if (value is not null)
            Assert.True(
                JsonNode.DeepEquals(value, schema["default"])
                || ((string)schema["description"]!).Contains($" By default {value}; with the preset ", StringComparison.Ordinal),
                $"{value} is not in {schema}");
    }

    private static JsonNode Property(JsonNode schema, params string[] path) =>
        path.Aggregate(schema, (at, name) => at["properties"]![name]!);

    private static JsonNode OfEveryClassifier(string property) =>
        Property(Property(_exported, "classifiers")["additionalProperties"]!, property);

    private static string[] Suggested(JsonNode schema) => [.. Names(schema["anyOf"]![0]!)!];

    private static string?[] Names(JsonNode schema) => [.. schema["enum"]!.AsArray().Select(name => (string?)name)];
}
