using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using static AdaptThenUnlearn.Tests.Policies.PolicyTexts;

namespace AdaptThenUnlearn.Tests.Policies;

/// <summary>What a policy says of calibrations: one threshold for each classifier, and one class.</summary>
public sealed class CalibrationChoiceTests
{
    private const string Auditor = "\"auditor\": { ";
    private const string Calibrated = Auditor + "\"calibration\": \"c.json\", ";
    private const string Rate = "\"maxRate\": 0.01";

    [Fact]
    public void Read_Calibration_IsInThePolicyAndItsDigest()
    {
        var pin = new string('a', 64);
        var result = Changed((Auditor, $"{Calibrated}\"calibrationSha256\": \"{pin}\", "));

        Assert.Empty(result.Errors);
        Assert.Empty(result.Warnings);
        Assert.Equal(("c.json", pin), (
            result.Policy!.Classifiers["auditor"].Calibration, result.Policy.Classifiers["auditor"].CalibrationSha256));
        Assert.NotEqual(CanonicalJson.Digest(Changed().Policy!), CanonicalJson.Digest(result.Policy));
        Assert.Equal(FullDigest, CanonicalJson.Digest(Read(Full).Policy!));

        // Which classifier it is does not depend on its calibration, which names it.
        Assert.Equal(
            CanonicalJson.DigestAsUsed(Changed().Policy!.Classifiers["auditor"], "e"),
            CanonicalJson.DigestAsUsed(result.Policy.Classifiers["auditor"], "e"));
    }

    [Theory]
    [InlineData("auditorThreshold", "$.undesiredFeatures[0].auditorThreshold", "auditor")]
    [InlineData("threshold", null, "auditor")]   // that is the annotator's own
    [InlineData("threshold", "$.undesiredFeatures[0].threshold", "digits")]
    [InlineData("auditorThreshold", null, "digits")]
    public void Read_ThresholdBesideACalibration_IsAnErrorThatSaysWhichToRemove(string property, string? place, string calibrated)
    {
        var errors = Changed(
            ($"\"{calibrated}\": {{ ", $"\"{calibrated}\": {{ \"calibration\": \"c.json\", "),
            (Rate, $"{Rate}, \"{property}\": 0.6")).Errors;

        Assert.Equal(place, errors.SingleOrDefault()?.Path);
        if (place is not null)
            Assert.Equal(
                $"is given beside the calibration of '{calibrated}', which holds a threshold too: remove this one, or "
                    + $"classifiers.{calibrated}.calibration",
                errors[0].Message);
    }

    [Fact]
    public void Read_ThresholdOfAClassifierThatIsBoth_IsAnError() => Assert.Equal(
        "$.undesiredFeatures[0].threshold",
        Assert.Single(Changed(
            (Auditor, Calibrated), ("\"annotator\": \"digits\", ", "\"annotator\": \"auditor\", "),
            (Rate, $"{Rate}, \"threshold\": 0.6")).Errors).Path);

    [Fact]
    public void Read_TwoClassesOfACalibratedClassifier_AreAnError() => Assert.Equal(
        "is of one class, and the features ask 'auditor' for '8' and '9'; give each class a classifier of its own with the same "
            + "checkpoint",
        Assert.Single(
            Changed((Auditor, Calibrated), ($"{Rate} }}", $"{Rate} }}, {{ \"name\": \"digit-9\", \"annotator\": \"digits\", "
                + $"\"auditor\": \"auditor\", \"class\": \"9\", {Rate} }}")).Errors,
            error => error.Path == "$.classifiers.auditor.calibration").Message);

    [Fact]
    public void Read_CalibrationOfAClassifierThatJudgesNothing_IsAnError() => Assert.Contains(
        "does nothing: no undesired feature has 'auditor' as annotator or auditor",
        Assert.Single(Changed((Auditor, Calibrated), ("\"auditor\": \"auditor\", ", "")).Errors).Message,
        StringComparison.Ordinal);

