using AdaptThenUnlearn.Policies;
using static AdaptThenUnlearn.Tests.Policies.PolicyTexts;

namespace AdaptThenUnlearn.Tests.Policies;

/// <summary>Features that are not a class of a softmax classifier: independent labels, thresholds, folders of images.</summary>
public sealed class FeatureChoiceTests
{
    private const string Feature = "\"class\": \"8\", \"maxRate\": 0.01";
    private const string Digits = "\"digits\": { ";

    [Fact]
    public void Read_LabelsThresholdsAndFolders_AreInThePolicy()
    {
        var text = Smallest.Replace(Digits, Digits + "\"outputs\": \"sigmoid\", ", StringComparison.Ordinal);
        var result = Read(
            text.Replace(
                Feature,
                Feature + ", \"threshold\": 0.7, \"auditorThreshold\": 0.4, \"negatives\": \"eights\"",
                StringComparison.Ordinal), "unlearning.positives=clean");

        Assert.Empty(result.Errors);
        Assert.Empty(result.Warnings);
        var policy = result.Policy!;
        Assert.Equal(("sigmoid", null), (policy.Classifiers["digits"].Outputs, policy.Classifiers["auditor"].Outputs));
        var feature = policy.UndesiredFeatures[0];
        Assert.Equal(
            (0.7, 0.4, "eights", "clean"),
            (feature.Threshold, feature.AuditorThreshold, feature.Negatives, policy.Unlearning.Positives));
        Assert.Equal(UnlearningPresets.Get("default") with { Positives = "clean" }, policy.Unlearning);
        foreach (var property in New)
            Assert.Contains($"\"{property}\":", result.EffectiveJson, StringComparison.Ordinal);
    }

    [Fact]
    public void EffectiveJson_WithoutAnyOfThem_IsTheTextOfBefore()
    {
        foreach (var property in New)
            Assert.DoesNotContain($"\"{property}\"", Read(Full).EffectiveJson, StringComparison.Ordinal);

        Assert.Equal(FullDigest, CanonicalJson.Digest(Read(Full).Policy!));
    }

