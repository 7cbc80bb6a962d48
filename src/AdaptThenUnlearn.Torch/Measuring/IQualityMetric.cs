using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>A metric of image quality: how near the features of generated images are to those of a reference.</summary>
public interface IQualityMetric
{
    /// <summary>What it is called, its unit and its direction; shown by every report and command.</summary>
    QualityMetric Metric { get; }

    /// <summary>One sentence: what it measures, and where it comes from.</summary>
    string Description { get; }

    /// <summary>About what it gives for two sets that are the same.</summary>
    double Ideal { get; }

    /// <summary>What it gives for two sets that have nothing in common; null where nothing bounds it.</summary>
    double? Worst { get; }

    /// <summary>Whether it is a mean over subsets, so that it has a standard deviation.</summary>
    bool HasDeviation => false;

    /// <summary>The key of its reason in <c>atu distance --json</c>, where it could not be measured.</summary>
    string ReasonProperty => $"{Metric.Name}NotMeasured";

    /// <summary>Computes it.</summary>
    /// <param name="features">Of both sets; left as they are.</param>
    /// <returns>
    /// A finite value, or why there is none: too few vectors, numbers that are not finite, features that never vary.
    /// </returns>
    MetricResult Compute(ComparedFeatures features);
}
