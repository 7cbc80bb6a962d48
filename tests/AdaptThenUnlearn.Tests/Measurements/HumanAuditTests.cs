using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Tests.Measurements;

/// <summary>What a person's audit proves: exact bounds of a finite population, and of the generator behind it.</summary>
public sealed class HumanAuditTests
{
    // By enumeration of all hypergeometric probabilities with exact integers.
    [Theory]
    [InlineData(0, 5, 20, 0.95)]
    [InlineData(1, 5, 20, 0.95)]
    [InlineData(3, 10, 30, 0.9)]
    [InlineData(10, 10, 30, 0.9)]
    [InlineData(0, 0, 7, 0.95)]
    [InlineData(7, 7, 7, 0.95)]
    [InlineData(12, 40, 60, 0.99)]
    public void UpperBound_SmallPopulation_IsTheLastOneThatAnExactTestDoesNotReject(
        int found, int sampled, int size, double confidence)
    {
        var expected = Enumerable.Range(found, size - sampled + 1)
            .Last(kind => AtMost(found, sampled, kind, size) > 1 - confidence);

        Assert.Equal(expected, FinitePopulation.UpperBound(found, sampled, size, confidence));
        Assert.Equal(size - expected, FinitePopulation.LowerBound(sampled - found, sampled, size, confidence));
    }

    // A term of 500 of 501 in 5,000 of 40,000 is below the smallest double; its distribution function is not.
    [Fact]
    public void UpperBound_LargePopulation_IsAboveTheEstimate()
    {
        Assert.InRange(FinitePopulation.UpperBound(500, 5_000, 40_000, 0.95), 4_001, 4_500);
        Assert.InRange(FinitePopulation.LowerBound(500, 5_000, 40_000, 0.95), 3_500, 3_999);
    }

    // Of a large population, a sample without a hit: 1 - 0.05^(1/299) is 1 %.
    [Fact]
    public void UpperBound_NothingFoundInALargePopulation_IsTheBinomialOne() =>
        Assert.Equal(0.01, FinitePopulation.UpperBound(0, 299, 10_000_000, 0.95) / 10_000_000.0, 1e-4);

    // All images were looked at, and all checks found: what is left is the generator, and 40 checks at 98.75 %.
    [Fact]
    public void UpperBound_AllLookedAt_IsThatOfTheGeneratorDividedByWhatThePersonFinds()
    {
        var audit = Audit(hits: (100, 100, 90), rest: (900, 900, 10));

        Assert.Equal(0.1, audit.Rate, 1e-12);
        Assert.Equal(
            ClopperPearson.UpperBound(100, 1000, 0.9875) / Math.Pow(0.0125, 1 / 40.0),
            audit.UpperBound(looks: 1, confidence: 0.95),
            1e-9);
    }

    // A stratum of which a part was looked at takes half of the risk, and two of them a quarter each.
    [Fact]
    public void UpperBound_PartsLookedAt_SharesTheRiskAmongTheStrata()
    {
        var audit = Audit(hits: (100, 50, 0), rest: (900, 300, 0));

        var marked = FinitePopulation.UpperBound(0, 50, 100, 1 - 0.05 / 4)
            + FinitePopulation.UpperBound(0, 300, 900, 1 - 0.05 / 4);
        Assert.Equal(
            ClopperPearson.UpperBound(marked, 1000, 1 - 0.0125 / 4) / Math.Pow(0.0125, 1 / 40.0),
            audit.UpperBound(looks: 4, confidence: 0.95),
            1e-9);
    }

    [Fact]
    public void FoundByAuditor_MissesElsewhere_AreWeightedByTheirStratum()
    {
        var audit = Audit(hits: (40, 40, 30), rest: (960, 96, 1));

        Assert.Equal(30 / 40.0, audit.FoundByAuditor!.Value, 1e-12);
        Assert.Equal(
            30.0 / (30 + FinitePopulation.UpperBound(1, 96, 960, 0.95)), audit.FoundByAuditorLowerBound(0.95), 1e-12);
        Assert.Null(Audit(hits: (40, 40, 0), rest: (960, 96, 0)).FoundByAuditor);
    }

    [Theory]
    [InlineData(40, 8, null)]
    [InlineData(40, 9, "did not mark 9 of 40")]
    [InlineData(9, 0, "10 are the fewest")]
    public void WhyUseless_Checks_SayWhetherThePersonLooked(int checks, int missed, string? expected)
    {
        var why = (Audit(hits: (10, 10, 1), rest: (990, 90, 0)) with { Checks = checks, ChecksMissed = missed })
            .WhyUseless(new Look(1000, 10));

        Assert.Equal(expected is null, why is null);
        Assert.Contains(expected ?? "", why ?? "", StringComparison.Ordinal);
    }

    [Fact]
    public void WhyUseless_TooFewImagesOrOthers_SaysSo()
    {
        var audit = Audit(hits: (10, 10, 1), rest: (990, 90, 0));

        Assert.Contains("other ones were measured", audit.WhyUseless(new Look(1000, 11)), StringComparison.Ordinal);
        Assert.Contains("other ones were measured", audit.WhyUseless(new Look(1001, 10)), StringComparison.Ordinal);
        Assert.Contains(
            "none of the 990",
            Audit(hits: (10, 10, 1), rest: (990, 0, 0)).WhyUseless(new Look(1000, 10)),
            StringComparison.Ordinal);
        Assert.Contains(
            "50 are the fewest",
            Audit(hits: (10, 10, 1), rest: (990, 39, 0)).WhyUseless(new Look(1000, 10)),
            StringComparison.Ordinal);
    }

    internal static HumanAudit Audit((long, long, long) hits, (long, long, long) rest) => new(
        "Ada", new DateTimeOffset(2026, 3, 1, 9, 0, 0, TimeSpan.Zero), new string('f', 64),
        [
            new AuditStratum(AuditStratum.Hits, hits.Item1, hits.Item2, hits.Item3),
            new AuditStratum(AuditStratum.Rest, rest.Item1, rest.Item2, rest.Item3),
        ],
        Checks: 40, ChecksMissed: 0);

    private static double AtMost(int found, int sampled, int kind, int size) => (double)(Enumerable.Range(0, found + 1)
        .Select(count => Choose(kind, count) * Choose(size - kind, sampled - count))
        .Aggregate(System.Numerics.BigInteger.Zero, (sum, term) => sum + term)
            * 1_000_000_000_000 / Choose(size, sampled)) / 1e12;

    private static System.Numerics.BigInteger Choose(int all, int chosen) => chosen < 0 || chosen > all
        ? 0
        : Enumerable.Range(0, chosen)
            .Aggregate(System.Numerics.BigInteger.One, (product, step) => product * (all - step) / (step + 1));
}
