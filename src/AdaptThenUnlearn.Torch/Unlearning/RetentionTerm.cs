using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>Retention anchoring: where the original generator's image is clean, stay near it.</summary>
/// <remarks>
/// An addition of this project: weight · mean over pixels and clean images of (G(z) − G_original(z))², same latents and
/// same noise. Latents whose original image is not clean are free to go anywhere.
/// </remarks>
/// <param name="original">The generator as it was; stays the caller's, in eval mode.</param>
/// <param name="annotation">Says which of its images are clean.</param>
/// <param name="weight">Positive.</param>
public sealed class RetentionTerm(ImageGenerator original, Annotation annotation, double weight) : IImageTerm
{
    /// <inheritdoc/>
    public Tensor Loss(LatentDraw draw, Tensor images)
    {
        using var scope = NewDisposeScope();
        Tensor before, clean;
        using (no_grad())
        {
            before = draw.Images(original);
            clean = annotation.Label(before).Clean.to(float32);   // [N]
        }

        var squared = (images - before).square().mean([1, 2, 3]);   // [N]
        return ((squared * clean).sum() * weight / clean.sum().clamp(min: 1)).MoveToOuterDisposeScope();
    }
}
