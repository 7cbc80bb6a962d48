using AdaptThenUnlearn.Measurements;
using CsCheck;
using MathNet.Numerics.Distributions;

namespace AdaptThenUnlearn.Tests.Measurements;

/// <summary>The bound of the true rate: its formula, its limits, and that it holds as often as it promises.</summary>
public sealed class TrueRateTests
{
    private const double Confidence = 0.95;

    // Beta quantiles of another library, put together by hand: half of the 5 % for the counts, a quarter for each kind of error.
    [Theory]
    [InlineData(28, 10_000, 4, 5, 974, 2, 9026)]
    [InlineData(90, 10_000, 1, 40, 200, 0, 0)]
    [InlineData(700, 10_000, 1, 100, 1000, 300, 9000)]
    public void UpperBound_CountsAndErrors_IsRogansAndGladensOfTheirBounds(
        long hits, long samples, int looks, long missed, long with, long falseAlarms, long without)
    {
        var seen = Beta.InvCDF(hits + 1, samples - hits, 1 - 0.025 / looks);
        var risk = without > 0 ? 0.0125 : 0.025;
        var sensitivity = Beta.InvCDF(with - missed, missed + 1, risk);
        var alarms = falseAlarms > 0 ? Beta.InvCDF(falseAlarms, without - falseAlarms + 1, risk) : 0;
        var expected = (seen - alarms) / (sensitivity - alarms);

        var bound = TrueRate.UpperBound(
            new Look(samples, hits), looks, Confidence, new DetectionCounts("by hand", with, missed, without, falseAlarms));

        var uncorrected = SequentialSampling.UpperBound(new Look(samples, hits), looks, Confidence);
        Assert.Equal(Math.Max(expected, uncorrected), bound, tolerance: 1e-9);
    }

    [Fact]
    public void UpperBound_NothingKnown_IsThatOfTheCounts() => Assert.Equal(
        SequentialSampling.UpperBound(new Look(10_000, 28), 4, Confidence),
        TrueRate.UpperBound(new Look(10_000, 28), 4, Confidence, errors: null));

    // More misses and fewer images raise the bound; known false alarms never bring it below what was seen.
    [Fact]
    public void UpperBound_AnyCounts_IsNeverBelowThatOfTheCountsAndGrowsWithMisses() =>
        Gen.Select(Gen.Long[0, 400], Gen.Long[1, 400], Gen.Long[0, 400], Gen.Long[0, 400]).Sample((hits, with, missed, alarms) =>
        {
            Assert.True(missed > with || Check(hits, with, missed, alarms));
        });

    [Theory]
    [InlineData(10, 10, 0, 0)]       // it found none
    [InlineData(100, 60, 400, 200)]  // it sees the class where it is not as often as where it is
    public void UpperBound_AuditorThatCannotTell_ProvesNothing(long with, long missed, long without, long alarms) => Assert.Equal(
        1, TrueRate.UpperBound(new Look(10_000, 0), 1, Confidence, new DetectionCounts("", with, missed, without, alarms)));

    [Theory]
    [InlineData(0, 1, 0)]
    [InlineData(0.01, 1, 0.01)]
    [InlineData(0.01, 100, 0.6339676587267709)]   // 1 − 0.99^100
    [InlineData(1, 10, 1)]
    [InlineData(1e-12, 1000, 1e-9)]
    public void ChanceToMeet_ARate_IsThatOfAtLeastOneImage(double rate, long images, double expected) =>
        Assert.Equal(expected, TrueRate.ChanceToMeet(rate, images), tolerance: 1e-15 + 1e-9 * expected);

    // The auditor misses a fifth and raises 1 % false alarms; 5 % feature. The benchmark `coverage` has every cell.
    [Fact(Skip = MutationRun.TooSlow, SkipType = typeof(MutationRun), SkipWhen = nameof(MutationRun.IsOn))]
    public void UpperBound_AuditorThatErrs_HoldsAtLeastAsOftenAsItPromises()
    {
        const double rate = 0.05, misses = 0.2, alarms = 0.01;
        const int trials = 2000;
        var random = new Random(8);
        var (corrected, uncorrected) = (0, 0);
        for (var trial = 0; trial < trials; trial++)
        {
            var look = new Look(2000, Count(2000, rate * (1 - misses) + (1 - rate) * alarms));
            var errors = new DetectionCounts("", 300, Count(300, misses), 2000, Count(2000, alarms));
            corrected += TrueRate.UpperBound(look, 1, Confidence, errors) >= rate ? 1 : 0;
            uncorrected += TrueRate.UpperBound(look, 1, Confidence, errors: null) >= rate ? 1 : 0;
        }

        Assert.InRange(corrected / (double)trials, 0.95, 1);
        Assert.InRange(uncorrected / (double)trials, 0, 0.95);

        long Count(int images, double share) => Enumerable.Range(0, images).LongCount(_ => random.NextDouble() < share);
    }

    private static bool Check(long hits, long with, long missed, long alarms)
    {
        var look = new Look(400, hits);
        var bound = Bound(missed);
        return bound >= SequentialSampling.UpperBound(look, 1, Confidence) && bound <= 1
            && (missed == with || Bound(missed + 1) >= bound);

        double Bound(long misses) =>
            TrueRate.UpperBound(look, 1, Confidence, new DetectionCounts("", with, misses, 400, alarms));
    }
}
