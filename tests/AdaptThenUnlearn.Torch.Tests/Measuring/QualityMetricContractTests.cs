using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Torch.Measuring;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Measuring;

/// <summary>
/// Every metric of the catalogue keeps the contract; a right one from elsewhere would pass, and wrong ones do not.
/// </summary>
public sealed class QualityMetricContractTests
{
    public static TheoryData<string> Names => [.. QualityMetrics.All.Select(metric => metric.Metric.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Catalogue_EveryMetric_KeepsTheContract(string name) =>
        Assert.Empty(QualityMetricContract.FindProblems(QualityMetrics.All.Single(metric => metric.Metric.Name == name)));

    [Fact]
    public void Catalogue_Names_AreDistinctAndTheFrechetDistanceIsFirst()
    {
        Assert.Distinct(QualityMetrics.All.Select(metric => metric.Metric.Name));
        Assert.Equal(RecordedMetrics.FrechetDistance, QualityMetrics.All[0].Metric);
        Assert.Subset(QualityMetrics.All.Select(metric => metric.Metric).ToHashSet(), RecordedMetrics.All.ToHashSet());
    }

    [Fact]
    public void NewMetric_RightOne_KeepsTheContract() => Assert.Empty(QualityMetricContract.FindProblems(new MeanDistance()));

    [Theory]
    [InlineData("upside down", "is not better than")]
    [InlineData("off", "instead of about 0")]
    [InlineData("blind", "instead of not measured")]
    [InlineData("silent", "no reason why it is not measured")]
    [InlineData("bounded", "instead of 1")]
    [InlineData("destructive", "it changes the features")]
    [InlineData("moody", "another result the second time")]
    [InlineData("leaky", "leaves tensors behind")]
    [InlineData("nameless", "not a key in camel case")]
    public void NewMetric_WrongOne_BreaksTheContract(string fault, string expected) =>
        Assert.Contains(
            QualityMetricContract.FindProblems(new MeanDistance(fault)),
            problem => problem.Contains(expected, StringComparison.Ordinal));

    /// <summary>The distance between both means: right as it is, and wrong in one way where a fault is named.</summary>
    private sealed class MeanDistance(string fault = "") : IQualityMetric
    {
        private readonly List<Tensor> _kept = [];
        private int _calls;

        public QualityMetric Metric => new(
            fault == "nameless" ? "Mean distance" : "meanDistance",
            "Mean distance",
            "feature units",
            IsHigherBetter: fault == "upside down");

        public string Description => "Euclidean distance between the means of both sets.";

        public double Ideal => 0;

        public double? Worst => fault == "bounded" ? 1 : null;

        public MetricResult Compute(ComparedFeatures features)
        {
            if (fault is not "blind" && Why(features) is { } why)
                return new MetricResult(null, fault == "silent" ? null : why);

            using var scope = NewDisposeScope();
            var distance = (features.Generated.mean([0]) - features.Reference.mean([0])).norm();
            if (fault == "destructive")
                features.Generated.add_(1);
            if (fault == "leaky")
                _kept.Add(distance.clone().DetachFromDisposeScope());
            var value = distance.item<double>() + (fault == "off" ? 1 : 0) + (fault == "moody" ? 1e-3 * _calls++ : 0);
            return new MetricResult(double.IsFinite(value) ? value : 0, null);
        }

        private static string? Why(ComparedFeatures features)
        {
            using var scope = NewDisposeScope();
            if (features.Generated.shape[0] == 0 || features.Reference.shape[0] == 0)
                return "a set has no vectors";
            if (!isfinite(features.Generated).all().item<bool>() || !isfinite(features.Reference).all().item<bool>())
                return "the features hold numbers that are not finite";
            return IsConstant(features.Generated) && IsConstant(features.Reference) ? "no feature varies" : null;

            static bool IsConstant(Tensor set) => set.eq(set.narrow(0, 0, 1)).all().item<bool>();
        }
    }
}
