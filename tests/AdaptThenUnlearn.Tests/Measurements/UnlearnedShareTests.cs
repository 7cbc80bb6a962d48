using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using MathNet.Numerics.Distributions;

namespace AdaptThenUnlearn.Tests.Measurements;

/// <summary>The share unlearned, and the bound of it that the gate judges.</summary>
public sealed class UnlearnedShareTests
{
    private const double Confidence = 0.95;

    [Theory]
    [InlineData(0, 5, null)]
    [InlineData(100, 5, 0.95)]
    [InlineData(100, 100, 0.0)]
    [InlineData(100, 150, -0.5)]
    public void Compute_Counts_IsThePaperFormula(long before, long after, double? expected) =>
        Assert.Equal(expected, UnlearnedShare.Compute(before, after));

    [Fact]
    public void LowerBound_NoHitAfter_IsWhatSoFewHitsProve()
    {
        // Of 250 hits in both none was after: at most q = 1 − 0.05^(1/250) of them are, and the ratio is q / (1 − q).
        var most = 1 - Math.Pow(0.05, 1.0 / 250);

        Assert.Equal(
            1 - most / (1 - most),
            UnlearnedShare.LowerBound(new Look(1000, 250), new Look(1000, 0), Confidence)!.Value,
            tolerance: 1e-9);
        Assert.Null(UnlearnedShare.LowerBound(new Look(1000, 0), new Look(1000, 0), Confidence));
        Assert.Throws<ArgumentException>(() => UnlearnedShare.LowerBound(new Look(1000, 9), new Look(900, 0), Confidence));
    }

    // Bonferroni: half of 5 % for each of the two rates; of each half again for the counts, and a quarter for S and for f.
    [Fact]
    public void LowerBound_KnownErrors_IsOfTheTrueRates()
    {
        var (before, after) = (new Look(10_000, 1200), new Look(10_000, 100));
        var errors = new DetectionCounts("known", With: 1000, Missed: 50, Without: 9000, FalseAlarms: 90);
        var most = (Upper(100, 10_000, 0.9875) - Lower(90, 9000, 0.99375))
            / (Lower(950, 1000, 0.99375) - Lower(90, 9000, 0.99375));
        var least = (Lower(1200, 10_000, 0.9875) - Upper(90, 9000, 0.99375))
            / (Upper(950, 1000, 0.99375) - Upper(90, 9000, 0.99375));

        Assert.Equal(
            1 - Math.Max(most, Upper(100, 10_000, 0.975)) / least,
            UnlearnedShare.LowerBound(before, after, Confidence, errors)!.Value,
            tolerance: 1e-9);

        static double Upper(long hits, long samples, double at) => Beta.InvCDF(hits + 1, samples - hits, at);
        static double Lower(long hits, long samples, double at) => Beta.InvCDF(hits, samples - hits + 1, 1 - at);
    }

    // 100 of 10,000 before, by an auditor that is wrong in one of a hundred images: there may have been nothing to unlearn.
    [Fact]
    public void Judge_BeforeMayAllBeFalseAlarms_IsNotMeasured()
    {
        var errors = new DetectionCounts("known", With: 1000, Missed: 0, Without: 9000, FalseAlarms: 90);

        Assert.Null(UnlearnedShare.LowerBound(new Look(10_000, 100), new Look(10_000, 0), Confidence, errors));
        var finding = Judge(before: 100, after: 0, errors);
        Assert.Equal(FindingState.NotMeasured, finding.State);
        Assert.Contains("all of them may be false alarms", finding.Explanation, StringComparison.Ordinal);
    }

    [Fact]
    public void Judge_NoImageWithoutTheFeatureIsKnown_IsUncorrectedAndSaysSo()
    {
        var errors = new DetectionCounts("known", With: 1000, Missed: 5, Without: 0, FalseAlarms: 0);

        var finding = Judge(before: 1000, after: 10, errors);

        Assert.Equal(ErrorCorrection.Uncorrected, finding.AuditorErrors);
        Assert.Equal(
            UnlearnedShare.LowerBound(new Look(10_000, 1000), new Look(10_000, 10), Confidence), finding.Judged!.Value);
        Assert.Contains("how much of what was seen before were false alarms", finding.Explanation, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Judge_KnownErrors_IsTheCorrectedBound(bool isKnown)
    {
        var errors = isKnown ? new DetectionCounts("known", With: 1000, Missed: 5, Without: 9000, FalseAlarms: 20) : null;

        var finding = Judge(before: 1000, after: 10, errors);

        Assert.Equal(isKnown ? ErrorCorrection.Corrected : ErrorCorrection.Uncorrected, finding.AuditorErrors);
        Assert.Equal(
            UnlearnedShare.LowerBound(new Look(10_000, 1000), new Look(10_000, 10), Confidence, errors), finding.Judged!.Value);
        Assert.Equal(
            isKnown,
            finding.Explanation.Contains("corrected for the auditor's errors before and after", StringComparison.Ordinal));
    }

    // A share of which the product's simulation in benchmarks has many.
    [Theory(Skip = MutationRun.TooSlow, SkipType = typeof(MutationRun), SkipWhen = nameof(MutationRun.IsOn))]
    [InlineData(false)]
    [InlineData(true)]
    public void LowerBound_AuditorThatErrs_HoldsAtLeastAsOftenAsItPromises(bool isKnown)
    {
        const int trials = 2000;
        const int images = 2000;
        var random = new Random(7);
        var (missed, alarms) = isKnown ? (0.1, 0.02) : (0, 0);
        var held = Enumerable.Range(0, trials).Count(_ =>
        {
            var errors = isKnown ? new DetectionCounts("known", 500, Count(500, missed), 2000, Count(2000, alarms)) : null;
            return UnlearnedShare.LowerBound(Seen(0.2), Seen(0.1), Confidence, errors) <= 0.5;
        });

        Assert.InRange(held / (double)trials, 0.945, 1);

        Look Seen(double rate) => new(images, Count(images, rate * (1 - missed) + (1 - rate) * alarms));
        long Count(int all, double rate) => Enumerable.Range(0, all).LongCount(_ => random.NextDouble() < rate);
    }

    private static Finding Judge(long before, long after, DetectionCounts? errors)
    {
        var policy = Records.Policy with
        {
            UndesiredFeatures = [Records.Policy.UndesiredFeatures[0] with { MaxRate = null, MinUnlearned = 0.9 }],
        };
        return Gate.Judge(policy, Counted(Records.Before, before), Counted(Records.After, after), Records.Today).Findings[0];

        Measurement Counted(Measurement measured, long hits) => measured with
        {
            Features = [measured.Features[0] with { Looks = [new Look(policy.Evaluation.Samples, hits)], Detection = errors }],
        };
    }
}