    [Theory]
    [InlineData("\"threshold\": 0", "$.undesiredFeatures[0].threshold", "must be above 0 and below 1, but is 0")]
    [InlineData("\"threshold\": 1.1", "$.undesiredFeatures[0].threshold", "must be above 0 and below 1, but is 1.1")]
    [InlineData("\"threshold\": 1", "$.undesiredFeatures[0].threshold", "must be above 0 and below 1, but is 1")]
    [InlineData("\"auditorThreshold\": -1", "$.undesiredFeatures[0].auditorThreshold", "must be above 0")]
    [InlineData("\"negatives\": \" \"", "$.undesiredFeatures[0].negatives", "must not be empty")]
    public void Read_ImpossibleValues_AreErrorsAtTheirPlace(string given, string path, string expected)
    {
        var error = Assert.Single(ReadChanged(Smallest, Feature, $"{Feature}, {given}").Errors);

        Assert.Equal((PolicyCodes.ImpossibleValue, path), (error.Code, error.Path));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_AuditorsThresholdWithoutAuditor_IsAnError()
    {
        var error = Assert.Single(
            ReadChanged(Smallest, "\"auditor\": \"auditor\", " + Feature, Feature + ", \"auditorThreshold\": 0.5").Errors);

        Assert.Equal("$.undesiredFeatures[0].auditorThreshold", error.Path);
        Assert.Contains("none is named; the annotator's is 'threshold'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_OtherOutputs_NamesThemAll()
    {
        var error = Assert.Single(ReadChanged(Smallest, Digits, Digits + "\"outputs\": \"sigmoids\", ").Errors);

        Assert.Equal((PolicyCodes.UnknownName, "$.classifiers.digits.outputs"), (error.Code, error.Path));
        Assert.Contains("softmax, sigmoid, probabilities or independent-probabilities", error.Message, StringComparison.Ordinal);
    }

    // The probability of the only class is 1, whatever the image.
    [Theory]
    [InlineData("\"outputs\": \"softmax\"", "say \"outputs\": \"sigmoid\"")]
    [InlineData("\"format\": \"torchscript\"", "say \"outputs\": \"sigmoid\"")]
    [InlineData("\"outputs\": \"probabilities\"", "say \"outputs\": \"independent-probabilities\"")]
    public void Read_OneClassThatWouldAlwaysHold_IsAnErrorWithTheMend(string given, string mend)
    {
        var error = Assert.Single(WithClasses($"\"classes\": [\"8\"], {given}").Errors);

        Assert.Equal((PolicyCodes.ImpossibleValue, "$.classifiers.digits.outputs"), (error.Code, error.Path));
        Assert.True(error.Line > 0);
        Assert.Contains(mend, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"classes\": [\"8\"], \"outputs\": \"sigmoid\"")]
    [InlineData("\"classes\": [\"8\"], \"outputs\": \"independent-probabilities\"")]
    [InlineData("\"classes\": [\"8\"]")]   // the checkpoint may say what they are
    [InlineData("\"classes\": [\"7\", \"8\"], \"outputs\": \"probabilities\"")]
    public void Read_OutputsThatCanBe_AreNoError(string given) => Assert.Empty(WithClasses(given).Errors);

    [Theory]
    [InlineData("\"maxRate\": 0.01", "\"maxRate\": 1", "$.undesiredFeatures[0].maxRate", "it is not a limit")]
    [InlineData(
        "\"maxRate\": 0.01",
        "\"maxRate\": 0.01, \"minUnlearned\": 0",
        "$.undesiredFeatures[0].minUnlearned",
        "it is not a limit")]
    [InlineData(
        "\"maxRate\": 0.01",
        "\"maxRate\": 0.01, \"threshold\": 0.999",
        "$.undesiredFeatures[0].threshold",
        "at least 99.9 % sure")]
    [InlineData(
        "\"maxRate\": 0.01",
        "\"maxRate\": 0.01, \"auditorThreshold\": 0.9999",
        "$.undesiredFeatures[0].auditorThreshold",
        "at least 99.99 % sure")]
    public void Read_RuleThatHardlyAnythingMisses_IsAWarningAtItsPlace(string from, string to, string path, string expected)
    {
        var result = ReadChanged(Smallest, from, to);

        Assert.Empty(result.Errors);
        var warning = Assert.Single(result.Warnings);
        Assert.Equal((PolicyCodes.LaxRule, path), (warning.Code, warning.Path));
        Assert.Contains(expected, warning.Message, StringComparison.Ordinal);
        Assert.Contains(expected, Assert.Single(result.Policy!.UndesiredFeatures[0].LaxLimits()), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_TinyTruncation_IsAWarning()
    {
        var warning = Assert.Single(Read(Smallest, "evaluation.truncation=0.000000001").Warnings);

        Assert.Equal((PolicyCodes.TameImages, "$.evaluation.truncation"), (warning.Code, warning.Path));
        Assert.Empty(Read(Smallest, "evaluation.truncation=0.7").Warnings);
    }

    [Theory]
    [InlineData("auditor.safetensors", "./auditor.safetensors")]
    [InlineData("a/auditor.safetensors", "a/b/../auditor.safetensors")]
    [InlineData("../auditor.safetensors", "..//auditor.safetensors")]
    [InlineData("a\\\\auditor.safetensors", "a/./auditor.safetensors")]
    public void Read_AnnotatorsCheckpointByADetour_IsNoIndependentAuditor(string annotator, string auditor)
    {
        var result = Read(
            Smallest,
            $"classifiers.digits.checkpoint={annotator.Replace("\\\\", "\\", StringComparison.Ordinal)}",
            $"classifiers.auditor.checkpoint={auditor}");

        Assert.Equal(PolicyCodes.NoIndependentAuditor, Assert.Single(result.Warnings).Code);
        Assert.Empty(Read(
            Smallest,
            "classifiers.digits.checkpoint=../a/auditor.safetensors",
            "classifiers.auditor.checkpoint=a/auditor.safetensors").Warnings);
    }

    private static PolicyResult WithClasses(string given) => PolicyReader.Read(
        Smallest.Replace(
            "\"a.safetensors\", \"classes\": [\"7\", \"8\", \"9\"]", $"\"a.safetensors\", {given}", StringComparison.Ordinal),
        "policy.json", Vocabulary with { CheckpointFormats = [.. Vocabulary.CheckpointFormats, "torchscript"] }, []);

    private static string[] New => ["outputs", "threshold", "auditorThreshold", "negatives", "positives"];
}
