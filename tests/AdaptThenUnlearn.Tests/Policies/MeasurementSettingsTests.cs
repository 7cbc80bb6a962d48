using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Tests.Policies;

/// <summary>Which policies measure in the same way.</summary>
public sealed class MeasurementSettingsTests
{
    [Fact]
    public void Differences_RangeThatIsTheDefault_IsNone()
    {
        Assert.Empty(MeasurementSettings.Differences(Records.Policy, Ranged(EvaluationOptions.EightBit)));
        Assert.Equal(CanonicalJson.Digest(Records.Policy), CanonicalJson.Digest(Ranged(null)));
    }

    [Fact]
    public void Differences_RawOutput_IsMeasuredDifferently() =>
        Assert.Equal(["$.evaluation.range"], MeasurementSettings.Differences(Records.Policy, Ranged(EvaluationOptions.Raw)));

    private static UnlearningPolicy Ranged(string? range) =>
        Records.Policy with { Evaluation = Records.Policy.Evaluation with { Range = range } };
}
