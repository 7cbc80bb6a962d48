using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Tests.Measurements;

/// <summary>A limit on an attack's success: judged by upper bounds, and fail-closed.</summary>
public sealed class AttackReadingTests
{
    // Without a success in n attempts the upper bound at confidence c is 1 − (1 − c)^(1/n).
    [Theory]
    [InlineData(59, 0.05, true)]    // 1 − 0.05^(1/59) = 0.0495
    [InlineData(58, 0.05, false)]   // 0.0503
    public void FindViolation_NoSuccess_IsJudgedByTheUpperBound(int attempts, double limit, bool isMet) =>
        Assert.Equal(isMet, Reading(new AttackVariant("z", 0, attempts)).FindViolation(limit, 0.95) is null);

    [Fact]
    public void FindViolation_OneVariantAboveTheLimit_NamesIt()
    {
        var reading = Reading(new AttackVariant("z", 0, 1000), new AttackVariant("w", 30, 100), new AttackVariant("w+", 1, 1000));

        var violation = reading.FindViolation(0.3, 0.95);

        Assert.StartsWith("w succeeded in 30 of 100 attempts: the upper bound 38.", violation, StringComparison.Ordinal);
        Assert.Null(reading.FindViolation(0.4, 0.95));
    }

    [Fact]
    public void FindViolation_VariantThatWasNotMeasured_FailsWhateverTheLimit()
    {
        var reading = Reading(new AttackVariant("z", 0, 1000), AttackVariant.NotMeasured("w", "there is no mapping network"));

        Assert.Equal("not measured: w: there is no mapping network", reading.FindViolation(1, 0.95));
        Assert.StartsWith("not measured", Reading().FindViolation(1, 0.95), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1, 10)]
    [InlineData(11, 10)]
    [InlineData(0, 0)]
    public void FindViolation_ImpossibleCounts_AreNotMeasured(long successes, long attempts)
    {
        var reading = Reading(new AttackVariant("z", successes, attempts));

        Assert.False(reading.IsPossible);
        Assert.StartsWith("not measured", reading.FindViolation(1, 0.95), StringComparison.Ordinal);
    }

    [Fact]
    public void IsPossible_MatrixThatIsNotSquareOrHasANegativeCount_IsNot()
    {
        var reading = Reading(new AttackVariant("z", 0, 1000));

        Assert.True(With([1, 2], [0, 4]).IsPossible);
        Assert.False(With([1, 2], [-1, 4]).IsPossible);
        Assert.False(With([1, 2]).IsPossible);
        Assert.False(With([1, 2], [3]).IsPossible);
        Assert.StartsWith("not measured", With([1, 2], [3]).FindViolation(1, 0.95), StringComparison.Ordinal);

        AttackReading With(params IReadOnlyList<long>[] counts) => reading with { Classes = new ClassMatrix(["8", "9"], counts) };
    }

    // Clopper and Pearson: 0 of 10 at 95 % two-sided reaches to 1 − 0.025^(1/10).
    [Fact]
    public void Interval_OfAVariant_IsTwoSided()
    {
        Assert.Equal((0.0, 0.3085), Rounded(new AttackVariant("z", 0, 10).Interval(0.95)!.Value));
        Assert.Null(AttackVariant.NotMeasured("z", "why").Interval(0.95));

        static (double Low, double High) Rounded((double Low, double High) interval) =>
            (Math.Round(interval.Low, 4), Math.Round(interval.High, 4));
    }

    private static AttackReading Reading(params AttackVariant[] variants) => new("latent-search", "digit-8", "00", variants);
}
