using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Backend;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>Guidance: images follow the gradients of annotators and their students away from what is undesired.</summary>
/// <remarks>
/// <para>An addition of this project: weight · mean over images of Σ −log(1 − p), over the undesired features, with p the
/// probability of an annotator or a student; the mean of them. Alone it also trains the generator to deceive the annotators. The
/// Fréchet loss leaves little room for that, because a deceiving image has unusual features; the auditors, which guide nothing,
/// judge the result.</para>
/// <para>The weight follows the rate at which images show something undesired: it is the whole weight above
/// <see cref="GuidanceOptions.RateOrDefault"/>, and falls in proportion below. What is unlearned is pushed no further.</para>
/// </remarks>
internal sealed class GuidanceTerm : IDescribedTerm
{
    /// <summary>Mean age of the images from which the rate is estimated, in images.</summary>
    public const int Window = 2000;

    private readonly Annotation _annotation;
    private readonly GuidanceOptions _options;
    private readonly SortedDictionary<int, (long Shown, long Images)> _seen = [];   // by part of the batch

    /// <param name="annotation">Its annotators and students guide; they are not trained.</param>
    /// <param name="options">With a positive weight.</param>
    public GuidanceTerm(Annotation annotation, GuidanceOptions options)
    {
        (_annotation, _options) = (annotation, options);
        Rate = ones(1, dtype: float64).DetachFromDisposeScope();
    }

    /// <summary>The estimated rate, <c>[1]</c>, 0 to 1. It begins at 1.</summary>
    public Tensor Rate { get; }

    /// <summary>What the policy's weight is multiplied by at present, 0 to 1.</summary>
    public double Factor => _options.RateOrDefault > 0 ? Math.Min(1, Rate.item<double>() / _options.RateOrDefault) : 1;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Tensor> State => new Dictionary<string, Tensor> { ["guidance.rate"] = Rate };

    /// <inheritdoc/>
    public Tensor SumLosses(DescribedImages images, int part)
    {
        using var scope = NewDisposeScope();
        var shown = images.ShowsAny.sum().item<long>();
        lock (_seen)
            _seen.Add(part, (shown, images.Count));
        return (_annotation.AbsenceLogarithms(images).sum() * (-_options.Weight * Factor)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Update(int step)
    {
        var (shown, images) = (_seen.Values.Sum(part => part.Shown), _seen.Values.Sum(part => part.Images));
        _seen.Clear();
        if (images == 0)
            return;

        using var scope = NewDisposeScope();
        using var _ = no_grad();
        Rate.lerp_(full_like(Rate, Scalars.Of((double)shown / images)), Math.Min(1, images / (double)Window));
    }

    /// <inheritdoc/>
    public void Dispose() => Rate.Dispose();
}
