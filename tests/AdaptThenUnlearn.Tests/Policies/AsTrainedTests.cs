using System.Text.Json;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Tests.Policies.PolicyTexts;

namespace AdaptThenUnlearn.Tests.Policies;

/// <summary>A policy that leaves the training terms to the generator's file, and the record of its run.</summary>
public sealed class AsTrainedTests
{
    private const string Word = "unlearning.adversarial=as-trained";

    private static readonly AdversarialOptions _terms = new(10, 16, 2, 4, 0.9);

    [Theory]
    [InlineData("default")]
    [InlineData("paper")]
    public void Read_TheWord_HasNoValueOfThePreset(string preset)
    {
        var read = Read(Smallest, Word, "unlearning.preset=" + preset);

        Assert.Empty(read.Errors);
        Assert.True(read.Policy!.Unlearning.Adversarial.IsAsTrained);
        Assert.Contains("\"adversarial\":\"as-trained\"", read.EffectiveJson, StringComparison.Ordinal);
        Assert.Equal(read.EffectiveJson, Read(read.EffectiveJson).EffectiveJson);
        Assert.NotEqual(
            CanonicalJson.Digest(read.Policy), CanonicalJson.Digest(Read(Smallest, "unlearning.preset=" + preset).Policy!));
    }

    [Fact]
    public void Digest_WithoutTheWord_IsThatOfBefore()
    {
        var read = Read(Full);

        Assert.False(read.Policy!.Unlearning.Adversarial.IsAsTrained);
        Assert.Equal(FullDigest, CanonicalJson.Digest(read.Policy));
    }

    [Fact]
    public void Read_ValuesBesideTheWord_AreRefused()
    {
        var error = Assert.Single(Read(Smallest, Word, "unlearning.adversarial.r1Weight=3").Errors);

        Assert.Equal(PolicyCodes.ImpossibleOverride, error.Code);
        Assert.Equal("cannot set 'r1Weight', because its parent is text", error.Message);
    }

    [Theory]
    [InlineData("as-traned", "'as-traned' is not a known word; use as-trained (did you mean 'as-trained'?), or an object")]
    [InlineData("null", "must be an object, or one of the words as-trained, but is null")]
    [InlineData("7", "must be an object, or one of the words as-trained, but is the number 7")]
    public void Read_AnotherWord_SaysWhatWouldBeRight(string value, string message)
    {
        var error = Assert.Single(Read(Smallest, "unlearning.adversarial=" + value).Errors);

        Assert.Equal(("$.unlearning.adversarial", message), (error.Path, error.Message));
    }

    [Fact]
    public void Read_TheWordOverValues_ReplacesThemAll() =>
        Assert.True(Read(Full, Word).Policy!.Unlearning.Adversarial.IsAsTrained);

    [Theory]
    [InlineData("plain")]
    [InlineData("relative")]
    [InlineData("tensor-mean")]
    public void Read_Distance_IsInThePolicy(string distance) =>
        Assert.Equal(distance, Read(Smallest, "unlearning.repulsion.distance=" + distance).Policy!.Unlearning.Repulsion.Distance);

    [Theory]
    [InlineData("\"as-taught\"")]
    [InlineData("{ \"r1Weight\": 1 }")]
    public void Deserialize_NeitherTheWordNorAllValues_IsRefused(string json) =>
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<AdversarialOptions>(json, PolicyJson.Options));

    [Fact]
    public void VerifyReadings_TermsInEffectAreRecorded_IsValid()
    {
        var run = AsTrained(_terms);

        Assert.Empty(Verify(run));
        Assert.Contains("style mixing 0.9", new MarkdownReport().Render(run), StringComparison.Ordinal);
    }

    [Fact]
    public void VerifyReadings_TermsAreMissingOrNotThePolicys_IsAProblem()
    {
        const string Missing = "the policy leaves the training terms to the generator's file ('unlearning.adversarial' is "
            + "'as-trained'), and the record does not hold them";
        Assert.Contains(Missing, Verify(AsTrained(null)));
        Assert.Contains(Missing, Verify(AsTrained(AdversarialOptions.AsTrained)));

        var own = Records.Run();
        Assert.Contains(
            "the record holds other training terms beside those of the policy's 'unlearning.adversarial'",
            Verify(own with { Training = own.Training! with { Adversarial = _terms } }));
    }

    private static IReadOnlyList<string> Verify(RunRecord record) =>
        Verification.VerifyReadings(record, Records.Vocabulary, Records.Today).Problems;

    private static RunRecord AsTrained(AdversarialOptions? inEffect)
    {
        var word = PolicyOverride.Parse(Word);
        var policy = PolicyReader.Read(Records.PolicyText, "policy.json", Records.Vocabulary, [word]).Policy!;
        var run = Records.Run(policy: policy);
        return run with
        {
            PolicySource = run.PolicySource with { EffectiveSha256 = CanonicalJson.Digest(policy), Overrides = [Word] },
            Training = run.Training! with { Adversarial = inEffect },
        };
    }
}
