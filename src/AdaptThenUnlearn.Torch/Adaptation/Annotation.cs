using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Adaptation;

/// <summary>A feature and how it is found in training feedback.</summary>
/// <param name="Name">The feature's name in the policy.</param>
/// <param name="Rule">The annotator's.</param>
/// <param name="Violated">Whether it has to be unlearned, and so needs negatives; false where the generator emits it within its limit.</param>
public sealed record AnnotatedFeature(string Name, FeatureRule Rule, bool Violated = true);

/// <summary>Labels images with the annotators of a policy: which show an undesired feature, and which are clean beyond doubt.</summary>
/// <param name="features">At least one.</param>
/// <param name="cleanBelow">An image is clean when the probability of every undesired class is below this, 0 to 1.</param>
/// <param name="raw">Whether the annotators look at the network's output as it is; otherwise at what users get, clipped and rounded to 8 bits.</param>
public sealed class Annotation(IReadOnlyList<AnnotatedFeature> features, double cleanBelow, bool raw = false)
{
    /// <summary>Below which probability of every undesired class an image is clean.</summary>
    public double CleanBelow => cleanBelow;

    /// <summary>What is labelled.</summary>
    public IReadOnlyList<AnnotatedFeature> Features { get; } = features;

    /// <summary>The first feature's annotator, whose classes are counted.</summary>
    public FeatureClassifier FirstClassifier => Features[0].Rule.Classifier;

    /// <summary>Which classes hold for each image, by the first feature's annotator.</summary>
    /// <param name="images"><c>[N, C, H, W]</c>, nominally [-1, 1].</param>
    /// <returns><c>[N, K]</c>, bool; belongs to the caller's scope.</returns>
    public Tensor Classes(Tensor images)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        return FirstClassifier.DetectClasses(FirstClassifier.Logits(FirstClassifier.Features(ToClassifierInput(images)))).MoveToOuterDisposeScope();
    }

    /// <summary>The same annotators, stricter or more lenient.</summary>
    /// <param name="below">As <see cref="CleanBelow"/>.</param>
    public Annotation WithCleanBelow(double below) => new(Features, below, raw);

    /// <summary>Labels images.</summary>
    /// <param name="images"><c>[N, C, H, W]</c>, nominally [-1, 1].</param>
    /// <returns>Labels that belong to the caller's scope.</returns>
    public ImageLabels Label(Tensor images)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var pictures = ToClassifierInput(images);
        var logits = Features.Select(feature => feature.Rule.Classifier).Distinct()
            .ToDictionary(annotator => annotator, annotator => annotator.Logits(annotator.Features(pictures)));
        var rules = Features.Select(feature => feature.Rule).ToList();
        var shows = rules.Select(rule => rule.Shows(logits[rule.Classifier]).MoveToOuterDisposeScope()).ToList();

        var likeliest = stack([.. rules.Select(rule => rule.Probability(logits[rule.Classifier]))]).amax([0]);

        // Of many classes the likeliest may be an unlikely one: below a lenient bound, and shown all the same.
        var clean = likeliest.lt(cleanBelow);
        foreach (var shown in shows)
            clean = clean.logical_and(shown.logical_not());
        return new ImageLabels(shows, clean.MoveToOuterDisposeScope(), likeliest.MoveToOuterDisposeScope(), FirstClassifier.DetectClasses(logits[FirstClassifier]).MoveToOuterDisposeScope());
    }

    private Tensor ToClassifierInput(Tensor images) => raw ? images : ImageQuantizer.Quantize(images);
}

/// <summary>What an annotation said of N images.</summary>
/// <param name="Shows">For each feature: <c>[N]</c>, bool, whether the image shows it.</param>
/// <param name="Clean"><c>[N]</c>, bool, whether none is shown and no undesired class is even likely.</param>
/// <param name="UndesiredProbability"><c>[N]</c>, 0 to 1, the probability of the likeliest undesired class.</param>
/// <param name="Classes"><c>[N, K]</c>, bool, which classes hold by the first feature's annotator.</param>
public sealed record ImageLabels(IReadOnlyList<Tensor> Shows, Tensor Clean, Tensor UndesiredProbability, Tensor Classes)
{
    /// <summary><c>[N]</c>, bool, whether any feature is shown; belongs to the caller's scope.</summary>
    public Tensor ShowsAny => ShowsAnyOf(Enumerable.Range(0, Shows.Count));

    /// <summary>Whether any of some features is shown.</summary>
    /// <param name="features">Positions in <see cref="Shows"/>; at least one.</param>
    /// <returns><c>[N]</c>, bool; belongs to the caller's scope.</returns>
    public Tensor ShowsAnyOf(IEnumerable<int> features) => features.Select(feature => Shows[feature]).Aggregate((any, one) => any.logical_or(one));
}
