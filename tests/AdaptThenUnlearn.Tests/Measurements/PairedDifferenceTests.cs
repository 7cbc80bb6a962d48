using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Tests.Measurements;

/// <summary>The interval of a mean difference, against Student's own example.</summary>
public sealed class PairedDifferenceTests
{
    // Student 1908, table of the sleep data: the gain of the second drug over the first in ten patients. R's t.test(paired =
    // TRUE) prints mean 1.58 and the 95 % interval 0.7001142 to 2.4598858.
    [Fact]
    public void Of_StudentsSleepData_IsThePublishedInterval()
    {
        var difference = PairedDifference.Of([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])!;

        Assert.Equal(1.58, difference.Mean, 9);
        Assert.Equal(0.7001142, difference.Lower, 6);
        Assert.Equal(2.4598858, difference.Upper, 6);
        Assert.False(difference.IncludesZero);
    }

    [Fact]
    public void Of_NoVariation_IsAPoint() => Assert.Equal(new PairedDifference(2, 2, 2), PairedDifference.Of([2, 2, 2]));

    [Theory]
    [InlineData(-1, 1, true)]
    [InlineData(1, 1.001, false)]
    public void IncludesZero_Interval_SaysWhetherItDoes(double one, double other, bool expected) =>
        Assert.Equal(expected, PairedDifference.Of([one, other])!.IncludesZero);

    [Fact]
    public void Of_FewerThanTwo_IsNull()
    {
        Assert.Null(PairedDifference.Of([]));
        Assert.Null(PairedDifference.Of([1]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(double.NaN)]
    public void Of_ConfidenceOutOfRange_Throws(double confidence) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => PairedDifference.Of([1, 2], confidence));
}
