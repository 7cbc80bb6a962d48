namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>Every metric of image quality. A new one: write its file, add its line.</summary>
public static class QualityMetrics
{
    /// <summary>
    /// All of them, in the order in which reports list them; the Fréchet distance, which has limits, is the first.
    /// </summary>
    public static IReadOnlyList<IQualityMetric> All { get; } =
    [
        new FrechetDistanceMetric(), new KernelDistanceMetric(), new PrecisionMetric(), new RecallMetric(),
        new DensityMetric(), new CoverageMetric(), new FrechetExtrapolationMetric(),
    ];
}
