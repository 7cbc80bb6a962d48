using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Measuring;

/// <summary>
/// Each metric against closed forms, and against what pytorch-fid and torch-fidelity gave for the same features.
/// </summary>
public sealed class MetricTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-metrics-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("metrics_d64")]
    [InlineData("metrics_d192")]
    public void FrechetDistance_ReferenceFeatures_IsTheReferenceValue(string name)
    {
        var reference = Interop.Case(name);
        using var scope = NewDisposeScope();
        using var real = FeatureStatistics.FromFeatures(reference.Array("real"));
        using var fake = FeatureStatistics.FromFeatures(reference.Array("fake"));

        reference.Agrees("mu_real", real.Mean());
        reference.Agrees("cov_fake", fake.Covariance());
        reference.Agrees("fid_reference", FrechetDistance.Between(fake, real).Value!.Value);
        Assert.Equal(0, FrechetDistance.Between(real, real).Value!.Value, tolerance: 1e-9);
    }

    [Fact]
    public void FrechetDistance_RankDeficient_IsNotMeasuredThoughTheFormulaHolds()
    {
        var reference = Interop.Case("metrics_rank_deficient_d192");
        using var scope = NewDisposeScope();
        using var real = FeatureStatistics.FromFeatures(reference.Array("real"));
        using var fake = FeatureStatistics.FromFeatures(reference.Array("fake"));

        var result = FrechetDistance.Between(fake, real);

        Assert.Null(result.Value);
        Assert.Contains("more than 192", result.NotMeasured, StringComparison.Ordinal);
        reference.Agrees(
            "fid_symmetric_eigenvalues", FrechetDistance.Between(fake.Mean(), fake.Covariance(), real.Mean(), real.Covariance()));
    }

    [Fact]
    public void FrechetDistance_DiagonalCovariances_IsTheClosedForm()
    {
        using var scope = NewDisposeScope();
        var distance = FrechetDistance.Between(
            tensor([0.0, 1.0]), diag(tensor([1.0, 4.0])), tensor([3.0, 1.0]), diag(tensor([9.0, 4.0])));

        Assert.Equal(13.0, distance, precision: 10);   // (3-0)² + (√9-√1)² + (√4-√4)², by hand
    }

    [Fact]
    public void FrechetDistance_NotFinite_IsNotMeasured()
    {
        using var scope = NewDisposeScope();
        var features = randn([50, 4], float64);
        using var whole = FeatureStatistics.FromFeatures(features);
        features[3, 1] = double.NaN;
        using var broken = FeatureStatistics.FromFeatures(features);

        Assert.Contains("not finite", FrechetDistance.Between(whole, broken).NotMeasured, StringComparison.Ordinal);
    }

    // 0.1 is no double: the variance of a constant comes out a little off 0.
    [Fact]
    public void EveryMetric_ConstantFeaturesInBothSets_IsNotMeasured()
    {
        using var scope = NewDisposeScope();
        var constant = full([50, 4], 0.1, float64);
        var varying = randn([50, 4], float64);
        using var same = FeatureStatistics.FromFeatures(constant);
        using var other = FeatureStatistics.FromFeatures(varying);

        Assert.Contains(
            "no feature varies in either set", FrechetDistance.Between(same, same).NotMeasured, StringComparison.Ordinal);
        Assert.Contains(
            "no feature varies",
            KernelDistance.Between(constant, constant, 5, 40, seed: 1).NotMeasured,
            StringComparison.Ordinal);
        Assert.Contains("no feature varies", ManifoldMetrics.Compute(constant, constant).NotMeasured, StringComparison.Ordinal);
        Assert.NotNull(FrechetDistance.Between(same, other).Value);   // a generator that makes one image over and over
        Assert.NotNull(KernelDistance.Between(varying, constant, 5, 40, seed: 1).Mean);
        Assert.NotNull(ManifoldMetrics.Compute(varying, constant).Precision);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void SingleFeatures_NotFinite_AreNotMeasured(double value)
    {
        using var scope = NewDisposeScope();
        var (features, broken) = (randn([50, 4], float64), randn([50, 4], float64));
        broken[3, 1] = value;

        foreach (var (real, fake) in new[] { (features, broken), (broken, features) })
        {
            Assert.Equal(
                new KernelDistance(null, null, "the features hold numbers that are not finite"),
                KernelDistance.Between(real, fake, 5, 40, seed: 1));
            Assert.Equal(
                new ManifoldMetrics(null, null, null, null, "the features hold numbers that are not finite"),
                ManifoldMetrics.Compute(real, fake));
        }

        var few = features.narrow(0, 0, 4);
        Assert.Contains(
            "50 and 4 vectors were compared, and at least 6 of each are needed",
            ManifoldMetrics.Compute(few, features).NotMeasured,
            StringComparison.Ordinal);
        Assert.Contains(
            "has no single features to compare",
            KernelDistance.Between(few, zeros([0, 4], float64), 5, 40, seed: 1).NotMeasured,
            StringComparison.Ordinal);
        Assert.Contains(
            "kernel is not finite",
            KernelDistance.Between(features * 1e200, features, 5, 40, seed: 1).NotMeasured,
            StringComparison.Ordinal);
    }

    [Fact]
    public void FrechetDistance_OtherLengths_IsAnArgumentError()
    {
        using var scope = NewDisposeScope();
        using var three = FeatureStatistics.FromFeatures(randn(20, 3));
        using var four = FeatureStatistics.FromFeatures(randn(20, 4));

        Assert.Throws<ArgumentException>(() => FrechetDistance.Between(three, four));
        Assert.Throws<ArgumentException>(() => three.Merge(four));
    }

    [Fact]
    public void Merge_Shards_AreTheWhole()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var features = randn([300, 5], float64) * 3 + 7;
        using var whole = FeatureStatistics.FromFeatures(features);
        using var first = FeatureStatistics.FromFeatures(features.narrow(0, 0, 80));
        using var second = FeatureStatistics.FromFeatures(features.narrow(0, 80, 20));
        using var third = FeatureStatistics.FromFeatures(features.narrow(0, 100, 200));
        using var pair = third.Merge(first);
        using var merged = pair.Merge(second);

        Assert.Equal(300, merged.Count);
        Assert.True(allclose(whole.Mean(), merged.Mean(), rtol: 1e-12));
        Assert.True(allclose(whole.Covariance(), merged.Covariance(), rtol: 1e-9));
        Assert.True(allclose(whole.Covariance(), features.t().cov(), rtol: 1e-9));
    }

    [Theory]
    [InlineData("metrics_d64")]
    [InlineData("metrics_d192")]
    [InlineData("metrics_rank_deficient_d192")]
    public void KernelDistance_GivenSubsets_IsTheReferenceValue(string name)
    {
        var reference = Interop.Case(name);
        using var scope = NewDisposeScope();
        var (real, fake) = (reference.Array("real"), reference.Array("fake"));
        var (realRows, fakeRows) = (reference.Array("kid_index_real").to(int64), reference.Array("kid_index_fake").to(int64));

        var distance = KernelDistance.Between(real, fake, realRows, fakeRows);

        reference.Agrees("kid_per_subset", tensor(KernelDistance.PerSubset(real, fake, realRows, fakeRows).ToArray()));
        reference.Agrees("kid_mean", distance.Mean!.Value);
        Assert.Equal(reference.Scalar("kid_std"), distance.Deviation!.Value, tolerance: 1e-9);
    }

    [Fact]
    public void KernelDistance_SameSeed_SameSubsets()
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        var (real, fake) = (randn(80, 6), randn(90, 6) + 0.5);

        Assert.Equal(KernelDistance.Between(real, fake, 5, 40, seed: 1), KernelDistance.Between(real, fake, 5, 40, seed: 1));
        Assert.NotEqual(KernelDistance.Between(real, fake, 5, 40, seed: 1), KernelDistance.Between(real, fake, 5, 40, seed: 2));
    }

    [Theory]
    [InlineData("metrics_d64", 3)]
    [InlineData("metrics_d64", 5)]
    [InlineData("metrics_d192", 3)]
    [InlineData("metrics_rank_deficient_d192", 3)]
    public void PrecisionAndRecall_ReferenceFeatures_AreTheReferenceValues(string name, int neighbours)
    {
        var reference = Interop.Case(name);
        using var scope = NewDisposeScope();

        var metrics = ManifoldMetrics.Compute(reference.Array("real"), reference.Array("fake"), precisionNeighbours: neighbours);

        Assert.Equal(reference.Scalar($"precision_k{neighbours}"), metrics.Precision!.Value, tolerance: 1e-12);
        Assert.Equal(reference.Scalar($"recall_k{neighbours}"), metrics.Recall!.Value, tolerance: 1e-12);
    }

    [Fact]
    public void DensityAndCoverage_OnALine_AreCountedByHand()
    {
        using var scope = NewDisposeScope();

        // Reference 0, 1, 2, 10 with k = 1: radii 1, 1, 1, 8. Generated 0.5 lies in three spheres (0, 1; 2 is 1.5 away: no) → 2;
        // 3 lies in that of 2 and of 10 → 2; 30 in none. Density (2 + 2 + 0) / (1 · 3); all four reference spheres hold one:
        // coverage 1.
        var metrics = ManifoldMetrics.Compute(
            tensor([0.0, 1, 2, 10]).view(4, 1), tensor([0.5, 3.0, 30]).view(3, 1), precisionNeighbours: 1, densityNeighbours: 1);

        Assert.Equal(4.0 / 3, metrics.Density!.Value, tolerance: 1e-12);
        Assert.Equal(1.0, metrics.Coverage!.Value, tolerance: 1e-12);
        Assert.Equal(2.0 / 3, metrics.Precision!.Value, tolerance: 1e-12);
        Assert.Equal(1.0, metrics.Recall!.Value, tolerance: 1e-12);   // generated radii 2.5, 2.5, 27 reach every reference point
    }

    [Fact]
    public void ManifoldMetrics_TooFewSamples_AreNotMeasured()
    {
        var metrics = ManifoldMetrics.Compute(zeros(3, 2), zeros(50, 2));

        Assert.Equal(new ManifoldMetrics(null, null, null, null, metrics.NotMeasured), metrics);
        Assert.Contains("at least 6 of each", metrics.NotMeasured, StringComparison.Ordinal);
    }

    [Fact]
    public void ReferenceStatistics_SavedAndLoaded_LeaveOutWhatTheyAreAskedTo()
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        var features = randn([90, 4], float64);
        var labels = tensor(Enumerable.Range(0, 90).Select(number => (long)(number % 3)).ToArray());
        var path = Path.Combine(_folder, "reference.safetensors");
        using (var built = ReferenceStatistics.Build(
            ["a", "b", "c"],
            features,
            labels,
            samplesPerClass: 10,
            "e",
            tensor(new long[,] { { 8, 2, 0 }, { 1, 9, 0 }, { 0, 0, 10 } }),
            floor: 0.25))
            built.Save(path);

        using var loaded = ReferenceStatistics.Load(path);
        using var merged = loaded.MergeExcept(["b"]);
        using var expected = FeatureStatistics.FromFeatures(features[labels.ne(1)]);

        Assert.Equal((60, 0.25, "e", 4), (merged.Count, loaded.Floor, loaded.ExtractorSha256, loaded.FeatureSize));
        Assert.True(allclose(expected.Covariance(), merged.Covariance(), rtol: 1e-9));
        Assert.Equal([20, 4], loaded.Samples(["b"]).shape);
        Assert.Equal(2.0 / 20, loaded.FalsePositiveRates()["b"], tolerance: 1e-12);   // 2 of the 20 others were called b
    }

    // A rate that nobody counted is not a rate of 0.
    [Fact]
    public void ReferenceStatistics_WithoutTestImagesOfOtherClasses_KnowNoFalsePositiveRate()
    {
        using var scope = NewDisposeScope();
        using var untested = Build(zeros([2, 2], int64));
        using var onlyA = Build(tensor(new long[,] { { 3, 1 }, { 0, 0 } }));

        Assert.Empty(untested.FalsePositiveRates());
        Assert.Equal(("b", 0.25), (Assert.Single(onlyA.FalsePositiveRates()).Key, onlyA.FalsePositiveRates()["b"]));

        static ReferenceStatistics Build(Tensor confusion) =>
            ReferenceStatistics.Build(
                ["a", "b"],
                ones([4, 2], float64),
                tensor(new long[] { 0, 0, 1, 1 }),
                samplesPerClass: 2,
                "e",
                confusion,
                floor: double.NaN);
    }

    [Fact]
    public void ReferenceStatistics_LabelledTestImages_KeepCountsAtEveryThreshold()
    {
        using var scope = NewDisposeScope();
        var path = SaveTested();

        using var loaded = ReferenceStatistics.Load(path);

        // Of the images with a hat, 0.9 finds one of three; without a threshold two are found.
        using var classifier = ClassifierArchitectures.Build(
            StridedConvNet.Name, Small.Shape, ["glasses", "hat"], ClassifierOutputs.Sigmoid);
        Assert.Equal((3, 1, 2, 0), Counts(classifier, "hat", null));
        Assert.Equal((3, 2, 2, 0), Counts(classifier, "hat", 0.9));
        Assert.Equal((3, 0, 2, 2), Counts(classifier, "hat", 0.1));
        Assert.Equal(0.0, Assert.Single(loaded.FalsePositiveRates()).Value);
        Assert.Null(Counts(classifier, "glasses", null));   // no image had a label of it

        // The scores are of another class or of no probability where the outputs have other names or another meaning.
        using var renamed = ClassifierArchitectures.Build(
            StridedConvNet.Name, Small.Shape, ["hat", "glasses"], ClassifierOutputs.Sigmoid);
        using var exclusive = ClassifierArchitectures.Build(StridedConvNet.Name, Small.Shape, ["glasses", "hat"]);
        Assert.Null(Counts(renamed, "hat", 0.9));
        Assert.Null(Counts(exclusive, "hat", 0.9));

        (long, long, long, long)? Counts(FeatureClassifier judge, string name, double? threshold) =>
            loaded.Errors.CountsOf(new FeatureRule(judge, name, threshold)) is { } counts
                ? (counts.With, counts.Missed, counts.Without, counts.FalseAlarms)
                : null;
    }

    // Files of older versions keep a confusion, which says nothing of a threshold.
    [Fact]
    public void ReferenceStatistics_ConfusionAlone_KnowsNoThreshold()
    {
        using var scope = NewDisposeScope();
        using var built = ReferenceStatistics.Build(
            ["plain", "banned"], ones([4, 2], float64), tensor(new long[] { 0, 0, 1, 1 }), samplesPerClass: 2, "e",
            tensor(new long[,] { { 8, 2 }, { 1, 9 } }), floor: double.NaN);
        var path = Path.Combine(_folder, "confusion.safetensors");
        built.Save(path);
        using var loaded = ReferenceStatistics.Load(path);
        using var classifier = Small.Classifier();

        Assert.Equal(1, loaded.Errors.CountsOf(new FeatureRule(classifier, "banned", null))!.Missed);
        Assert.Null(loaded.Errors.CountsOf(new FeatureRule(classifier, "banned", 0.5)));
    }

    [Theory]
    [InlineData("scores", "its scores of the class 'hat' are not numbers from 0 to 1 in ascending order")]
    [InlineData("counts", "its counts of the class 'hat' are impossible")]
    [InlineData("fewer", "it has the scores of 5 images, and its counts of the class 'hat' are of 2 with it and 2 without")]
    [InlineData("shape", "its 'testCounts' do not fit its metadata 'test'")]
    [InlineData("outputs", "'softplus' is not a kind of outputs")]
    [InlineData("missing", "has no tensor 'testScores'")]
    [InlineData("text", "damaged")]
    public void ReferenceStatistics_DamagedTest_NamesFileAndRemedy(string damage, string expected)
    {
        using var scope = NewDisposeScope();
        var path = SaveTested();
        var file = SafetensorsFile.Read(path);
        var tensors = file.Tensors.ToDictionary(stored => stored.Name, stored => stored.Load());
        var metadata = new Dictionary<string, string>(file.Metadata);
        if (damage == "scores")
            tensors["testScores"] = tensors["testScores"].flip(1);
        else if (damage == "counts")
            tensors["testCounts"][0, 1] = 4;
        else if (damage == "fewer")
            tensors["testCounts"][0, 0] = 2;
        else if (damage == "shape")
            tensors["testCounts"] = tensors["testCounts"][.., ..3];
        else if (damage == "missing")
            tensors.Remove("testScores");
        else
            metadata["test"] = damage == "text" ? "{" : metadata["test"].Replace("sigmoid", "softplus", StringComparison.Ordinal);
        SafetensorsFile.Write(path, tensors, metadata);

        var refused = Assert.Throws<CheckpointException>(() => ReferenceStatistics.Load(path));

        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
        Assert.Contains(path, refused.Message, StringComparison.Ordinal);
        if (damage != "missing")
            Assert.Contains("make it again with `atu reference`", refused.Message, StringComparison.Ordinal);
    }

    // Three images with a hat, of scores 0.2, 0.5 and 0.95, and two without, of 0.15 and 0.4.
    private string SaveTested()
    {
        var test = new ClassTest(
            "hat", new HeldOutError(3, 1, 2, 0), new DetectionScores([0.2f, 0.95f, 0.5f], [0.4f, 0.15f]));
        using var built = ReferenceStatistics.Build(
            ["none", "hat"], ones([4, 2], float64), tensor(new long[] { 0, 0, 1, 1 }), samplesPerClass: 2, "e",
            zeros([2, 2], int64), floor: double.NaN, [[], ["hat"]],
            test: new ExtractorTest(["glasses", "hat"], ClassifierOutputs.Sigmoid, [test]));
        var path = Path.Combine(_folder, "tested.safetensors");
        built.Save(path);
        return path;
    }

    [Fact]
    public void ReferenceStatistics_CombinationsOfLabels_LeaveOutEveryOneWithTheLabel()
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        var features = randn([80, 4], float64);
        var combination = arange(80, int64).remainder(4);
        var path = Path.Combine(_folder, "combinations.safetensors");
        using (var built = ReferenceStatistics.Build(
            ["none", "glasses", "hat", "glasses,hat"],
            features,
            combination,
            samplesPerClass: 10,
            "e",
            zeros([4, 4], int64),
            floor: double.NaN,
            [[], ["glasses"], ["hat"], ["glasses", "hat"]]))
            built.Save(path);

        using var loaded = ReferenceStatistics.Load(path);
        using var bare = loaded.MergeExcept(["hat"]);
        using var expected = FeatureStatistics.FromFeatures(features[combination.lt(2)]);

        Assert.Equal(["glasses", "hat"], loaded.Names);
        Assert.Equal((40, 20), (bare.Count, loaded.MergeExcept(["hat", "glasses"]).Count));
        Assert.True(allclose(expected.Covariance(), bare.Covariance(), rtol: 1e-9));
        Assert.Equal([20, 4], loaded.Samples(["hat"]).shape);
        Assert.Empty(loaded.FalsePositiveRates());
    }

    // KID and precision compare with these: a rare combination must not weigh as much as a common one.
    [Fact]
    public void ReferenceStatistics_UnevenCombinations_KeepSamplesInTheirProportion()
    {
        using var scope = NewDisposeScope();
        var features = randn([400, 4], float64);
        var combination = arange(400, int64).lt(300).logical_not().to(int64);   // 300 of none, 100 with a hat

        using var built = ReferenceStatistics.Build(
            ["none", "hat"],
            features,
            combination,
            samplesPerClass: 40,
            "e",
            zeros([2, 2], int64),
            floor: double.NaN,
            [[], ["hat"]]);

        Assert.Equal((80, 60), (built.Samples([]).shape[0], built.Samples(["hat"]).shape[0]));
    }

    [Fact]
    public void ReferenceStatistics_OtherFile_SaysSo()
    {
        var path = Path.Combine(_folder, "other.safetensors");
        using var some = zeros(2);
        SafetensorsFile.Write(path, new Dictionary<string, Tensor> { ["x"] = some });

        Assert.Contains(
            "no reference statistics",
            Assert.Throws<CheckpointException>(() => ReferenceStatistics.Load(path)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void FeaturePass_ImagesBeyondTheRange_AreSeenAsPictures()
    {
        using var scope = NewDisposeScope();
        using var classifier = Small.Classifier();
        var raw = randn(20, 1, 16, 16) * 2;

        var (features, logits) = FeaturePass.Run(classifier, raw);
        var alone = FeaturePass.Features(classifier, FeaturePass.Batches(raw), _ => { }, CancellationToken.None);

        var (expected, expectedLogits) = FeaturePass.Run(classifier, ImageQuantizer.ToBytes(raw));
        Assert.True(allclose(expected, features, atol: 1e-5)
            && allclose(expected, alone, atol: 1e-5)
            && allclose(expectedLogits, logits, atol: 1e-4));
    }

    [Fact]
    public void FeaturePass_ManyImages_LeaksNothingAndMatchesOneBatch()
    {
        using var classifier = Small.Classifier();
        using var images = ImageQuantizer.Quantize(randn(250, 1, 16, 16));
        void Pass()
        {
            using var scope = NewDisposeScope();
            var (features, logits) = FeaturePass.Run(classifier, images);
            using var _ = no_grad();
            Assert.True(allclose(classifier.Features(images), features, atol: 1e-5));
            Assert.Equal([250, 2], logits.shape);
        }

        Pass();
        var live = Small.LiveTensors();
        Pass();
        Assert.Equal(live, Small.LiveTensors());
    }
}
