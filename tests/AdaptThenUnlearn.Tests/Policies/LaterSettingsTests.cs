using System.Text.Json.Nodes;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Tests.Policies.PolicyTexts;

namespace AdaptThenUnlearn.Tests.Policies;

/// <summary>
/// Settings that older policies, and their digests, do not have: how a discriminator is made, how many samples must be clean, how
/// strictly candidates are judged.
/// </summary>
public sealed class LaterSettingsTests
{
    [Theory]
    [InlineData("minimumClean", "0.5", "1.5")]
    [InlineData("candidateMargin", "0.25", "0")]
    [InlineData("accumulate", "2", "0")]
    [InlineData("precision", "\"tf32\"", "\"bf16\"")]
    [InlineData("sharedImages", "true", "1")]
    public void Read_KnobThatMayBeLeftOut_IsInTheDigestOnlyWhereThePolicySaysIt(string name, string value, string impossible)
    {
        var (without, with) = (Read(Full), Read(Full, $"unlearning.{name}={value}"));

        Assert.DoesNotContain(name, CanonicalJson.Serialize(without.Policy!), StringComparison.OrdinalIgnoreCase);
        Assert.Contains($"\"{name}\":{value}", with.EffectiveJson, StringComparison.Ordinal);
        Assert.DoesNotContain("OrDefault", CanonicalJson.Serialize(with.Policy!), StringComparison.OrdinalIgnoreCase);
        Assert.Equal(with.EffectiveJson, Read(with.EffectiveJson).EffectiveJson);
        Assert.Equal($"$.unlearning.{name}", Assert.Single(Read(Smallest, $"unlearning.{name}={impossible}").Errors).Path);
    }

    [Fact]
    public void Read_SortingOfRealImages_IsForRetrainingAndInTheDigestOnlyWhereThePolicySaysIt()
    {
        string[] retraining = ["unlearning.method=retrain", "unlearning.data=images"];

        var (without, with) = (Read(Full, retraining), Read(Full, [.. retraining, "unlearning.cleanBy=labels"]));

        Assert.DoesNotContain("cleanBy\"", CanonicalJson.Serialize(without.Policy!), StringComparison.OrdinalIgnoreCase);
        Assert.False(without.Policy!.Unlearning.IsCleanByLabels);
        Assert.True(with.Policy!.Unlearning.IsCleanByLabels);
        Assert.Contains("\"cleanBy\":\"labels\"", CanonicalJson.Serialize(with.Policy), StringComparison.Ordinal);
        Assert.Equal(with.EffectiveJson, Read(with.EffectiveJson).EffectiveJson);
        Assert.False(Read(Full, "unlearning.cleanBy=annotator").Policy!.Unlearning.IsCleanByLabels);
    }

    [Theory]
    [InlineData("labels", "'labels' are for the real images that the method 'retrain' trains on, but the method is 'fine-tune'")]
    [InlineData("people", "'people' is not a way to sort real images; use annotator or labels")]
    public void Read_SortingThatCannotBe_SaysWhy(string value, string problem)
    {
        var error = Assert.Single(Read(Full, $"unlearning.cleanBy={value}").Errors);

        Assert.Equal(("$.unlearning.cleanBy", problem), (error.Path, error.Message));
    }

    [Fact]
    public void Read_KnobsLeftOutOrGiven_AreWhatTrainingSees()
    {
        var (without, with) = (
            Read(Full).Policy!.Unlearning,
            Read(Full, "unlearning.minimumClean=0.5", "unlearning.candidateMargin=0.25").Policy!.Unlearning);

        Assert.Equal(
            (UnlearningOptions.DefaultMinimumClean, UnlearningOptions.DefaultCandidateMargin),
            (without.MinimumCleanOrDefault, without.CandidateMarginOrDefault));
        Assert.Equal((0.5, 0.25), (with.MinimumCleanOrDefault, with.CandidateMarginOrDefault));
    }

    [Fact]
    public void Read_PartsThatDoNotDivideTheBatch_SaysWhatTheyMustDivide()
    {
        var error = Assert.Single(Read(Smallest, "unlearning.batchSize=16", "unlearning.accumulate=3").Errors);

        Assert.Equal(("$.unlearning.accumulate", "must divide 'batchSize' (16), but is 3"), (error.Path, error.Message));
        Assert.Empty(Read(Smallest, "unlearning.batchSize=16", "unlearning.accumulate=4").Errors);
    }

    [Fact]
    public void Read_TrainingSwitchesLeftOut_AreThoseOfBefore()
    {
        var without = Read(Full).Policy!.Unlearning;

        Assert.Equal((UnlearningOptions.SinglePrecision, 1), (without.PrecisionOrDefault, without.AccumulateOrDefault));
    }

    [Fact]
    public void Read_RetainedFeatures_AreInTheDigestOnlyWhereThePolicySaysSo()
    {
        var (without, with) = (Read(Full), Read(Full, "unlearning.retention.featureWeight=0.5"));

        Assert.DoesNotContain("featureWeight", CanonicalJson.Serialize(without.Policy!), StringComparison.Ordinal);
        Assert.Null(without.Policy!.Unlearning.Retention.FeatureWeight);
        Assert.Equal(0.5, with.Policy!.Unlearning.Retention.FeatureWeight);
        Assert.Contains("\"featureWeight\":0.5", with.EffectiveJson, StringComparison.Ordinal);
        Assert.Equal(with.EffectiveJson, Read(with.EffectiveJson).EffectiveJson);
    }

