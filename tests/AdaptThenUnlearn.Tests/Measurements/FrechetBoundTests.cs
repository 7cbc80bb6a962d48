using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Tests.Measurements;

/// <summary>Bounds of Fréchet distances against closed forms of the jackknife and tables of Student's t.</summary>
public sealed class FrechetBoundTests
{
    // Twenty numbers, one a group.
    private static readonly double[] _numbers =
    [
        .. Enumerable.Range(0, FrechetGroups.Count).Select(number => 10 + Math.Sin(number) + 0.1 * number)
    ];

    [Theory]
    [InlineData(0.5, 7, 0)]
    [InlineData(0.95, 1, 6.313752)]
    [InlineData(0.95, 19, 1.729133)]
    [InlineData(0.975, 10, 2.228139)]
    [InlineData(0.99, 4, 3.746947)]
    [InlineData(0.95, 100000, 1.644869)]
    public void StudentT_Quantile_IsTheTables(double confidence, int degrees, double expected) =>
        Assert.Equal(expected, StudentT.Quantile(confidence, degrees), tolerance: 1e-5);

    [Fact]
    public void StudentT_OutsideItsRange_Throws()
    {
        var refused = Assert.Throws<ArgumentOutOfRangeException>(() => StudentT.Quantile(0.4, 3));
        Assert.StartsWith("must be at least 0.5 and below 1", refused.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => StudentT.Quantile(1, 3));
        Assert.Throws<ArgumentOutOfRangeException>(() => StudentT.Quantile(0.9, 0));
    }

    // The jackknife of a mean: its variance is s² / n.
    [Fact]
    public void OfDistance_MeanOfNumbers_HasTheVarianceOfAMean()
    {
        var mean = _numbers.Average();
        var error = Math.Sqrt(_numbers.Sum(number => (number - mean) * (number - mean)) / 19 / 20);

        Assert.Equal(
            mean + 1.7291328 * error,
            FrechetBound.ForDistance(mean, Groups(numbers => numbers.Average()), 0.95),
            tolerance: 1e-6);
    }

    // The square of a mean is biased by s² / n, which the jackknife takes off exactly.
    [Fact]
    public void OfIncrease_SquaresOfMeans_LoseTheirBias()
    {
        var mean = _numbers.Average();
        var spread = _numbers.Sum(number => (number - mean) * (number - mean)) / 19 / 20;

        var increase = FrechetBound.ForIncrease(
            mean * mean, Groups(Squared), 4 * mean * mean, Groups(numbers => 4 * Squared(numbers)), 0.95)!;

        Assert.Equal(mean * mean - spread, increase.Before, tolerance: 1e-9);
        Assert.Equal(3, increase.Increase, tolerance: 1e-9);
        Assert.Equal(3, increase.UpperBound, tolerance: 1e-6);   // what goes wholly together has no error

        static double Squared(IEnumerable<double> numbers) => Math.Pow(numbers.Average(), 2);
    }

    // Where the distance before has no error, Fieller's bound is the bound of the distance after over it.
    [Fact]
    public void OfIncrease_ErrorAfterAlone_IsTheBoundOfTheDistance()
    {
        var mean = _numbers.Average();
        var exact = new FrechetGroups(Groups(_ => 0).Sizes, [.. Enumerable.Repeat(8.0, 20)]);

        var increase = FrechetBound.ForIncrease(8, exact, mean, Groups(numbers => numbers.Average()), 0.95)!;

        Assert.Equal(
            FrechetBound.ForDistance(mean, Groups(numbers => numbers.Average()), 0.95) / 8 - 1,
            increase.UpperBound,
            tolerance: 1e-9);
    }

    // Groups of several sizes: a mean over all images stays what it is.
    [Fact]
    public void OfIncrease_UnequalGroups_LeaveAMeanAsItIs()
    {
        long[] sizes = [.. Enumerable.Range(0, 20).Select(group => 1L + group % 3)];
        double total = sizes.Sum();
        var sum = sizes.Zip(_numbers, (size, number) => size * number).Sum();
        var groups = new FrechetGroups(sizes, [.. sizes.Zip(_numbers, (size, number) => (sum - size * number) / (total - size))]);

        Assert.Equal(
            sum / total, FrechetBound.ForIncrease(sum / total, groups, sum / total, groups, 0.95)!.After, tolerance: 1e-9);
    }

    [Fact]
    public void OfIncrease_DistanceBeforeWithinItsError_IsUnbounded() =>
        Assert.Null(FrechetBound.ForIncrease(1, Records.Groups(1, step: 0.2), 1, Records.Groups(1), 0.95));

    public static TheoryData<bool, long[], double[]> Candidates => new()
    {
        { true, Sizes(20, 5), Distances(20, 1) },
        { true, Sizes(20, 5), Distances(20, 0) },
        { true, [1, 9, .. Sizes(18, 5)], Distances(20, 1) },
        { false, [10, .. Sizes(18, 5)], Distances(20, 1) },
        { false, Sizes(20, 5), Distances(19, 1) },
        { false, [0, 10, .. Sizes(18, 5)], Distances(20, 1) },
        { false, [-5, 15, .. Sizes(18, 5)], Distances(20, 1) },
        { false, [6, .. Sizes(19, 5)], Distances(20, 1) },
        { false, Sizes(20, 5), [-1, .. Distances(19, 1)] },
        { false, Sizes(20, 5), [double.NaN, .. Distances(19, 1)] },
        { false, Sizes(20, 5), [double.PositiveInfinity, .. Distances(19, 1)] },
    };

    [Theory]
    [MemberData(nameof(Candidates))]
    public void Groups_OfAHundredImages_AreTwentyWithPossibleDistances(bool expected, long[] sizes, double[] without) =>
        Assert.Equal(expected, new FrechetGroups(sizes, without).AreValidFor(100));

    private static long[] Sizes(int count, long size) => [.. Enumerable.Repeat(size, count)];

    private static double[] Distances(int count, double distance) => [.. Enumerable.Repeat(distance, count)];

    private static FrechetGroups Groups(Func<IEnumerable<double>, double> statistic) =>
        new(
            [.. Enumerable.Repeat(1L, 20)],
            [.. Enumerable.Range(0, 20).Select(left => statistic(_numbers.Where((_, number) => number != left)))]);
}
