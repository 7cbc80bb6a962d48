using AdaptThenUnlearn.Policies;
using static AdaptThenUnlearn.Tests.Policies.PolicyTexts;

namespace AdaptThenUnlearn.Tests.Policies;

/// <summary>What a policy says of features that are no class of a softmax classifier: labels, thresholds, folders of images.</summary>
public sealed class FeatureChoiceTests
{
    private const string Feature = "\"class\": \"8\", \"maxRate\": 0.01";
    private const string Digits = "\"digits\": { ";

    [Fact]
    public void Read_LabelsThresholdsAndFolders_AreInThePolicy()
    {
        var text = Smallest.Replace(Digits, Digits + "\"outputs\": \"sigmoid\", ", StringComparison.Ordinal);
        var result = Read(
            text.Replace(Feature, Feature + ", \"threshold\": 0.7, \"auditorThreshold\": 0.4, \"negatives\": \"eights\"", StringComparison.Ordinal), "unlearning.positives=clean");

        Assert.Empty(result.Errors);
        Assert.Empty(result.Warnings);
        var policy = result.Policy!;
        Assert.Equal(("sigmoid", null), (policy.Classifiers["digits"].Outputs, policy.Classifiers["auditor"].Outputs));
        var feature = policy.UndesiredFeatures[0];
        Assert.Equal((0.7, 0.4, "eights", "clean"), (feature.Threshold, feature.AuditorThreshold, feature.Negatives, policy.Unlearning.Positives));
        Assert.Equal(UnlearningPresets.Of("default") with { Positives = "clean" }, policy.Unlearning);
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
    [InlineData("\"threshold\": 0", "$.undesiredFeatures[0].threshold", "must be above 0 and at most 1, but is 0")]
    [InlineData("\"threshold\": 1.1", "$.undesiredFeatures[0].threshold", "must be above 0 and at most 1, but is 1.1")]
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
        var error = Assert.Single(ReadChanged(Smallest, "\"auditor\": \"auditor\", " + Feature, Feature + ", \"auditorThreshold\": 0.5").Errors);

        Assert.Equal("$.undesiredFeatures[0].auditorThreshold", error.Path);
        Assert.Contains("none is named; the annotator's is 'threshold'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_OtherOutputs_NamesTheTwo()
    {
        var error = Assert.Single(ReadChanged(Smallest, Digits, Digits + "\"outputs\": \"sigmoids\", ").Errors);

        Assert.Equal((PolicyCodes.UnknownName, "$.classifiers.digits.outputs"), (error.Code, error.Path));
        Assert.Contains("softmax, sigmoid", error.Message, StringComparison.Ordinal);
    }

    private static string[] New => ["outputs", "threshold", "auditorThreshold", "negatives", "positives"];
}
