using AdaptThenUnlearn.Torch.Backend;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>
/// When an image shows a feature: by which classifier, which class, and from which probability on. Annotators and auditors both
/// use it.
/// </summary>
/// <param name="Classifier">In eval mode; stays the caller's.</param>
/// <param name="Class">The name of one of the classifier's classes.</param>
/// <param name="Threshold">
/// Smallest probability, above 0 and at most 1; null where <see cref="FeatureClassifier.DetectClasses"/> decides.
/// </param>
/// <exception cref="ArgumentException">The classifier has no such class.</exception>
public sealed record FeatureRule(FeatureClassifier Classifier, string Class, double? Threshold)
{
    /// <summary>Position of the class among the classifier's.</summary>
    public int Index { get; } = Classifier.IndexOf(Class);

    /// <summary>Which images show the feature.</summary>
    /// <param name="logits">The classifier's, <c>[N, Classes]</c>.</param>
    /// <returns><c>[N]</c>, bool; belongs to the caller's scope.</returns>
    public Tensor Shows(Tensor logits)
    {
        using var scope = NewDisposeScope();
        var shows = Threshold is { } threshold
            ? FeatureClassifier.AtLeast(Probability(logits), threshold)
            : Classifier.DetectClasses(logits).select(1, Index);
        return shows.MoveToOuterDisposeScope();
    }

    /// <summary>The probability of the class.</summary>
    /// <param name="logits">As for <see cref="Shows"/>.</param>
    /// <returns><c>[N]</c>, 0 to 1; belongs to the caller's scope.</returns>
    public Tensor Probability(Tensor logits) => Classifier.ProbabilitiesOf(logits).select(1, Index);

    /// <summary>log(1 − p), with p the probability of the class; p is taken as at most 0.9999.</summary>
    /// <param name="logits">As for <see cref="Shows"/>.</param>
    /// <returns><c>[N]</c>, at most 0, with the gradient of the logits; belongs to the caller's scope.</returns>
    /// <remarks>The bound keeps the logarithm finite; beyond it there is no gradient.</remarks>
    public Tensor AbsenceLogarithm(Tensor logits)
    {
        using var scope = NewDisposeScope();
        return (1 - Probability(logits).clamp(max: Scalars.Of(0.9999))).log().MoveToOuterDisposeScope();
    }
}
