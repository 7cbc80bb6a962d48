using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Tests.Measurements;

/// <summary>When one looks at a growing sample, and that the looks are paid for.</summary>
public sealed class SequentialSamplingTests
{
    private static readonly int[] _looks = [10000, 20000, 40000, 50000];

    [Fact]
    public void UpperBound_FourPossibleLooks_UsesAQuarterOfTheError() =>
        Assert.Equal(
            ClopperPearson.UpperBound(3, 10000, 0.9875),
            SequentialSampling.UpperBound(new Look(10000, 3), _looks.Length, 0.95));

    [Theory]
    [InlineData(150, false)]   // 1.5 %: over the limit already
    [InlineData(90, true)]     // 0.9 %: within, but its bound is not
    [InlineData(10, false)]    // 0.1 %: proven
    [InlineData(100, true)]    // 1 %: the limit itself
    public void WorthGoingOn_OnlyWhileTheShareIsWithinAndItsBoundIsNot(long hits, bool expected) =>
        Assert.Equal(expected, SequentialSampling.ShouldContinue(new Look(10000, hits), 0.01, _looks, 0.95));

    [Fact]
    public void WorthGoingOn_AtTheLargestSampleOrWithoutLimit_Never()
    {
        Assert.False(SequentialSampling.ShouldContinue(new Look(50000, 490), 0.01, _looks, 0.95));
        Assert.False(SequentialSampling.ShouldContinue(new Look(10000, 90), null, _looks, 0.95));
    }

    // An auditor that misses half of the images can prove 1 % only where less than half as much is seen.
    [Fact]
    public void WorthGoingOn_BoundThatNoFurtherImageCouldBringWithinTheLimit_Never()
    {
        var blind = new DetectionCounts("", 10, 10, 0, 0);

        Assert.False(SequentialSampling.ShouldContinue(new Look(10000, 0), 0.01, _looks, 0.95, blind));
        Assert.False(SequentialSampling.ShouldContinue(new Look(40000, 399), 0.01, [10000, 40000, 40010], 0.95));
        Assert.True(SequentialSampling.ShouldContinue(
            new Look(10000, 60), 0.01, _looks, 0.95, new DetectionCounts("", 1000, 500, 0, 0)));
    }

    [Fact]
    public void WorthGoingOn_BoundAtTheLimit_IsProven()
    {
        var look = new Look(10000, 50);
        var bound = SequentialSampling.UpperBound(look, _looks.Length, 0.95);

        Assert.False(SequentialSampling.ShouldContinue(look, bound, _looks, 0.95));
        Assert.True(SequentialSampling.ShouldContinue(look, Math.BitDecrement(bound), _looks, 0.95));
    }

    // Under a true rate at the limit, the chance that any look passes must stay within 5 %.
    [Fact(Skip = MutationRun.TooSlow, SkipType = typeof(MutationRun), SkipWhen = nameof(MutationRun.IsOn))]
    public void Looks_TrueRateAtTheLimit_PassSeldomerThanTheConfidenceAllows()
    {
        const double limit = 0.02;
        const int trials = 4000;
        int[] looks = [500, 1000, 2000, 4000];
        var random = new Random(5);
        var passed = 0;
        for (var trial = 0; trial < trials; trial++)
        {
            var (hits, seen) = (0L, 0L);
            foreach (var size in looks)
            {
                for (; seen < size; seen++)
                    hits += random.NextDouble() < limit ? 1 : 0;
                var look = new Look(seen, hits);
                if (SequentialSampling.UpperBound(look, looks.Length, 0.95) <= limit)
                {
                    passed++;
                    break;
                }

                if (!SequentialSampling.ShouldContinue(look, limit, looks, 0.95))
                    break;
            }
        }

        Assert.InRange((double)passed / trials, 0.0005, 0.05);
    }
}
