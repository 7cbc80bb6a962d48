using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>How far images are from those they replace, in the annotators' features.</summary>
/// <remarks>
/// The perceptual loss of Johnson, Alahi, Fei-Fei 2016 (arXiv:1603.08155), with the features of the policy's annotators: weight ·
/// mean over features of (φ(x) − φ(y))², divided by the mean variance of a feature among positives. With several annotators it is
/// the mean over them. Only images that show nothing undesired are compared, so the generator is not trained to deceive an
/// annotator.
/// </remarks>
public sealed class RetainedFeatures
{
    private const int Measured = 512;   // positives from which the variance is estimated

    private readonly Annotation _annotation;
    private readonly IReadOnlyList<double> _factors;   // for each annotator

    private RetainedFeatures(Annotation annotation, IReadOnlyList<double> factors) =>
        (_annotation, _factors) = (annotation, factors);

    /// <summary>Measures how much the features of positives vary.</summary>
    /// <param name="annotation">Its annotators have the features.</param>
    /// <param name="positives">At least one; stay the caller's.</param>
    /// <param name="weight">Positive.</param>
    public static RetainedFeatures Measure(Annotation annotation, InMemoryImages positives, double weight)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var measured = arange(Scalars.Of(Math.Min(positives.Count, Measured)), dtype: int64);
        var described = annotation.Describe(positives.Rows(measured)).Features;
        return new RetainedFeatures(
            annotation,
            [.. described.Select(features =>
                weight / described.Count / Math.Max(features.var(0, unbiased: false).mean().item<float>(), 1e-12))]);
    }

    /// <summary>The weighted distance of each image to the one that it replaces.</summary>
    /// <param name="images"><c>[N, C, H, W]</c>, part of the graph.</param>
    /// <param name="targets">As many, without gradient.</param>
    /// <returns><c>[N]</c>, ≥ 0; belongs to the caller's scope.</returns>
    public Tensor Distances(Tensor images, Tensor targets)
    {
        using var scope = NewDisposeScope();
        IReadOnlyList<Tensor> wanted;
        using (no_grad())
            wanted = _annotation.Describe(targets).Features;
        return _annotation.Describe(images).Features
            .Select((features, number) => (features - wanted[number]).square().flatten(1).mean([1]) * _factors[number])
            .Aggregate((sum, one) => sum + one)
            .MoveToOuterDisposeScope();
    }
}
