using AdaptThenUnlearn.Torch.Features;

namespace AdaptThenUnlearn.Torch.Adaptation;

/// <summary>A classifier that learned from an annotator, and looks at images beside it.</summary>
/// <param name="Annotator">Stays its owner's.</param>
/// <param name="Network">The student, in eval mode, with the annotator's classes.</param>
/// <param name="Agreement">
/// Share of samples, which it did not learn from, that it classifies as the annotator does, 0 to 1; of independent classes the
/// share of all answers.
/// </param>
public sealed record AnnotatorStudent(FeatureClassifier Annotator, FeatureClassifier Network, double Agreement);
