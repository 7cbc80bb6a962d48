using System.Text.Json;
using System.Text.Json.Nodes;
using AdaptThenUnlearn.Policies;
using Json.Schema;
using static AdaptThenUnlearn.Tests.Policies.PolicyTexts;

namespace AdaptThenUnlearn.Tests.Policies;

public sealed class PolicySchemaTests
{
    private static readonly JsonSchema Schema = JsonSchema.FromText(PolicySchema.Export());

    public static TheoryData<string> Examples =>
        [.. Directory.GetFiles(ExampleFolder(), "*.json").Select(path => Path.GetFileName(path)).Where(name => name != "policy.schema.json").Order()];

    [Fact]
    public void Export_CommittedFile_IsNotStale()
    {
        // To renew it: ATU_UPDATE_GOLDEN=1, or `atu policy schema > policies/policy.schema.json`.
        var file = Path.Combine(ExampleFolder(), "policy.schema.json");
        if (Environment.GetEnvironmentVariable("ATU_UPDATE_GOLDEN") == "1")
            File.WriteAllText(file, PolicySchema.Export());

        Assert.Equal(File.ReadAllText(file), PolicySchema.Export());
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public void Example_Read_HasNoErrorAndMatchesTheSchema(string example)
    {
        var text = File.ReadAllText(Path.Combine(ExampleFolder(), example));

        var result = PolicyReader.Read(text, example, PolicyTexts.Vocabulary, []);

        Assert.Empty(result.Errors);
        Assert.Equal(Path.GetFileNameWithoutExtension(example), result.Policy!.Name);
        if (example != "mnist-impossible.json")
            Assert.Empty(result.Warnings);

        Assert.True(IsValid(text));
    }

    [Fact]
    public void Examples_Listed_AreThere()
    {
        Assert.Equal(["avatars-no-glasses.json", "avatars-no-hat-no-beard.json", "mnist-balanced.json", "mnist-impossible.json", "mnist-no-digit-8.json", "mnist-no-digits-4-and-8.json"], Examples.Select(row => row.Data));
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
        Assert.True(IsValid(text));
    }

    [Fact]
    public void Starter_WeirdName_IsAnErrorOfTheNameAlone()
    {
        Assert.Equal("$.name", Assert.Single(Read(PolicyTemplate.Starter("A \"quoted\"\nname")).Errors).Path);
    }

    [Fact]
    public void Schema_FullAndEffectivePolicies_AreValid()
    {
        Assert.True(IsValid(Smallest));
        Assert.True(IsValid(Full));
        Assert.True(IsValid(Read(Smallest).EffectiveJson));
        Assert.True(IsValid(Read(Full).EffectiveJson));
    }

    [Theory]
    [InlineData("\"schemaVersion\": 1", "\"schemaVersion\": 2")]
    [InlineData("\"name\": \"no-8\"", "\"name\": \"No 8\"")]
    [InlineData("\"name\": \"no-8\",", "")]
    [InlineData("\"owner\"", "\"ownr\"")]
    [InlineData("\"owner\": \"me\"", "\"owner\": 7")]
    [InlineData("\"maxRate\": 0.01, \"minUnlearned\": 0.9", "\"maxRate\": null")]
    [InlineData("\"maxRate\": 0.01", "\"maxRate\": 1.01")]
    [InlineData("\"paper\"", "\"papers\"")]
    [InlineData("\"confidence\": 0.9", "\"confidence\": 1")]
    [InlineData("\"classes\": [\"7\", \"8\", \"9\"]", "\"classes\": []")]
    [InlineData("\"steps\": 50", "\"steps\": 0.5")]
    [InlineData("\"checkpoint\": \"a.safetensors\",", "")]
    [InlineData("\"reference\": \"r.safetensors\",", "")]
    [InlineData("2026-12-31", "soon")]
    public void Schema_BadPolicy_IsInvalidAndNotReadEither(string from, string to)
    {
        var changed = Full.Replace(from, to, StringComparison.Ordinal);

        Assert.NotEqual(Full, changed);
        Assert.False(IsValid(changed));
        Assert.NotEmpty(Read(changed).Errors);
    }

    private static bool IsValid(string text) =>
        Schema.Evaluate(JsonNode.Parse(text, null, new JsonDocumentOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip })).IsValid;
}
