using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>Class balancing: oversamples positives of classes that the generator now makes too rarely.</summary>
/// <remarks>
/// <para>An addition of this project. An undesired image turns into its nearest neighbours, and the shares of those classes grow:
/// digit 8 becomes 3 and 7. The annotator counts the classes of every image that training makes anyway. Every few steps the
/// log-weight of a class grows by rate · log(target share / generated share), and positives are drawn in proportion to the
/// weights.</para>
/// <para>The rate falls with the learning rate. Otherwise the errors of the last counts would be learned where no later count
/// corrects them.</para>
/// <para>The target shares are the original generator's among images without undesired features. The shares among positives would
/// make the undesired feature's neighbours rare, because many of their images are doubtful.</para>
/// <para>Where several classes may hold, an image weighs the product of its classes' weights, which moves the share of every
/// class towards its target (raking). No gradient passes through the annotator, so the generator is not trained to please
/// it.</para>
/// </remarks>
public sealed class ClassBalance : IImageSource, IImageObserver, IDisposable
{
    /// <summary>
    /// Steps between two updates of the weights: some hundred images are counted for each, so that a count is not mere chance.
    /// </summary>
    public const int Every = 25;

    private const int LabelledBatch = 256;   // images that the annotator is shown at once; the number only bounds memory

    private readonly InMemoryImages _positives;
    private readonly Annotation _annotation;
    private readonly ClassBalanceOptions _options;
    private readonly Tensor _positiveClasses; // [N, K], of each positive
    private readonly Tensor _targetShares;    // [K], of each class

    /// <summary>Labels the positives.</summary>
    /// <param name="positives">Stay the caller's.</param>
    /// <param name="annotation">Labels images with their classes.</param>
    /// <param name="options">From the policy; the rate is positive.</param>
    /// <param name="targetShares">
    /// Share that each class should have, 0 to 1; that among the positives when null. A class of share 0 is left alone.
    /// </param>
    public ClassBalance(
        InMemoryImages positives, Annotation annotation, ClassBalanceOptions options, IReadOnlyList<double>? targetShares = null)
    {
        (_positives, _annotation, _options) = (positives, annotation, options);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        List<Tensor> labels = [];
        for (var start = 0L; start < positives.Count; start += LabelledBatch)
            labels.Add(annotation.Classes(
                positives.Rows(arange(
                    Scalars.Of(start), Scalars.Of(Math.Min(positives.Count, start + LabelledBatch)), dtype: int64))));
        var classes = cat(labels);
        _positiveClasses = classes.cpu().DetachFromDisposeScope();
        var shares = classes.sum([0]).to(float32).cpu() / positives.Count;
        _targetShares = (targetShares is null
            ? shares.clone()
            : tensor(targetShares.Select(share => (float)share).ToArray())).DetachFromDisposeScope();
        LogWeights = Limited(where(
                (_targetShares > Scalars.Of(0)) & (shares > Scalars.Of(0)), (_targetShares / shares).log(), zeros_like(shares)))
            .DetachFromDisposeScope();
        Counts = zeros(_targetShares.shape[0] + 1).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public long Count => _positives.Count;

    /// <summary>
    /// Log-weight of each class, <c>[K]</c>, within ± log of the policy's limit. The first weights give the positives the target
    /// shares. With <see cref="Counts"/> it is the state that a resumed run needs.
    /// </summary>
    public Tensor LogWeights { get; }

    /// <summary>Generated images of each class, and of all, since the last update of the weights; <c>[K + 1]</c>.</summary>
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
        var counts = cat([classes, full(1, Scalars.Of((float)images.shape[0]))]);
        lock (Counts)   // whole numbers: their sum is the same in any order
            Counts.add_(counts);
    }

    /// <summary>Updates the weights from the counts since the last update; does nothing where no image was counted.</summary>
    /// <param name="factor">Factor on the policy's rate, 0 to 1.</param>
    public void UpdateWeights(double factor)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var counted = Counts[-1].item<float>();
        if (counted == 0)
            return;

        var generatedShares = Counts.narrow(0, 0, _targetShares.shape[0]) / counted;
        var moved = Limited(LogWeights + _options.Rate * factor * (Smoothed(_targetShares) / Smoothed(generatedShares)).log());
        LogWeights.copy_(where(_targetShares > Scalars.Of(0), moved, LogWeights));
        Counts.zero_();

        // Add half an image to each class, so that a class without an image does not count as infinitely rare.
        Tensor Smoothed(Tensor shares) => shares + 0.5 / counted;
    }

    private Tensor Limited(Tensor logWeights) =>
        logWeights.clamp(Scalars.Of(-Math.Log(_options.Limit)), Scalars.Of(Math.Log(_options.Limit)));

    /// <inheritdoc/>
    public void Dispose()
    {
        _positiveClasses.Dispose();
        _targetShares.Dispose();
        LogWeights.Dispose();
        Counts.Dispose();
    }
}
