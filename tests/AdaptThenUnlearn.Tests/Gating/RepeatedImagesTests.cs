using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Tests.Gating;

/// <summary>Images that repeat others: beyond the policy's limit nothing was measured, whatever the counts are.</summary>
public sealed class RepeatedImagesTests
{
    private static readonly Measurement _clean = Records.Measured("a", hits: 0, distance: 30, nines: 1000) with
    {
        Features = [new FeatureReading("digit-8", "auditor", "8", [new Look(10000, 1)], 1, NoiseFloor: null)],
    };

    [Theory]
    [InlineData(0, FindingState.Passed)]
    [InlineData(100, FindingState.Passed)]        // at the limit of 1 %
    [InlineData(101, FindingState.NotMeasured)]
    [InlineData(9_999, FindingState.NotMeasured)]
    public void Judge_RepeatedImages_AreMeasuredUpToTheLimit(long repeated, FindingState expected)
    {
        var verdict = Judge(OfFolder(maxDuplicates: null), _clean with { Repeats = new RepeatedImages(10000, repeated, 0.01) });

        var finding = verdict.Findings.Single(each => each.Rule == RuleName.MaxRate("digit-8"));
        Assert.Equal(expected, finding.State);
        if (expected is FindingState.NotMeasured)
            Assert.StartsWith(
                $"{repeated} of 10000 images are the same as another one, or nearly so, and at most 1 % may be",
                finding.Explanation, StringComparison.Ordinal);
    }

    // The limit in a record is what the run was made with; the one that counts is the policy's.
    [Fact]
    public void Judge_RecordWithALaxerLimit_IsJudgedByThePolicy()
    {
        var measured = _clean with { Repeats = new RepeatedImages(10000, 5000, 0.9) };

        Assert.False(Judge(OfFolder(maxDuplicates: null), measured).Passed);
        Assert.True(Judge(OfFolder(maxDuplicates: 0.9), measured).Passed);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Judge_NotComparedOrFewerThanCounted_IsNotMeasured(bool some)
    {
        var verdict = Judge(
            OfFolder(maxDuplicates: 1), _clean with { Repeats = some ? new RepeatedImages(9999, 0, 1) : null });

        Assert.All(verdict.Findings, finding => Assert.NotEqual(FindingState.Passed, finding.State));
        Assert.Contains("were not compared with one another", verdict.Findings[0].Explanation, StringComparison.Ordinal);
    }

    [Fact]
    public void ViolatedFeatures_AndIsMeaningless_SeeTheLimitToo()
    {
        var measured = _clean with { Repeats = new RepeatedImages(10000, 5000, 0.01) };

        Assert.NotEmpty(Gate.ViolatedFeatures(OfFolder(maxDuplicates: null), measured, today: null));
        Assert.True(Gate.IsMeaningless(measured));
        Assert.False(Gate.IsMeaningless(_clean with { Repeats = new RepeatedImages(10000, 5, 0.01) }));
    }

    [Fact]
    public void Judge_Checkpoint_NeedsNoComparison() =>
        Assert.True(Judge(Records.Policy with { Quality = null }, _clean).Passed);

    private static Verdict Judge(UnlearningPolicy policy, Measurement measured) =>
        Gate.Judge(policy, measured, after: null, Records.Today);

    private static UnlearningPolicy OfFolder(double? maxDuplicates) => Records.Policy with
    {
        Quality = null,
        Generator = Records.Policy.Generator with { Checkpoint = null, Images = "renders", MaxDuplicates = maxDuplicates },
    };
}
