using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Tests.Policies;

/// <summary>The section <c>generator.shippedAs</c> of a policy: what it may say, and what its errors say.</summary>
public sealed class ShippedFormTests
{
    private static readonly PolicyVocabulary _vocabulary =
        Records.Vocabulary with { CheckpointFormats = ["safetensors", "torchscript", "onnx"] };

    [Fact]
    public void Name_Absent_IsThatOfTheFile()
    {
        var forms = Read("""
            { "checkpoint": "../out/g.onnx", "format": "onnx", "latentSize": 8 },
            { "checkpoint": "g16.safetensors", "name": "half" }
            """).Policy!.Generator.ShippedAs!;

        Assert.Equal(["g.onnx", "half"], forms.Select(form => form.NameInEffect));
        Assert.Equal(["onnx", "auto"], forms.Select(form => form.FormatInEffect));
    }

    [Fact]
    public void Policy_WithoutForms_KeepsItsDigestAndRunsNoProgram()
    {
        Assert.DoesNotContain("shippedAs", CanonicalJson.Serialize(Records.Policy), StringComparison.Ordinal);
        var policy = Read("""{ "checkpoint": "g.onnx", "format": "onnx" }""").Policy!;
        Assert.Equal(["shipped form g.onnx"], policy.ProgramRoles());
        Assert.True(policy.RunsGraphs());
    }

    [Theory]
    [InlineData("""{ "name": "a" }""", "ATU1006", "$.generator.shippedAs[0].checkpoint", "is missing")]
    [InlineData(
        """{ "checkpoint": "./generator.safetensors" }""", "ATU1004", "$.generator.shippedAs[0].checkpoint",
        "is the generator's own checkpoint")]
    [InlineData(
        """{ "checkpoint": "g.pt", "inputs": { "z": { "is": "latent" } } }""", "ATU1004", "$.generator.shippedAs[0].inputs",
        "is only for the format 'onnx'")]
    [InlineData(
        """{ "checkpoint": "g.pt", "latentSize": 8 }""", "ATU1004", "$.generator.shippedAs[0].latentSize",
        "is only for the formats")]
    [InlineData(
        """{ "checkpoint": "a/g.pt" }, { "checkpoint": "b/g.pt" }""", "ATU1008", "$.generator.shippedAs[1].checkpoint",
        "'g.pt' is already in this list")]
    [InlineData(
        """{ "checkpoint": "g.pt", "maxPixelDifference": 256 }""", "ATU1004", "$.generator.shippedAs[0].maxPixelDifference",
        "at most 255")]
    [InlineData(
        """{ "checkpoint": "g.pt", "images": "renders" }""", "ATU1002", "$.generator.shippedAs[0].images", "unknown property")]
    [InlineData("", "ATU1004", "$.generator.shippedAs", "at least one entry")]
    public void Form_ThatCannotBe_IsAnErrorAtItsPlace(string forms, string code, string path, string words)
    {
        var error = Assert.Single(Read(forms).Errors);

        Assert.Equal((code, path), (error.Code, error.Path));
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
    }

    // A folder and a command draw no latents.
    [Fact]
    public void Forms_OfWhatIsNoCheckpoint_AreAnError()
    {
        var read = Read(
            """{ "checkpoint": "g.onnx" }""", ("\"checkpoint\": \"generator.safetensors\"", "\"images\": \"renders\""));

        var error = Assert.Single(read.Errors, each => each.Path == "$.generator.shippedAs");
        Assert.Contains("is only for a generator with 'checkpoint'", error.Message, StringComparison.Ordinal);
    }

    // Nothing would be judged of a feature that has no rate to keep.
    [Fact]
    public void Form_OfAFeatureWithoutMaxRate_NeedsItsParityJudged()
    {
        (string, string) relative = ("\"maxRate\": 0.01, ", "");

        var error = Assert.Single(ReadWith("""{ "checkpoint": "g.pt" }""", [relative]).Errors);

        Assert.Equal(("ATU1006", "$.generator.shippedAs[0].maxParityDifference"), (error.Code, error.Path));
        Assert.Contains("'digit-8' has no 'maxRate'", error.Message, StringComparison.Ordinal);
        Assert.Empty(ReadWith("""{ "checkpoint": "g.pt", "maxParityDifference": 0.002 }""", [relative]).Errors);
    }

    // What is judged of the artifact alone holds for a file only as far as the file is the same.
    [Theory]
    [InlineData(", \"minUnlearned\": 0.95", "\"quality\": {", "\"quality\": {")]
    [InlineData(", \"maxFrechetDistance\": 40", "\"quality\": {", "\"quality\": {")]
    [InlineData("", "\"schemaVersion\": 1,", "\"schemaVersion\": 1, \"ratchet\": true,")]
    [InlineData(
        "", "\"schemaVersion\": 1,",
        "\"schemaVersion\": 1, \"audits\": [{ \"attack\": \"same-latents\", \"maxSuccess\": 0.1 }],")]
    public void Form_BesideOtherLimits_NeedsItsParityJudged(string kept, string from, string to)
    {
        (string, string)[] edit =
        [
            .. new[]
            {
                ", \"minUnlearned\": 0.95", ", \"maxFrechetDistance\": 40", ", \"maxFrechetIncrease\": 0.5",
                ", \"minShareKept\": 0.5",
            }.Where(limit => limit != kept).Select(limit => (limit, "")),
            (from, to),
        ];

        foreach (var lax in new[] { "", ", \"maxParityDifference\": 1" })
        {
            var error = Assert.Single(ReadWith($"{{ \"checkpoint\": \"g.pt\"{lax} }}", edit).Errors);
            Assert.Equal("$.generator.shippedAs[0].maxParityDifference", error.Path);
            Assert.Contains("of the artifact alone", error.Message, StringComparison.Ordinal);
        }

        Assert.Empty(ReadWith("{ \"checkpoint\": \"g.pt\", \"maxParityDifference\": 0.002 }", edit).Errors);
    }

