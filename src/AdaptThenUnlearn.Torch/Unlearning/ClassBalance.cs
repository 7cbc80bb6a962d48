using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>Class balancing: positives of classes that the generator now makes too seldom are shown to the discriminator more often.</summary>
/// <remarks>
/// An addition of this project. What used to be an undesired image turns into its nearest neighbours, and those classes
/// swell: digit 8 becomes 3 and 7. The annotator counts the classes of every image that training makes anyway; every few
/// steps the log-weight of a class grows by rate · log(wanted share / made share), and positives are drawn in proportion to
/// the weights. The rate falls with the learning rate: what a count errs by would otherwise be learnt at the end, where nothing
/// corrects it any more. The wanted shares are the original generator's, among images that show nothing undesired; positives alone
/// would make the undesired feature's neighbours rare, because many of their images are doubtful. Where several classes may hold, an image weighs the
/// product of its classes' weights, which moves every class's share towards the wanted one (raking). No gradient passes
/// through the annotator, so it cannot be fooled to please it.
/// </remarks>
public sealed class ClassBalance : IImageSource, IImageObserver, IDisposable
{
    /// <summary>Steps between two moves of the weights.</summary>
    public const int Every = 25;

    private const int LabelledBatch = 256;

    private readonly InMemoryImages _positives;
    private readonly Annotation _annotation;
    private readonly ClassBalanceOptions _options;
    private readonly Tensor _positiveClasses; // [N, K], of each positive
    private readonly Tensor _targetShares;    // [K], shares

    /// <summary>Labels the positives.</summary>
    /// <param name="positives">Stay the caller's.</param>
    /// <param name="annotation">Tells classes.</param>
    /// <param name="options">From the policy; the rate is positive.</param>
    /// <param name="targetShares">Share that each class should have, 0 to 1; that among the positives when null. A class of share 0 is left alone.</param>
    public ClassBalance(InMemoryImages positives, Annotation annotation, ClassBalanceOptions options, IReadOnlyList<double>? targetShares = null)
    {
        (_positives, _annotation, _options) = (positives, annotation, options);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        List<Tensor> labels = [];
        for (var start = 0L; start < positives.Count; start += LabelledBatch)
            labels.Add(annotation.Classes(positives.Rows(arange(start, Math.Min(positives.Count, start + LabelledBatch), dtype: int64))));
        var classes = cat(labels);
        _positiveClasses = classes.cpu().DetachFromDisposeScope();
        var shares = classes.sum([0]).to(float32).cpu() / positives.Count;
        _targetShares = (targetShares is null ? shares.clone() : tensor(targetShares.Select(share => (float)share).ToArray())).DetachFromDisposeScope();
        LogWeights = Limited(where((_targetShares > 0) & (shares > 0), (_targetShares / shares).log(), zeros_like(shares))).DetachFromDisposeScope();
        Counts = zeros(_targetShares.shape[0] + 1).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public long Count => _positives.Count;

    /// <summary><c>[K]</c>, one a class, at first what gives the positives the wanted shares, within ± log of the policy's limit; with <see cref="Counts"/> the state that a resumed run needs.</summary>
    public Tensor LogWeights { get; }

    /// <summary><c>[K + 1]</c>: since the weights were last moved, the images of each class, and of any.</summary>
    public Tensor Counts { get; }

    /// <inheritdoc/>
    public Tensor Draw(int count, Generator random)
    {
        using var scope = NewDisposeScope();
        var weights = where(_positiveClasses, LogWeights.exp(), ones_like(LogWeights)).prod(1);      // [N]
        var rows = multinomial(weights, count, replacement: true, generator: random);
        return _positives.Rows(rows).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Observe(Tensor images)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var classes = _annotation.Classes(images).sum([0]).to(float32).cpu();
        Counts.add_(cat([classes, full(1, (float)images.shape[0])]));
    }

    /// <summary>Moves the weights by what was counted since the last time; leaves them where nothing was.</summary>
    /// <param name="factor">On the policy's rate, 0 to 1.</param>
    public void UpdateWeights(double factor)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var counted = Counts[-1].item<float>();
        if (counted == 0)
            return;

        var generatedShares = Counts.narrow(0, 0, _targetShares.shape[0]) / counted;
        var moved = Limited(LogWeights + _options.Rate * factor * (Smoothed(_targetShares) / Smoothed(generatedShares)).log());
        LogWeights.copy_(where(_targetShares > 0, moved, LogWeights));
        Counts.zero_();

        // Half an image a class, so that a class that was not met does not count as infinitely rare.
        Tensor Smoothed(Tensor shares) => shares + 0.5 / counted;
    }

    private Tensor Limited(Tensor logWeights) => logWeights.clamp(-Math.Log(_options.Limit), Math.Log(_options.Limit));

    /// <inheritdoc/>
    public void Dispose()
    {
        _positiveClasses.Dispose();
        _targetShares.Dispose();
        LogWeights.Dispose();
        Counts.Dispose();
    }
}
