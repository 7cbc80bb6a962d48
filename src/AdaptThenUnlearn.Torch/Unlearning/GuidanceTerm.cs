using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>Guidance: images follow the gradients of annotators and their students away from what is undesired.</summary>
/// <remarks>
/// An addition of this project: weight · mean over images of Σ −log(1 − p), over the undesired features, with p the
/// probability of an annotator or a student; the mean of them. Alone it also trains the generator to deceive the annotators. The Fréchet loss leaves little room for that,
/// because a deceiving image has unusual features; the auditors, which guide nothing, judge the result.
/// </remarks>
public sealed class GuidanceTerm : IImageTerm
{
    private readonly Annotation _annotation;
    private readonly double _weight;

    /// <param name="annotation">Its annotators guide; they are not trained.</param>
    /// <param name="weight">Positive.</param>
    public GuidanceTerm(Annotation annotation, double weight)
    {
        (_annotation, _weight) = (annotation, weight);
        annotation.Freeze();
    }

    /// <inheritdoc/>
    public ImageTarget Target(LatentDraw draw) => ImageTarget.None(draw);

    /// <inheritdoc/>
    public Tensor Loss(ImageTarget target, Tensor images, Tensor weights)
    {
        using var scope = NewDisposeScope();
        var logarithms = _annotation.AbsenceLogarithms(_annotation.Describe(images));   // [N]
        return (logarithms.sum() * -_weight / weights).MoveToOuterDisposeScope();
    }
}
