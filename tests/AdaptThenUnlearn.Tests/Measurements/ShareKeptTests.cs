using System.Globalization;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using MathNet.Numerics.Distributions;

namespace AdaptThenUnlearn.Tests.Measurements;

/// <summary>The interval of a class's share kept, and what the gate judges by it.</summary>
public sealed class ShareKeptTests
{
    [Theory]
    [InlineData(1000, 900)]
    [InlineData(3, 7)]
    public void Bounds_AnotherLibrarysBetaQuantiles_Agree(long before, long after)
    {
        var (low, high) = (Beta.InvCDF(after, before + 1, 0.05), Beta.InvCDF(after + 1, before, 0.95));

        Assert.Equal(low / (1 - low), ShareKept.LowerBound(before, after, 0.95), tolerance: 1e-9);
        Assert.Equal(high / (1 - high), ShareKept.UpperBound(before, after, 0.95), tolerance: 1e-9);
    }

    [Fact]
    public void LowerBound_NoneAfter_IsZero() => Assert.Equal(0, ShareKept.LowerBound(100, 0, 0.95));

    [Theory]
    [InlineData(null)]
    [InlineData(0.95)]
    public void Judge_ByThePolicysConfidence_IsTheShareOrItsLowerBound(double? confidence)
    {
        var (bound, low, high) = (
            Odds(Beta.InvCDF(900, 1001, 0.05)), Odds(Beta.InvCDF(900, 1001, 0.025)), Odds(Beta.InvCDF(901, 1000, 0.975)));
        var policy = Records.Policy with { Quality = Records.Policy.Quality! with { Confidence = confidence } };

        var finding = Gate.Judge(policy, Records.Before, Records.After, Records.Today).Findings[^1];

        Assert.Equal(confidence is null ? 0.9 : bound, finding.Judged!.Value, tolerance: 1e-9);
        Assert.Contains(
            string.Create(CultureInfo.InvariantCulture, $"{100 * low:0.#} % to {100 * high:0.#} % at 95 % confidence"),
            finding.Explanation, StringComparison.Ordinal);
        Assert.Equal(
            confidence is not null,
            finding.Explanation.Contains("judged with the lower bound", StringComparison.Ordinal));

        static double Odds(double share) => share / (1 - share);
    }

    // Counts of 2,000 images each, from independent latents: the hardest case.
    [Fact(Skip = MutationRun.TooSlow, SkipType = typeof(MutationRun), SkipWhen = nameof(MutationRun.IsOn))]
    public void LowerBound_ShareHalved_HoldsAtLeastAsOftenAsItPromises()
    {
        const int trials = 2000;
        var random = new Random(4);
        var held = Enumerable.Range(0, trials).Count(_ => ShareKept.LowerBound(Count(0.1), Count(0.05), 0.95) <= 0.5);

        Assert.InRange(held / (double)trials, 0.945, 1);

        long Count(double rate) => Enumerable.Range(0, 2000).LongCount(_ => random.NextDouble() < rate);
    }
}
