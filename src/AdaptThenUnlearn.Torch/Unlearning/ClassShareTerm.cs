using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Backend;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>Share guidance: images of classes that have become too frequent turn into those that have become too rare.</summary>
/// <remarks>
/// <para>An addition of this project: weight · KL(q ‖ t), where t are the shares of the retained classes among the original
/// generator's images without undesired features, and q their shares now. Shares are mean probabilities of the first annotator
/// and its students. The loss of an image is weight · Σ p · ∂KL/∂q, with p its probabilities. No gradient passes through q.
/// So the gradient is the divergence's.</para>
/// <para>q is estimated by a control variate: the original's shares, which many samples tell, plus a moving average of how much
/// the probabilities of an image differ from those of the original's image of the same latents and noise. Most images keep their
/// class, so this varies far less than the shares of as many images.</para>
/// <para>Of classes that exclude each other, an undesired one is treated as the most frequent one: otherwise an image could leave
/// a frequent class by becoming undesired.</para>
/// <para>Where several classes may hold, it is the sum over classes of KL between the class and its absence.</para>
/// </remarks>
internal sealed class ClassShareTerm : IDescribedTerm
{
    /// <summary>Mean age of the images from which shares are estimated, in images.</summary>
    public const int Window = 1000;

    private const double Least = 1e-4;   // share below which a class counts as having this share; its logarithm stays finite

    private readonly Annotation _annotation;
    private readonly double _weight;
    private readonly Tensor _before;     // [K], of all images of the original
    private readonly Tensor _targets;    // [K], 0 where a class is left alone
    private readonly Tensor _isUndesired;   // [K], 0 or 1
    private readonly SortedDictionary<int, Tensor> _changes = [];   // by part of the batch: [N, K]

    /// <param name="samples">Images of the original; stay the caller's.</param>
    /// <param name="annotation">Its first annotator has the classes. The undesired ones have no wanted share.</param>
    /// <param name="weight">Positive.</param>
    public ClassShareTerm(DescribedSamples samples, Annotation annotation, double weight)
    {
        (_annotation, _weight) = (annotation, weight);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var probabilities = samples.Probabilities.cpu();
        var retained = probabilities[samples.Retained.cpu()].mean([0]);
        var isUndesired = zeros_like(retained);
        foreach (var number in annotation.UndesiredClasses)
            isUndesired[number] = tensor(1f);
        _before = probabilities.mean([0]).DetachFromDisposeScope();
        _targets = (retained * (retained.ge(Scalars.Of(Least)) * (1 - isUndesired))).DetachFromDisposeScope();
        _isUndesired = isUndesired.DetachFromDisposeScope();
        Shares = _before.clone().DetachFromDisposeScope();
    }

    /// <summary>The present shares, <c>[K]</c>.</summary>
    public Tensor Shares { get; }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Tensor> State => new Dictionary<string, Tensor> { ["classShares"] = Shares };

    /// <inheritdoc/>
    public Tensor SumLosses(DescribedImages images, int part)
    {
        using var scope = NewDisposeScope();
        var probabilities = _annotation.FirstProbabilities(images);   // [N, K]
        var change = (probabilities.detach() - images.Before!).cpu().DetachFromDisposeScope();
        lock (_changes)
            _changes.Add(part, change);
        return ((probabilities * Slopes().to(probabilities.device)).sum() * _weight).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Update(int step)
    {
        using var scope = NewDisposeScope();
        var changes = cat([.. _changes.Values]);
        Shares.lerp_(_before + changes.mean([0]), (float)Math.Min(1, changes.shape[0] / (double)Window));
        Forget();
    }

    // The divergence's derivative by each share, [K].
    private Tensor Slopes()
    {
        using var scope = NewDisposeScope();
        var kept = _targets.gt(Scalars.Of(0)).to(float32);
        if (_annotation.FirstClassifier.ClassesAreIndependent)
            return ((Bounded(Shares).logit() - Bounded(_targets).logit()) * kept).MoveToOuterDisposeScope();

        // The shares among retained images: what moves all of them alike moves none of these.
        var retained = (Shares * kept).sum();
        var logarithms = (Bounded(Shares / retained) / Bounded(_targets / _targets.sum())).log() * kept;
        var divergence = (Shares / retained * logarithms).sum();
        var slopes = (logarithms - divergence) * kept / retained;
        return (slopes + _isUndesired * slopes.max()).MoveToOuterDisposeScope();   // no image gains by becoming undesired

        static Tensor Bounded(Tensor shares) => shares.clamp(Scalars.Of(Least), Scalars.Of(1 - Least));
    }

    private void Forget()
    {
        foreach (var change in _changes.Values)
            change.Dispose();
        _changes.Clear();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Forget();
        _before.Dispose();
        _targets.Dispose();
        _isUndesired.Dispose();
        Shares.Dispose();
    }
}
