namespace AdaptThenUnlearn.Measurements;

/// <summary>The metrics that have properties with their own names in a run record, because the first records had them.</summary>
/// <remarks>
/// Every other metric is recorded in a list, with its title and direction, so that a new one needs no line here.
/// </remarks>
public static class RecordedMetrics
{
    private const string Share = "0 to 1";

    /// <summary>The Fréchet distance, the one metric that has limits; readings say its public name.</summary>
    public static QualityMetric FrechetDistance { get; } =
        new("frechetDistance", "Fréchet distance", "squared feature units", IsHigherBetter: false);

    /// <summary>The kernel distance.</summary>
    public static QualityMetric KernelDistance { get; } =
        new("kid", "kernel distance, KID", "squared kernel units", IsHigherBetter: false);

    /// <summary>Share of generated images within the reference manifold.</summary>
    public static QualityMetric Precision { get; } = new("precision", "precision", Share, IsHigherBetter: true);

    /// <summary>Share of reference images within the generated manifold.</summary>
    public static QualityMetric Recall { get; } = new("recall", "recall", Share, IsHigherBetter: true);

    /// <summary>Fidelity as average neighbourhood count.</summary>
    public static QualityMetric Density { get; } = new("density", "density", "0 or more", IsHigherBetter: true);

    /// <summary>Share of reference images with a generated one in their neighbourhood.</summary>
    public static QualityMetric Coverage { get; } = new("coverage", "coverage", Share, IsHigherBetter: true);

    /// <summary>All of them, in the order in which reports list them.</summary>
    public static IReadOnlyList<QualityMetric> All { get; } =
    [
        FrechetDistance, KernelDistance, Precision, Recall, Density, Coverage
    ];
}
