using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Governing;
using AdaptThenUnlearn.Torch.Measuring;

namespace AdaptThenUnlearn.Torch.Tests.Checkpoints;

/// <summary>The training terms in a generator's metadata, and the policies that leave theirs to them.</summary>
public sealed class TrainedRegimeTests
{
    private static readonly AdversarialOptions _terms = new(0.1, 16, 2, 4, 0.9);

    private static readonly UnlearningOptions _left =
        UnlearningPresets.Get("paper") with { Adversarial = AdversarialOptions.AsTrained };

    [Fact]
    public void Write_Terms_AreReadBackBesideOtherKeys()
    {
        var written = TrainedRegime.Write(_terms);

        Assert.Equal(
            new Dictionary<string, string>
            {
                ["training.r1Weight"] = "0.1",
                ["training.r1Every"] = "16",
                ["training.pathLengthWeight"] = "2",
                ["training.pathLengthEvery"] = "4",
                ["training.styleMixing"] = "0.9",
            },
            written);
        var read = TrainedRegime.Read(new Dictionary<string, string>(written) { ["tool"] = "x", ["training.other"] = "y" });
        Assert.Equal(_terms, read.Terms);
        Assert.Empty(read.MissingKeys);
        Assert.Throws<ArgumentException>(() => TrainedRegime.Write(AdversarialOptions.AsTrained));
    }

    [Theory]
    [InlineData("training.r1Weight", "-1")]
    [InlineData("training.r1Weight", "NaN")]
    [InlineData("training.r1Weight", "Infinity")]
    [InlineData("training.r1Every", "0")]
    [InlineData("training.r1Every", "1.5")]
    [InlineData("training.pathLengthWeight", "much")]
    [InlineData("training.pathLengthEvery", "99999999999")]
    [InlineData("training.styleMixing", "1.1")]
    [InlineData("training.styleMixing", null)]
    public void Read_ImpossibleOrMissingValue_IsNamedAndNothingIsGuessed(string key, string? text)
    {
        var metadata = new Dictionary<string, string>(TrainedRegime.Write(_terms));
        if (text is null)
            metadata.Remove(key);
        else
            metadata[key] = text;

        var read = TrainedRegime.Read(metadata);

        Assert.Null(read.Terms);
        Assert.Equal([key], read.MissingKeys);
    }

    [Fact]
    public void WithTrainedTerms_FileSaysThem_AreThoseOfTheFile()
    {
        var regime = TrainedRegime.Read(TrainedRegime.Write(_terms));

        var options = GeneratorRequirements.WithTrainedTerms(_left, regime);

        Assert.Equal(_left with { Adversarial = _terms }, options);
        var settings = options.TrainingSettings(0.002);
        Assert.Equal(
            (0.1, 16, 2, 4, 0.9),
            (settings.R1Weight, settings.R1Every, settings.PathLengthWeight, settings.PathLengthEvery, settings.StyleMixing));
        var own = UnlearningPresets.Get("paper");
        Assert.Same(own, GeneratorRequirements.WithTrainedTerms(own, regime));
    }

    [Fact]
    public void WithTrainedTerms_FileLacksOne_SaysWhichAndHowToGiveThem()
    {
        var metadata = new Dictionary<string, string>(TrainedRegime.Write(_terms));
        metadata.Remove("training.styleMixing");

        var refused = Assert.Throws<PolicyMismatchException>(
            () => GeneratorRequirements.WithTrainedTerms(_left, TrainedRegime.Read(metadata)));

        Assert.Equal(("$.unlearning.adversarial", PolicyCodes.UnknownTerms), (refused.JsonPath, refused.Code));
        Assert.Contains("its metadata lack training.styleMixing", refused.Problem, StringComparison.Ordinal);
        Assert.EndsWith(
            "give the terms yourself: \"adversarial\": { \"r1Weight\": 0.1, \"r1Every\": 16, \"pathLengthWeight\": 2, "
                + "\"pathLengthEvery\": 4, \"styleMixing\": … }",
            refused.Problem,
            StringComparison.Ordinal);
        Assert.Throws<PolicyMismatchException>(() => GeneratorRequirements.WithTrainedTerms(_left, TrainedRegime.Unknown));
    }

    [Fact]
    public void TrainingSettings_TermsThatNobodyFilledIn_AreRefused() =>
        Assert.Throws<ArgumentException>(() => _left.TrainingSettings(0.002));
}
