using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Torch.Features;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>How an extractor that is a classifier did on labelled images that it was not trained on.</summary>
/// <param name="Classes">All classes of the extractor when it was tested, in order.</param>
/// <param name="Outputs">What its outputs were then taken for.</param>
/// <param name="Tested">The classes of which the images have labels.</param>
public sealed record ExtractorTest(
    IReadOnlyList<string> Classes, ClassifierOutputs Outputs, IReadOnlyList<ClassTest> Tested)
{
    internal const string Source = "real test images of the reference";

    /// <summary>The counts without a threshold, by the class's name.</summary>
    public IReadOnlyDictionary<string, DetectionCounts> CountsWithoutThreshold =>
        Tested.ToDictionary(each => each.Class, each => each.Error.Counts(Source));

    /// <summary>The counts of a rule.</summary>
    /// <param name="rule">Its classifier has the extractor's weights.</param>
    /// <returns>
    /// Null where the class was not tested, or where the rule gives the outputs other names or another meaning: its scores are
    /// others then.
    /// </returns>
    public DetectionCounts? CountsOf(FeatureRule rule) =>
        rule.Classifier.Outputs != Outputs || !rule.Classifier.Classes.SequenceEqual(Classes) ? null
        : Tested.FirstOrDefault(each => each.Class == rule.Class) is not { } test ? null
        : rule.Threshold is { } threshold ? test.Scores.Count(threshold, Source)
        : test.Error.Counts(Source);
}
