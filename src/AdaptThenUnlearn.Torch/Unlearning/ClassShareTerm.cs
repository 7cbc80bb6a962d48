using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>Share guidance: images of classes that have become too frequent turn into those that have become too rare.</summary>
/// <remarks>
/// <para>An addition of this project: weight · KL(q ‖ t), where t are the shares of the retained classes among the original
/// generator's images without undesired features, and q their shares now. q is a moving average of the probabilities of the first
/// annotator and its students, of mean age <see cref="Window"/>. The loss of an image is weight · Σ p · ∂KL/∂q, with p its
/// probabilities and without gradient through q, so that the gradient is the divergence's.</para>
/// <para>Where several classes may hold, it is the sum over classes of KL between the class and its absence.</para>
/// </remarks>
public sealed class ClassShareTerm : IEstimatingTerm
{
    /// <summary>Mean age of the images whose classes are counted, in images.</summary>
    public const int Window = 2000;

    private const double Least = 1e-4;   // share below which a class counts as having this share; its logarithm stays finite

    private readonly Annotation _annotation;
    private readonly double _weight;
    private readonly Tensor _targets;    // [K], 0 where a class is left alone
    private readonly SortedDictionary<int, Tensor> _seen = [];   // by part of the batch: [N, K]

    /// <param name="annotation">Its first annotator has the classes.</param>
    /// <param name="targetShares">Share that each class should have, 0 to 1. A class of share 0 is left alone.</param>
    /// <param name="weight">Positive.</param>
    public ClassShareTerm(Annotation annotation, IReadOnlyList<double> targetShares, double weight)
    {
        (_annotation, _weight) = (annotation, weight);
        annotation.Freeze();
        _targets = tensor(targetShares.Select(share => (float)share).ToArray()).DetachFromDisposeScope();
        Shares = _targets.clone().DetachFromDisposeScope();
    }

    /// <summary>The present shares, <c>[K]</c>.</summary>
    public Tensor Shares { get; }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Tensor> State => new Dictionary<string, Tensor> { ["classShares"] = Shares };

    /// <inheritdoc/>
    public ImageTarget Target(LatentDraw draw) => ImageTarget.None(draw);

    /// <inheritdoc/>
    public Tensor Loss(ImageTarget target, Tensor images, Tensor weights)
    {
        using var scope = NewDisposeScope();
        var probabilities = _annotation.FirstProbabilities(_annotation.Describe(images));   // [N, K]
        var seen = probabilities.detach().cpu().DetachFromDisposeScope();
        lock (_seen)
            _seen.Add(target.Part, seen);
        return ((probabilities * Slopes().to(probabilities.device)).sum() * _weight / weights).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Update(int step)
    {
        using var scope = NewDisposeScope();
        var all = cat([.. _seen.Values]);
        Shares.lerp_(all.mean([0]), (float)Math.Min(1, all.shape[0] / (double)Window));
        Forget();
    }

    // The divergence's derivative by each share, [K].
    private Tensor Slopes()
    {
        using var scope = NewDisposeScope();
        var kept = _targets.gt(0).to(float32);
        if (_annotation.FirstClassifier.ClassesAreIndependent)
            return ((Bounded(Shares).logit() - Bounded(_targets).logit()) * kept).MoveToOuterDisposeScope();

        // The shares among retained images: what moves all of them alike moves none of these.
        var retained = (Shares * kept).sum();
        var logarithms = (Bounded(Shares / retained) / Bounded(_targets / _targets.sum())).log() * kept;
        var divergence = (Shares / retained * logarithms).sum();
        return ((logarithms - divergence) * kept / retained).MoveToOuterDisposeScope();

        static Tensor Bounded(Tensor shares) => shares.clamp(Least, 1 - Least);
    }

    private void Forget()
    {
        foreach (var seen in _seen.Values)
            seen.Dispose();
        _seen.Clear();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Forget();
        _targets.Dispose();
        Shares.Dispose();
    }
}
