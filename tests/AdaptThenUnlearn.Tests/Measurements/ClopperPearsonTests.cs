using System.Globalization;
using AdaptThenUnlearn.Measurements;
using CsCheck;
using MathNet.Numerics.Distributions;

namespace AdaptThenUnlearn.Tests.Measurements;

/// <summary>Exact bounds against published numbers, another library's beta distribution, and their own definition.</summary>
public sealed class ClopperPearsonTests
{
    // Zero hits support a limit p at 95 % from n = ln 0.05 / ln(1 - p) samples on: 299, 598 and 2,995.
    [Theory]
    [InlineData(299, 0.01)]
    [InlineData(598, 0.005)]
    [InlineData(2995, 0.001)]
    public void UpperBound_NoHits_SupportsTheLimitFromThatSampleOn(long samples, double limit)
    {
        Assert.True(ClopperPearson.UpperBound(0, samples, 0.95) <= limit);
        Assert.True(ClopperPearson.UpperBound(0, samples - 1, 0.95) > limit);
    }

    [Fact]
    public void UpperBound_FiveOfAThousand_DoesNotSupportOnePercent() =>
        Assert.Equal(0.0105, ClopperPearson.UpperBound(5, 1000, 0.95), tolerance: 5e-5);

    [Theory]
    [InlineData(0, 10, 0.95)]
    [InlineData(5, 1000, 0.95)]
    [InlineData(65, 10000, 0.9875)]
    [InlineData(5000, 10000, 0.95)]
    [InlineData(9999, 10000, 0.99)]
    [InlineData(120, 2000000, 0.95)]
    public void Bounds_AnotherLibrarysBetaQuantiles_Agree(long hits, long samples, double confidence)
    {
        Assert.Equal(
            Beta.InvCDF(hits + 1, samples - hits, confidence),
            ClopperPearson.UpperBound(hits, samples, confidence),
            tolerance: 1e-9);
        if (hits > 0)
            Assert.Equal(
                Beta.InvCDF(hits, samples - hits + 1, 1 - confidence),
                ClopperPearson.LowerBound(hits, samples, confidence),
                tolerance: 1e-9);
    }

    // Without a hit, (1 − p)^n = 1 − confidence; with nothing but hits, p^n is.
    [Theory]
    [InlineData(0.5)]
    [InlineData(0.95)]
    [InlineData(0.9999)]
    public void Bounds_NoHitOrNoMiss_AreTheClosedForm(double confidence)
    {
        for (var samples = 1; samples <= 60; samples++)
        {
            var power = Math.Pow(1 - confidence, 1.0 / samples);
            Assert.Equal(1 - power, ClopperPearson.UpperBound(0, samples, confidence), tolerance: 5e-14);
            Assert.Equal(power, ClopperPearson.LowerBound(samples, samples, confidence), tolerance: 5e-14);
        }
    }

    // Of as many hits as misses, and one more, the median is one half.
    [Theory]
    [InlineData(3)]
    [InlineData(40)]
    [InlineData(1000)]
    public void UpperBound_SymmetricBeta_HasItsMedianInTheMiddle(long hits) =>
        Assert.Equal(0.5, ClopperPearson.UpperBound(hits, 2 * hits + 1, 0.5), tolerance: 1e-13);

    [Fact]
    public void Bounds_AllOrNothing_EndAtTheEndsOfTheRange()
    {
        Assert.Equal(1, ClopperPearson.UpperBound(7, 7, 0.95));
        Assert.Equal(0, ClopperPearson.LowerBound(0, 7, 0.95));
    }

    [Fact]
    public void UpperBound_AnyCounts_IsWhereSoFewHitsBecomeUnlikely() =>
        Gen.Select(Gen.Int[1, 400], Gen.Double[0.55, 0.999])
            .SelectMany(pair => Gen.Int[0, pair.Item1 - 1].Select(hits => (pair.Item1, hits, pair.Item2)))
            .Sample(drawn =>
            {
                var (samples, hits, confidence) = drawn;
                var bound = ClopperPearson.UpperBound(hits, samples, confidence);
                return Math.Abs(Binomial.CDF(bound, samples, hits) - (1 - confidence)) < 1e-7;
            }, iter: 300);

    [Theory]
    [InlineData(-1, 10, 0.95)]
    [InlineData(11, 10, 0.95)]
    [InlineData(0, 0, 0.95)]
    [InlineData(1, 10, 1.0)]
    [InlineData(1, 10, 0.0)]
    [InlineData(1, 10, double.NaN)]
    public void Bounds_ImpossibleArguments_AreRefused(long hits, long samples, double confidence)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => ClopperPearson.UpperBound(hits, samples, confidence));
        Assert.Throws<ArgumentOutOfRangeException>(() => ClopperPearson.LowerBound(hits, samples, confidence));
    }

    [Fact]
    public void Bounds_ImpossibleConfidence_IsNamedWithItsRange()
    {
        var refused = Assert.Throws<ArgumentOutOfRangeException>(() => ClopperPearson.UpperBound(1, 10, 2));

        Assert.Equal("confidence", refused.ParamName);
        Assert.StartsWith("must lie between 0 and 1", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void UpperBound_OtherCulture_IsTheSameNumber()
    {
        var usual = ClopperPearson.UpperBound(5, 1000, 0.95);
        CultureInfo.CurrentCulture = new CultureInfo("de-DE");
        Assert.Equal(usual, ClopperPearson.UpperBound(5, 1000, 0.95));
    }
}