    [Fact]
    public void Forms_WhereAPersonDecides_AreAnError()
    {
        var error = Assert.Single(Read(
            """{ "checkpoint": "g.pt" }""",
            ("\"schemaVersion\": 1,", "\"schemaVersion\": 1, \"evaluation\": { \"auditorErrors\": \"audit\" },")).Errors);

        Assert.Equal("$.generator.shippedAs", error.Path);
    }

    // Clopper and Pearson's bound without a difference: 1 − 0.05^(1/10000) is 0.00029953.
    [Theory]
    [InlineData("\"maxParityDifference\": 0.0003", null, null)]
    [InlineData("\"maxParityDifference\": 0.000299", "ATU1102", "maxParityDifference")]
    [InlineData("\"maxParityDifference\": 1", "ATU1103", "maxParityDifference")]
    [InlineData("\"maxPixelDifference\": 255", "ATU1103", "maxPixelDifference")]
    public void Limit_ThatNothingProvesOrMisses_IsAWarning(string limit, string? code, string? property)
    {
        var read = Read($$"""{ "checkpoint": "g.pt", {{limit}} }""");

        Assert.Empty(read.Errors);
        Assert.Equal(
            code is null ? [] : new[] { (code, $"$.generator.shippedAs[0].{property}") },
            read.Warnings.Select(warning => (warning.Code, warning.Path)));
    }

    [Fact]
    public void FrechetDifference_WithoutQuality_IsAnError()
    {
        const string Limited = """{ "checkpoint": "g.pt", "maxFrechetDifference": 1 }""";
        Assert.Empty(Read(Limited).Errors);

        var policy = Read(Limited).Policy! with { Quality = null };
        var findings = policy.Check(JsonPath.Root).Where(finding => finding.Severity == Severity.Error).ToList();

        Assert.Contains("needs 'quality'", Assert.Single(findings).Message, StringComparison.Ordinal);
    }

    // The files are a policy's own; their names and limits are its base's.
    [Theory]
    [InlineData("""{ "checkpoint": "mine.onnx", "name": "onnx", "maxParityDifference": 0.001, "maxPixelDifference": 4 }""", null)]
    [InlineData("""{ "checkpoint": "mine.onnx", "name": "onnx", "maxParityDifference": 0.003 }""", "maxParityDifference")]
    [InlineData("""{ "checkpoint": "mine.onnx", "name": "onnx" }""", "maxParityDifference")]
    [InlineData(
        """{ "checkpoint": "mine.onnx", "name": "other", "maxParityDifference": 0.001 }""", "lacks the shipped file 'onnx'")]
    public void Extends_OnlyTightens(string own, string? loosened)
    {
        var basis = Read("""{ "checkpoint": "base.onnx", "name": "onnx", "maxParityDifference": 0.002 }""").Policy!;

        var findings = PolicyTightening.FindLoosened(basis, Read(own).Policy!).ToList();

        Assert.Equal(loosened is null ? 0 : 1, findings.Count);
        if (loosened is not null)
            Assert.Contains(loosened, findings[0].Path.Text + " " + findings[0].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MeasurementSettings_LimitsOfForms_AreNoSettings()
    {
        var one = Read("""{ "checkpoint": "g.onnx", "maxParityDifference": 0.002 }""").Policy!;

        Assert.Empty(MeasurementSettings.Differences(
            one, Read("""{ "checkpoint": "g.onnx", "maxPixelDifference": 3 }""").Policy!));
        Assert.NotEmpty(MeasurementSettings.Differences(one, Read("""{ "checkpoint": "h.onnx" }""").Policy!));
        Assert.NotEmpty(MeasurementSettings.Differences(one, Records.Policy));
    }

    // A policy whose only limit is a rate.
    private static PolicyResult Read(string forms, params (string From, string To)[] edit) => ReadWith(
        forms,
        [
            (", \"minUnlearned\": 0.95", ""),
            (", \"maxFrechetDistance\": 40, \"maxFrechetIncrease\": 0.5, \"minShareKept\": 0.5", ""),
            .. edit,
        ]);

    private static PolicyResult ReadWith(string forms, (string From, string To)[] edit)
    {
        var text = Records.PolicyText.Replace(
            "\"checkpoint\": \"generator.safetensors\"",
            $"\"checkpoint\": \"generator.safetensors\", \"shippedAs\": [{forms}]", StringComparison.Ordinal);
        foreach (var (from, to) in edit)
        {
            Assert.Contains(from, text, StringComparison.Ordinal);
            text = text.Replace(from, to, StringComparison.Ordinal);
        }

        return PolicyReader.Read(text, "policy.json", _vocabulary, []);
    }
}