    [Theory]
    [InlineData("\"calibration\": \"\", ", "calibration")]
    [InlineData("\"calibration\": \"nuget:Rules\", ", "calibration")]
    [InlineData("\"calibration\": \"c.json\", \"calibrationSha256\": \"abc\", ", "calibrationSha256")]
    [InlineData("\"calibrationSha256\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\", ",
        "calibrationSha256")]
    public void Read_WhatCannotBe_IsAnErrorAtItsPlace(string property, string place) => Assert.Equal(
        $"$.classifiers.auditor.{place}", Assert.Single(Changed((Auditor, Auditor + property)).Errors).Path);

    // What measures is the base's: its calibration may be neither another nor left out, nor one be added.
    [Theory]
    [InlineData("\"calibration\": \"c.json\"", "\"outputs\": \"softmax\"", null)]
    [InlineData("\"calibration\": \"c.json\"", "\"calibration\": \"other.json\"", "calibration")]
    [InlineData("\"calibration\": \"c.json\"", "\"calibration\": null", "calibration")]
    [InlineData("\"outputs\": \"softmax\"", "\"calibration\": \"c.json\"", "calibration")]
    public void Read_PolicyThatBuildsOnAnother_KeepsItsCalibration(string basis, string own, string? place)
    {
        var text = Smallest.Replace(Auditor, $"{Auditor}\"outputs\": \"softmax\", {basis}, ".Replace(
            "\"outputs\": \"softmax\", \"outputs\"", "\"outputs\"", StringComparison.Ordinal), StringComparison.Ordinal);
        var read = PolicyReader.Read(
            $$"""
            {
              "extends": { "policy": "base.json", "sha256": "{{Sha256Digest.Compute(text)}}" }, "name": "own",
              "generator": { "checkpoint": "g.safetensors" }, "classifiers": { "auditor": { {{own}} } }
            }
            """,
            "own.json", Vocabulary, [], (_, _) => text);

        Assert.Equal(place is null ? null : $"$.classifiers.auditor.{place}", read.Errors is [var first, ..] ? first.Path : null);
        if (place is not null)
            Assert.Equal(PolicyCodes.LoosensBase, read.Errors[0].Code);
    }

    // Otherwise whoever builds on a policy would bring a threshold of their own.
    [Fact]
    public void Read_BaseInAnotherFolder_KeepsItsOwnCalibration()
    {
        var text = Smallest.Replace(Auditor, $"{Auditor}\"calibration\": \"labels/c.json\", ", StringComparison.Ordinal);
        var read = PolicyReader.Read(
            $$"""
            {
              "extends": { "policy": "../rules/base.json", "sha256": "{{Sha256Digest.Compute(text)}}" }, "name": "own",
              "generator": { "checkpoint": "g.safetensors" }
            }
            """,
            "own.json", Vocabulary, [], (_, _) => text);

        Assert.Empty(read.Errors);
        Assert.Equal("../rules/labels/c.json", read.Policy!.Classifiers["auditor"].Calibration);
    }

    [Fact]
    public void Read_PinOfTheBase_MustStay()
    {
        var text = Smallest.Replace(
            Auditor, $"{Calibrated}\"calibrationSha256\": \"{new string('a', 64)}\", ", StringComparison.Ordinal);

        var read = PolicyReader.Read(
            $$"""
            {
              "extends": { "policy": "base.json", "sha256": "{{Sha256Digest.Compute(text)}}" },
              "name": "own", "generator": { "checkpoint": "g.safetensors" },
              "classifiers": { "auditor": { "calibrationSha256": "{{new string('b', 64)}}" } }
            }
            """,
            "own.json", Vocabulary, [], (_, _) => text);

        Assert.Equal("$.classifiers.auditor.calibrationSha256", Assert.Single(read.Errors).Path);
    }
}
