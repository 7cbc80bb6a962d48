using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>Retention anchoring: where the original generator's image is clean, stay near it.</summary>
/// <remarks>
/// An addition of this project: weight · mean over pixels and clean images of (G(z) − G_original(z))², with the same latents and
/// the same noise, and the same of the annotators' features where they are given. Latents whose original image is not clean have
/// no such term.
/// </remarks>
/// <param name="original">The generator before unlearning, in eval mode; stays the caller's.</param>
/// <param name="annotation">Labels its images as clean or not.</param>
/// <param name="weight">Weight of the mean squared difference of pixels; 0 or more.</param>
/// <param name="features">Compares features as well; null where pixels alone are compared.</param>
public sealed class RetentionTerm(
    ImageGenerator original, Annotation annotation, double weight, RetainedFeatures? features = null) : IImageTerm
{
    /// <inheritdoc/>
    public ImageTarget Target(LatentDraw draw)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var before = draw.Images(original);
        var clean = annotation.Label(before).Clean.to(float32);   // [N]
        return new ImageTarget(before.MoveToOuterDisposeScope(), clean.MoveToOuterDisposeScope());
    }

    /// <inheritdoc/>
    public Tensor Loss(ImageTarget target, Tensor images, Tensor weights)
    {
        using var scope = NewDisposeScope();
        var squared = (images - target.Images).square().mean([1, 2, 3]);   // [N]
        var sum = (squared * target.Weights).sum() * weight;
        if (features is not null)
            sum += (features.Distances(images, target.Images) * target.Weights).sum();
        return (sum / weights.clamp(min: Scalars.Of(1))).MoveToOuterDisposeScope();
    }
}
