using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Runs;

/// <summary>Why a record is not valid, in the words that a reviewer reads.</summary>
public sealed class VerificationReasonTests
{
    private static readonly RunRecord _run = Records.Run();

    [Fact]
    public void VerifyReadings_ARun_HasNoProblem()
    {
        var verified = Verify(_run);

        Assert.Empty(verified.Problems);
        Assert.True(verified.HasPolicy);
        Assert.True(verified.Passed);
    }

    public static TheoryData<string, string> Policies => new()
    {
        { "text", "the recorded policy text does not have the recorded digest" },
        { "invalid", "the recorded policy text is not a valid policy: " },
        { "override", "the record holds an override that cannot be: " },
        { "other", "the recorded policy is not what its text says to this version, whose presets may be others" },
    };

    [Theory]
    [MemberData(nameof(Policies))]
    public void VerifyReadings_PolicyThatIsNotItsText_IsNotJudged(string fault, string problem)
    {
        var source = _run.PolicySource;
        var verified = Verify(_run with
        {
            PolicySource = fault switch
            {
                "text" => source with { Text = source.Text + " " },
                "invalid" => WithText("{}"),
                "override" => source with { Overrides = ["nowhere"] },
                _ => source with { EffectiveSha256 = new string('0', 64) },
            },
        });

        Assert.StartsWith(problem, Assert.Single(verified.Problems), StringComparison.Ordinal);
        Assert.False(verified.HasPolicy);
        Assert.False(verified.Passed);
        Assert.Empty(verified.Verdict.Findings);

        PolicySource WithText(string text) => source with { Text = text, Sha256 = Sha256Digest.Compute(text) };
    }

    [Fact]
    public void VerifyReadings_Artifacts_AreOneAndTheMeasuredOne()
    {
        var artifact = _run.Outputs[0];

        Assert.Equal("the record names no artifact", Problem(_run with { Outputs = [_run.Outputs[1]] }));
        Assert.Equal(
            "the record names more than one artifact",
            Problem(_run with { Outputs = [artifact, artifact with { Path = "other.safetensors" }] }));
        Assert.Equal(
            $"the artifact no-eights.safetensors is not the generator that was measured ({artifact.Sha256})",
            Problem(_run with { Outputs = [artifact with { Sha256 = new string('f', 64) }] }));
        Assert.Equal(
            "the record names a rejected artifact, and the recorded readings pass",
            Problem(_run with { Outputs = [artifact with { Role = OutputRoles.Rejected }] }));
    }

    [Fact]
    public void VerifyReadings_Inputs_AreThoseThatWereMeasured()
    {
        Assert.Equal(
            "the generator that was measured before is not the recorded input",
            Problem(WithInput(InputRoles.Generator, sha256: new string('f', 64))));
        Assert.Equal(
            [
                "the extractor that the images were measured with (e) is not a recorded input",
                "the extractor that the images were measured with (e) is not a recorded input",
            ],
            Verify(WithInput("classifier auditor", sha256: "f")).Problems);
        Assert.Equal(
            "the policy's classifier annotator is not one recorded input",
            Problem(WithInput("classifier annotator", remove: true)));
    }

    [Fact]
    public void VerifyReadings_Parts_DoNotChangeTheVerdict()
    {
        MeasuredPart part = new("part.safetensors", "p", 1, 1, "node", "cpu", 1, default, default);

        Assert.Empty(Verify(_run with { Parts = [part] }).Problems);
        Assert.Equal("part 1 of 1 of the measurement", part.Role);
    }

    private static RunRecord WithInput(string role, string? sha256 = null, bool remove = false) => _run with
    {
        Inputs =
        [
            .. _run.Inputs.Where(input => !remove || input.Role != role)
                .Select(input => input.Role == role && sha256 is not null ? input with { Sha256 = sha256 } : input),
        ],
    };

    private static string Problem(RunRecord record) => Assert.Single(Verify(record).Problems);

    private static Verification Verify(RunRecord record) =>
        Verification.VerifyReadings(record, Records.Vocabulary, Records.Today);
}
