using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>Guidance: images follow the annotators' gradients away from what is undesired.</summary>
/// <remarks>
/// An addition of this project: weight · mean over images of Σ −log(1 − p), over the undesired features, with p an annotator's
/// probability. Alone it also trains the generator to deceive the annotators. The Fréchet loss leaves little room for that,
/// because a deceiving image has unusual features; the auditors, which guide nothing, judge the result.
/// </remarks>
/// <param name="annotation">Its annotators guide.</param>
/// <param name="weight">Positive.</param>
public sealed class GuidanceTerm(Annotation annotation, double weight) : IImageTerm
{
    /// <inheritdoc/>
    public ImageTarget Target(LatentDraw draw) =>
        new(draw.Latents.narrow(0, 0, 0), draw.Latents.new_ones(draw.Latents.shape[0]));

    /// <inheritdoc/>
    public Tensor Loss(ImageTarget target, Tensor images, Tensor weights)
    {
        using var scope = NewDisposeScope();
        var logarithms = annotation.AbsenceLogarithms(annotation.Describe(images));   // [N]
        return (logarithms.sum() * -weight / weights).MoveToOuterDisposeScope();
    }
}
