using AdaptThenUnlearn.Torch.Features;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Adaptation;

/// <summary>A feature and the classifier that labels it in training feedback.</summary>
/// <param name="Name">The feature's name in the policy.</param>
/// <param name="Annotator">Stays the caller's; in eval mode.</param>
/// <param name="ClassIndex">The annotator's class that shows the feature.</param>
public sealed record AnnotatedFeature(string Name, FeatureClassifier Annotator, int ClassIndex);

/// <summary>Labels images with the annotators of a policy: which show an undesired feature, and which are clean beyond doubt.</summary>
/// <param name="features">At least one.</param>
/// <param name="cleanBelow">An image is clean when the probability of every undesired class is below this, 0 to 1.</param>
public sealed class Annotation(IReadOnlyList<AnnotatedFeature> features, double cleanBelow)
{
    /// <summary>What is labelled.</summary>
    public IReadOnlyList<AnnotatedFeature> Features { get; } = features;

    /// <summary>How many classes <see cref="Classes"/> tells apart.</summary>
    public int ClassCount => Features[0].Annotator.Classes.Count;

    /// <summary>The likeliest class of each image, by the first feature's annotator.</summary>
    /// <param name="images"><c>[N, C, H, W]</c>, nominally [-1, 1].</param>
    /// <returns><c>[N]</c>, int64; belongs to the caller's scope.</returns>
    public Tensor Classes(Tensor images)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        return Features[0].Annotator.Probabilities(images).argmax(1).MoveToOuterDisposeScope();
    }

    /// <summary>Labels images.</summary>
    /// <param name="images"><c>[N, C, H, W]</c>, nominally [-1, 1].</param>
    /// <returns>Labels that belong to the caller's scope.</returns>
    public ImageLabels Label(Tensor images)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var shown = new List<Tensor>();
        var clean = ones(images.shape[0], dtype: @bool, device: images.device);
        foreach (var byAnnotator in Features.GroupBy(feature => feature.Annotator))
        {
            var probabilities = byAnnotator.Key.Probabilities(images);
            var likeliest = probabilities.argmax(1);
            foreach (var feature in byAnnotator)
            {
                shown.Add(likeliest.eq(feature.ClassIndex).MoveToOuterDisposeScope());
                clean = clean.logical_and(probabilities.select(1, feature.ClassIndex).lt(cleanBelow));
            }
        }

        var order = Features.GroupBy(feature => feature.Annotator).SelectMany(group => group).ToList();
        return new ImageLabels([.. Features.Select(feature => shown[order.IndexOf(feature)])], clean.MoveToOuterDisposeScope());
    }
}

/// <summary>What an annotation said of N images.</summary>
/// <param name="Shows">For each feature: <c>[N]</c>, bool, whether its class is the likeliest.</param>
/// <param name="Clean"><c>[N]</c>, bool, whether no undesired class is even likely.</param>
public sealed record ImageLabels(IReadOnlyList<Tensor> Shows, Tensor Clean)
{
    /// <summary><c>[N]</c>, bool, whether any feature is shown; belongs to the caller's scope.</summary>
    public Tensor ShowsAny => Shows.Aggregate((any, one) => any.logical_or(one));
}
