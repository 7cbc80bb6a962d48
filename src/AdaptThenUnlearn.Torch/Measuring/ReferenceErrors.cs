using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Torch.Features;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>What a reference says of its extractor's errors on labelled images.</summary>
/// <param name="OfConfusion">Counts without a threshold, by the class's name, of files that keep nothing else.</param>
/// <param name="Test">Counts at every threshold; null where the file has none.</param>
public sealed record ReferenceErrors(IReadOnlyDictionary<string, DetectionCounts> OfConfusion, ExtractorTest? Test)
{
    /// <summary>Nothing is known.</summary>
    public static ReferenceErrors None { get; } = new(new Dictionary<string, DetectionCounts>(), Test: null);

    /// <summary>The counts without a threshold, by the class's name.</summary>
    public IReadOnlyDictionary<string, DetectionCounts> CountsWithoutThreshold => Test?.CountsWithoutThreshold ?? OfConfusion;

    /// <summary>The counts of a rule; null where nothing is known.</summary>
    /// <param name="rule">Its classifier has the extractor's weights.</param>
    public DetectionCounts? CountsOf(FeatureRule rule) =>
        Test is not null ? Test.CountsOf(rule)
        : rule.Threshold is null ? OfConfusion.GetValueOrDefault(rule.Class)
        : null;
}
