using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Tests.Gating;

/// <summary>How far candidates miss the policy's limits, by hand.</summary>
public sealed class ConstraintViolationTests
{
    [Theory]
    [InlineData(null, null, true, 1.0)]        // no limit allows every image
    [InlineData(0.1, null, true, 0.1)]
    [InlineData(null, 0.9, true, 0.02)]        // a tenth of 40 of 200
    [InlineData(0.01, 0.9, true, 0.01)]        // the stricter one holds
    [InlineData(0.1, 0.9, true, 0.02)]
    [InlineData(0.1, 0.9, false, 0.1)]         // nothing to unlearn: the rate alone holds
    [InlineData(null, 0.9, false, 1.0)]
    [InlineData(null, 1.0, true, 0.0)]
    public void AllowedRate_BothLimits_IsTheStricterOneAsARate(
        double? maxRate, double? minUnlearned, bool isViolated, double expected)
    {
        var feature = Records.Policy.UndesiredFeatures[0] with { MaxRate = maxRate, MinUnlearned = minUnlearned };

        Assert.Equal(expected, ConstraintViolation.AllowedRate(feature, isViolated, new Look(200, 40)), tolerance: 1e-12);
    }

    // With no hit in 200 images the upper bound at 90 % confidence is 1 − 0.1^(1/200) = 0.011447…; with every image it is 1.
    [Theory]
    [InlineData(0, 1.0, 1.0, 0)]
    [InlineData(0, 0.02, 1.0, 0)]
    [InlineData(0, 0.02, 0.5, 0.0014469)]
    [InlineData(0, 0.0, 1.0, 0.0114469)]
    [InlineData(200, 0.25, 1.0, 0.75)]
    [InlineData(200, 0.25, 0.5, 0.875)]
    public void OfRate_UpperBoundAndMargin_IsHowFarItLiesAbove(long hits, double allowed, double margin, double expected) =>
        Assert.Equal(expected, ConstraintViolation.OfRate(new Look(200, hits), allowed, margin), tolerance: 1e-6);

    [Theory]
    [InlineData(null, 0.0, 0.0)]
    [InlineData(0.5, 0.5, 0.0)]
    [InlineData(0.5, 0.75, 0.0)]
    [InlineData(0.5, 0.125, 0.375)]
    [InlineData(0.5, 0.0, 0.5)]
    public void OfShares_ClassThatLostMost_IsWhatItLacks(double? minShareKept, double smallestShareKept, double expected) =>
        Assert.Equal(expected, ConstraintViolation.OfShares(minShareKept, smallestShareKept));
}
