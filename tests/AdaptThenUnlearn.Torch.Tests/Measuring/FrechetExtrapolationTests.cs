using AdaptThenUnlearn.Torch.Measuring;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Measuring;

/// <summary>FD∞ against numpy's fit of the published definition, against closed forms, and where it cannot be measured.</summary>
public sealed class FrechetExtrapolationTests
{
    // numpy 1.24: mean, numpy.cov, the eigenvalues of Σ₁Σ₂, numpy.polyfit over 1/N; subset k has the rows (37 t + 11 k) mod 400.
    [Fact]
    public void Intercept_PublishedDefinition_IsNumpysFit()
    {
        using var scope = NewDisposeScope();
        var generated = Formula(400, seed: 0) * 1.25 + 0.1;
        using var statistics = FeatureStatistics.FromFeatures(Formula(500, seed: 5));
        using var reference = FeatureMoments.FromStatistics(statistics);
        var sizes = FrechetExtrapolation.Sizes(400, 6);
        var subsets = sizes.Select((size, number) => tensor(
            Enumerable.Range(0, (int)size).Select(row => (37L * row + 11 * number) % 400).ToArray()));

        var distances = FrechetDistance.OfSubsets(generated, subsets, reference);

        Assert.Equal([40, 65, 91, 117, 142, 168, 194, 220, 245, 271, 297, 322, 348, 374, 400], sizes);
        Assert.Equal(0.597115499509, distances[0].Distance, 1e-9);
        Assert.Equal(0.526383645169, distances[1].Distance, 1e-9);
        Assert.Equal(0.439995058652, distances[^1].Distance, 1e-9);
        Assert.Equal(0.413625297761, FrechetExtrapolation.Intercept(distances), 1e-9);
    }

    // By definition: 2 + 300/N lies on a line over 1/N.
    [Fact]
    public void Intercept_OfALine_IsExact() => Assert.Equal(
        2,
        FrechetExtrapolation.Intercept([.. new long[] { 50, 70, 300, 1000 }.Select(count => (count, 2 + 300.0 / count))]),
        1e-12);

    [Theory]
    [InlineData(50_000, 2048, 5000)]     // as Chong and Forsyth's code
    [InlineData(5000, 64, 500)]          // as dgm-eval's
    [InlineData(1000, 64, 130)]          // twice as many as dimensions
    [InlineData(4096, 64, 409)]          // whose last step is rounded to one less
    public void Sizes_OfASet_BeginWhereTheyAreAsked(long count, long dimension, long smallest)
    {
        var sizes = FrechetExtrapolation.Sizes(count, dimension);

        Assert.Equal((15, smallest, count), (sizes.Count, sizes[0], sizes[^1]));
    }

    // Closed forms: N(0, I) to itself is 0 and to N(0, 4 I) it is d (2 − 1)². Of N images the first is d/N + d (d + 1)/(4 N) too
    // large by the leading terms, here 0.052.
    [Theory]
    [InlineData(1, 0)]
    [InlineData(4, 8)]
    public void Between_NormalDistributions_IsWithinItsErrorOfTheClosedForm(double variance, double expected)
    {
        const int Dimension = 8, Count = 500, Repeats = 40;
        using var scope = NewDisposeScope();
        using var reference = new FeatureMoments(
            zeros(Dimension, float64), eye(Dimension, dtype: float64) * variance, Count: 1_000_000);
        List<double> plain = [], extrapolated = [];
        for (var seed = 0; seed < Repeats; seed++)
        {
            using var random = new Generator((ulong)(100 + seed), CPU);
            var features = randn([Count, Dimension], float64, generator: random);
            using var statistics = FeatureStatistics.FromFeatures(features);
            using var moments = FeatureMoments.FromStatistics(statistics);
            plain.Add(FrechetDistance.Between(moments, reference).Value!.Value);
            extrapolated.Add(FrechetExtrapolation.Between(features, reference, seed).Value!.Value);
        }

        var mean = extrapolated.Average();
        var error = Math.Sqrt(extrapolated.Sum(value => Math.Pow(value - mean, 2)) / (Repeats - 1) / Repeats);
        Assert.InRange(mean, expected - 4 * error, expected + 4 * error);
        if (expected == 0)
        {
            Assert.InRange(plain.Average(), 0.04, 0.065);
            Assert.InRange(Math.Abs(mean), 0, 0.015);
        }
    }

    [Fact]
    public void Between_SameSeed_GivesTheSameValue()
    {
        using var scope = NewDisposeScope();
        var features = Formula(300, seed: 1);
        using var statistics = FeatureStatistics.FromFeatures(Formula(500, seed: 5));
        using var reference = FeatureMoments.FromStatistics(statistics);

        var value = FrechetExtrapolation.Between(features, reference, seed: 3);

        Assert.Equal(value, FrechetExtrapolation.Between(features, reference, seed: 3));
        Assert.NotEqual(value, FrechetExtrapolation.Between(features, reference, seed: 4));
    }

    [Theory]
    [InlineData(0, "has no single features to draw subsets from")]
    [InlineData(6, "more than 6 are needed")]
    [InlineData(27, "27 feature vectors of dimension 6 leave no room for smaller subsets; at least 28 are needed")]
    public void Between_TooFewVectors_IsNotMeasuredAndSaysWhy(int count, string expected)
    {
        using var scope = NewDisposeScope();
        using var statistics = FeatureStatistics.FromFeatures(Formula(500, seed: 5));
        using var reference = FeatureMoments.FromStatistics(statistics);

        var found = FrechetExtrapolation.Between(Formula(Math.Max(count, 1), seed: 0).narrow(0, 0, count), reference, seed: 1);

        Assert.Null(found.Value);
        Assert.Contains(expected, found.NotMeasured, StringComparison.Ordinal);
    }

    // Whole numbers alone decide the features, so that every library makes the same.
    private static Tensor Formula(int count, int seed)
    {
        const int Dimension = 6;
        var values = new double[count, Dimension];
        for (var row = 0L; row < count; row++)
            for (var column = 0L; column < Dimension; column++)
                values[row, column] = (row * 7919 + column * 104729 + row * row * 31 + column * column * 17 * row
                    + seed * row * (column + 3)) % 1009 / 1009.0;
        var plain = tensor(values);
        return plain + 0.5 * plain.roll(1, 1) * plain;
    }
}
