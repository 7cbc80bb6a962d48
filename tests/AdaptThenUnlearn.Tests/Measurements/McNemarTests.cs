using System.Numerics;
using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Tests.Measurements;

/// <summary>McNemar's exact test against published values, closed forms and exact integer sums.</summary>
public sealed class McNemarTests
{
    // Fagerland, Lydersen and Laake 2013, table 1: airway hyper-responsiveness before and after stem cell transplantation, 1 and
    // 7 discordant pairs, exact conditional p = 0.070; 2·(1 + 8)/2^8. Agresti's approval of a prime minister, 150 and 86:
    // 3.716e-05 by R's exact2x2::mcnemar.exact.
    [Theory]
    [InlineData(1, 7, 0.0703125, 1e-12)]
    [InlineData(150, 86, 3.716e-5, 5e-9)]
    [InlineData(0, 0, 1, 0)]
    [InlineData(5, 5, 1, 0)]
    public void TwoSided_PublishedValues_AreTheSame(long one, long other, double expected, double tolerance)
    {
        Assert.InRange(McNemar.TwoSided(one, other), expected - tolerance, expected + tolerance);
        Assert.Equal(McNemar.TwoSided(one, other), McNemar.TwoSided(other, one));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    [InlineData(60)]
    [InlineData(900)]
    public void Added_NothingRemoved_IsAPowerOfOneHalf(int added) =>
        Assert.InRange(McNemar.Added(0, added) / Math.Pow(0.5, added), 1 - 1e-10, 1 + 1e-10);

    [Theory]
    [InlineData(30, 90)]
    [InlineData(86, 150)]
    [InlineData(150, 86)]
    [InlineData(3, 0)]
    [InlineData(1000, 1100)]
    public void Added_AnyCounts_IsTheExactBinomialTail(int removed, int added)
    {
        var n = removed + added;
        var (choose, tail) = (BigInteger.One, BigInteger.Zero);
        for (var k = 0; k <= n; k++)
        {
            if (k >= added)
                tail += choose;
            choose = choose * (n - k) / (k + 1);
        }

        var exact = Math.Exp(BigInteger.Log(tail) - n * Math.Log(2));
        Assert.InRange(McNemar.Added(removed, added) / exact, 1 - 1e-9, 1 + 1e-9);
    }

    [Fact]
    public void Counts_Negative_AreRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => McNemar.Added(-1, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => McNemar.TwoSided(2, -1));
    }
}
