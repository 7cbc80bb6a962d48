using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Torch.Measuring;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Measuring;

/// <summary>The Fréchet distance without each group of images, and what bounds made of it are worth.</summary>
public sealed class FrechetGroupsTests
{
    [Fact]
    public void Groups_Features_AreDistancesOfTheOthers()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var features = randn([130, 3], float64);
        using var reference = Standard(3);
        long[] latents = [.. Enumerable.Range(0, 130).Select(row => 7L + 3 * row)];

        var groups = FrechetDistance.ComputeLeavingOutGroups(features, latents, reference)!;

        Assert.True(groups.AreValidFor(130));
        for (var group = 0; group < FrechetGroups.Count; group++)
        {
            long[] others = [.. latents.Index().Where(latent => latent.Item % 20 != group).Select(latent => (long)latent.Index)];
            using var rest = FeatureStatistics.FromFeatures(features.index_select(0, tensor(others)));
            using var moments = FeatureMoments.FromStatistics(rest);
            Assert.Equal(130 - others.Length, groups.Sizes[group]);
            Assert.Equal(FrechetDistance.Between(moments, reference).Value!.Value, groups.Without[group], tolerance: 1e-9);
        }
    }

    [Fact]
    public void Groups_OneWithoutImages_AreNone()
    {
        using var scope = NewDisposeScope();
        using var reference = Standard(2);

        Assert.Null(FrechetDistance.ComputeLeavingOutGroups(
            randn([40, 2], float64), [.. Enumerable.Range(0, 40).Select(row => row * 2L)], reference));
    }

    // Their distances are known in closed form; see `frechet-bound` among the benchmarks for many more.
    [Fact]
    public void Bound_ManySamplesOfAGeneratorAtTheLimit_SeldomPasses()
    {
        const int Trials = 120, Dimensions = 8, Images = 160;
        using var scope = NewDisposeScope();
        manual_seed(2);
        using var reference = Standard(Dimensions);
        long[] latents = [.. Enumerable.Range(0, Images).Select(row => (long)row)];
        var (byPoint, byBound, useful, distance) = (0, 0, 0, 0);
        for (var trial = 0; trial < Trials; trial++)
        {
            using var inner = NewDisposeScope();
            var noise = randn([Images, Dimensions], float64);
            var (before, atLimit, unchanged) = (
                Measured(0.4, noise),
                Measured(0.6, 0.8 * noise + 0.6 * randn_like(noise)),
                Measured(0.4, 0.95 * noise + Math.Sqrt(1 - 0.95 * 0.95) * randn_like(noise)));
            byPoint += atLimit.Distance / before.Distance <= 1.5 ? 1 : 0;
            byBound += Bound(before, atLimit) <= 0.5 ? 1 : 0;
            useful += Bound(before, unchanged) <= 0.5 ? 1 : 0;
            distance += FrechetBound.ForDistance(atLimit.Distance, atLimit.Groups, 0.95) <= 0.6 ? 1 : 0;
        }

        // 13 or more of 120 has a probability of 0.8 % where 5 % are promised.
        Assert.True(byBound <= 12, $"the bound passed {byBound} of {Trials} at the limit");
        Assert.True(distance <= 12, $"the bound of the distance passed {distance} of {Trials} at the limit");
        Assert.True(
            byPoint > Trials / 2,
            $"the ratio of estimates passed {byPoint} of {Trials} at the limit, no more than the bound must");
        Assert.True(useful > Trials / 4, $"the bound passed {useful} of {Trials} of a generator that is as good as before");

        // Distance in closed form: all of it from the mean.
        (double Distance, FrechetGroups Groups) Measured(double squaredDistance, Tensor noise)
        {
            var features = noise + Math.Sqrt(squaredDistance / Dimensions);
            using var statistics = FeatureStatistics.FromFeatures(features);
            using var moments = FeatureMoments.FromStatistics(statistics);
            return (
                FrechetDistance.Between(moments, reference).Value!.Value,
                FrechetDistance.ComputeLeavingOutGroups(features, latents, reference)!);
        }

        static double? Bound((double Distance, FrechetGroups Groups) before, (double Distance, FrechetGroups Groups) after) =>
            FrechetBound.ForIncrease(before.Distance, before.Groups, after.Distance, after.Groups, 0.95)?.UpperBound;
    }

    [Fact]
    public void MetricsBesideTheDistance_FeaturesThatAreNoNumbers_AreNotMeasured()
    {
        using var scope = NewDisposeScope();
        var sound = randn([40, 4], float64);
        foreach (var broken in new[] { double.NaN, double.PositiveInfinity })
        {
            var features = sound.clone();
            features[3, 1] = broken;
            foreach (var (reference, generated) in new[] { (sound, features), (features, sound) })
            {
                var kernel = KernelDistance.Between(reference, generated, subsets: 3, subsetSize: 40, seed: 1);
                Assert.Equal(((double?)null, (double?)null), (kernel.Mean, kernel.Deviation));
                Assert.Contains("not finite", kernel.NotMeasured, StringComparison.Ordinal);
                var manifold = ManifoldMetrics.Compute(reference, generated);
                Assert.Equal(new ManifoldMetrics(null, null, null, null, manifold.NotMeasured), manifold);
                Assert.Contains("not finite", manifold.NotMeasured, StringComparison.Ordinal);
            }
        }
    }

    private static FeatureMoments Standard(int dimensions) =>
        new(
            zeros(dimensions, float64).DetachFromDisposeScope(),
            eye(dimensions, dtype: float64).DetachFromDisposeScope(),
            Count: null);
}
