using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Tests.Measurements;

/// <summary>The distribution of a normal vector's length, against closed forms and published quantiles.</summary>
public sealed class ChiDistributionTests
{
    // Quantiles of χ² from Abramowitz and Stegun, table 26.8.
    [Theory]
    [InlineData(1, 3.84146, 0.95)]
    [InlineData(5, 1.14548, 0.05)]
    [InlineData(10, 18.3070, 0.95)]
    [InlineData(30, 50.8922, 0.99)]
    [InlineData(100, 129.561, 0.975)]
    public void ShareBelow_QuantileOfATable_IsItsProbability(int dimensions, double quantile, double probability) =>
        Assert.Equal(probability, ChiDistribution.ShareBelow(Math.Sqrt(quantile), dimensions), 5);

    // For even d: 1 − e^(−x) Σ x^k / k!, k below d/2, with x = r²/2 (26.4.21).
    [Theory]
    [InlineData(2, 0.1)]
    [InlineData(2, 3.0)]
    [InlineData(64, 6.0)]
    [InlineData(64, 8.0)]
    [InlineData(64, 11.0)]
    [InlineData(512, 22.6)]
    public void ShareBelow_EvenDimensions_IsTheClosedForm(int dimensions, double length)
    {
        var x = length * length / 2;
        var (term, sum) = (Math.Exp(-x), 0.0);
        for (var k = 0; k < dimensions / 2; term *= x / ++k)
            sum += term;

        Assert.Equal(1 - sum, ChiDistribution.ShareBelow(length, dimensions), 10);
    }

    [Fact]
    public void ShareBelow_Ends_AreZeroAndOne()
    {
        Assert.Equal(0, ChiDistribution.ShareBelow(0, 64));
        Assert.Equal(1, ChiDistribution.ShareBelow(double.PositiveInfinity, 64));
        Assert.Equal(1, ChiDistribution.ShareBelow(1000, 64));
        Assert.Throws<ArgumentOutOfRangeException>(() => ChiDistribution.ShareBelow(double.NaN, 64));
        Assert.Throws<ArgumentOutOfRangeException>(() => ChiDistribution.ShareBelow(1, 0));
    }
}