    [Fact]
    public void Read_FrechetLossAndGuidance_AreInTheDigestOnlyWhereThePolicySaysSo()
    {
        var (without, with) = (Read(Full), Read(Full, "unlearning.frechetLoss.window=500", "unlearning.guidance.weight=3"));

        Assert.DoesNotContain("frechetLoss", CanonicalJson.Serialize(without.Policy!), StringComparison.Ordinal);
        Assert.DoesNotContain("guidance", CanonicalJson.Serialize(without.Policy!), StringComparison.Ordinal);
        Assert.Equal((null, null), (without.Policy!.Unlearning.FrechetLoss, without.Policy.Unlearning.Guidance));
        var frechet = with.Policy!.Unlearning.FrechetLoss!;
        Assert.Equal(
            (5, 10, 500),
            (frechet.AnnotatorWeightOrDefault, frechet.DiscriminatorWeightOrDefault, frechet.WindowOrDefault));
        Assert.Equal(new GuidanceOptions(3), with.Policy.Unlearning.Guidance);
        Assert.Equal(with.EffectiveJson, Read(with.EffectiveJson).EffectiveJson);
        Assert.DoesNotContain("annotatorWeight", with.EffectiveJson, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_Students_AreInTheDigestOnlyWhereThePolicySaysSo()
    {
        var (without, with) = (Read(Full), Read(Full, "unlearning.students.count=2", "unlearning.students.epochs=3"));

        Assert.DoesNotContain("students", CanonicalJson.Serialize(without.Policy!), StringComparison.Ordinal);
        Assert.Null(without.Policy!.Unlearning.Students);
        var students = with.Policy!.Unlearning.Students!;
        Assert.Equal((2, 10_000, 3), (students.Count, students.SamplesOrDefault, students.EpochsOrDefault));
        Assert.Equal(with.EffectiveJson, Read(with.EffectiveJson).EffectiveJson);
        Assert.DoesNotContain("samples\": 10000", with.EffectiveJson, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_FadingNegatives_AreInTheDigestOnlyWhereThePolicySaysSo()
    {
        var (without, with) = (Read(Full), Read(Full, "unlearning.negativesAsFakes.fades=true"));

        Assert.DoesNotContain("fades", CanonicalJson.Serialize(without.Policy!), StringComparison.Ordinal);
        Assert.Null(without.Policy!.Unlearning.NegativesAsFakes.Fades);
        Assert.True(with.Policy!.Unlearning.NegativesAsFakes.Fades);
        Assert.Contains("\"fades\":true", with.EffectiveJson, StringComparison.Ordinal);
        Assert.Equal(with.EffectiveJson, Read(with.EffectiveJson).EffectiveJson);
    }

    [Fact]
    public void Read_Steps_AreInThePolicyAndInItsDigest()
    {
        var (without, with) = (Read(Smallest), Read(Smallest, "unlearning.discriminatorWarmUp.steps=7"));

        Assert.Empty(with.Errors);
        Assert.Equal(7, with.Policy!.Unlearning.WarmUp.Steps);
        Assert.Contains("\"discriminatorWarmUp\":{\"steps\":7}", with.EffectiveJson, StringComparison.Ordinal);
        Assert.Equal(with.EffectiveJson, Read(with.EffectiveJson).EffectiveJson);
        Assert.NotEqual(CanonicalJson.Digest(without.Policy!), CanonicalJson.Digest(with.Policy!));
    }

    [Fact]
    public void EffectiveJson_LeftOut_IsTheTextOfBefore()
    {
        var policy = Read(Full).Policy!;

        Assert.Equal(DiscriminatorWarmUpOptions.Default, policy.Unlearning.WarmUp);
        Assert.DoesNotContain("armUp", CanonicalJson.Serialize(policy), StringComparison.Ordinal);
        Assert.Equal(CanonicalJson.Serialize(policy), Read(Full, "unlearning.discriminatorWarmUp=null").EffectiveJson);
    }

    [Theory]
    [InlineData(
        "unlearning.discriminatorWarmUp.steps=0", "$.unlearning.discriminatorWarmUp.steps", "must be at least 1, but is 0")]
    [InlineData("unlearning.discriminatorWarmUp={}", "$.unlearning.discriminatorWarmUp.steps", "is missing")]
    [InlineData("unlearning.discriminatorWarmUp=400", "$.unlearning.discriminatorWarmUp", "must be an object")]
    public void Read_ImpossibleValues_AreErrorsAtTheirPlace(string given, string path, string expected)
    {
        var error = Assert.Single(Read(Smallest, given).Errors);

        Assert.Equal(path, error.Path);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Record_WithAndWithoutWarmUp_ReadsBackAndKeepsTheOldTextWhereThereWasNone()
    {
        var run = Records.Run();
        var with = run with
        {
            Training = run.Training! with { DiscriminatorWarmUp = new WarmedUpDiscriminator(Steps: 400, Samples: 6400) }
        };

        Assert.Equal(with.Training, RunRecordFile.Parse(RunRecordFile.ToJson(with), "run.json").Training);
        Assert.DoesNotContain("armUp", RunRecordFile.ToJson(run), StringComparison.Ordinal);
        Assert.DoesNotContain(
            "leanBelow", JsonNode.Parse(RunRecordFile.ToJson(run))!["training"]!.ToJsonString(), StringComparison.Ordinal);
    }
}
