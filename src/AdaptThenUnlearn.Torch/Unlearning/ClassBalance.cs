using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>Class balancing: positives of classes that the generator now makes too seldom are shown to the discriminator more often.</summary>
/// <remarks>
/// An addition of this project. What used to be an undesired image turns into its nearest neighbours, and those classes
/// swell: digit 8 becomes 3 and 7. Every few steps the annotator counts the classes of fresh images; the log-weight of a
/// class grows by rate · log(wanted share / made share), and positives are drawn in proportion to the weights. The wanted
/// shares are those among the positives. Where several classes may hold, an image weighs the product of its classes'
/// weights, which moves every class's share towards the wanted one (raking). No gradient passes through the annotator, so it cannot be fooled to please it.
/// </remarks>
public sealed class ClassBalance : IImageSource, IDisposable
{
    /// <summary>Steps between two counts.</summary>
    public const int Every = 25;

    private const int CountedImages = 256;
    private const int LabelledBatch = 256;

    private readonly HeldImages _positives;
    private readonly Annotation _annotation;
    private readonly ClassBalanceOptions _options;
    private readonly RandomStreams _random;
    private readonly Device _device;
    private readonly Tensor _classesOf; // [N, K], of each positive
    private readonly Tensor _wanted;    // [K], shares among the positives

    /// <summary>Labels the positives.</summary>
    /// <param name="positives">Stay the caller's.</param>
    /// <param name="annotation">Tells classes.</param>
    /// <param name="options">From the policy; the rate is positive.</param>
    /// <param name="random">Where the counted images come from.</param>
    /// <param name="device">Where the generator is.</param>
    public ClassBalance(HeldImages positives, Annotation annotation, ClassBalanceOptions options, RandomStreams random, Device device)
    {
        (_positives, _annotation, _options, _random, _device) = (positives, annotation, options, random, device);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        List<Tensor> labels = [];
        for (var start = 0L; start < positives.Count; start += LabelledBatch)
            labels.Add(annotation.Classes(positives.Rows(arange(start, Math.Min(positives.Count, start + LabelledBatch), dtype: int64))));
        var classes = cat(labels);
        _classesOf = classes.cpu().DetachFromDisposeScope();
        _wanted = Shares(classes).DetachFromDisposeScope();
        LogWeights = zeros_like(_wanted).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public long Count => _positives.Count;

    /// <summary><c>[K]</c>, one a class, 0 at first, within ± log of the policy's limit; the state that a resumed run needs.</summary>
    public Tensor LogWeights { get; }

    /// <inheritdoc/>
    public Tensor Draw(int count, Generator random)
    {
        using var scope = NewDisposeScope();
        var weights = where(_classesOf, LogWeights.exp(), ones_like(LogWeights)).prod(1);      // [N]
        var rows = multinomial(weights, count, replacement: true, generator: random);
        return _positives.Rows(rows).MoveToOuterDisposeScope();
    }

    /// <summary>Counts what the generator makes now, and moves the weights.</summary>
    /// <param name="generator">Left as it is.</param>
    /// <param name="step">Which images are drawn depends on it.</param>
    public void Observe(ImageGenerator generator, int step)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var source = _random.At("class balance", step);
        var images = LatentDraw.Next(generator, CountedImages, source, _device).Images(generator);
        var made = Shares(_annotation.Classes(images));
        var limit = Math.Log(_options.Limit);
        var moved = (LogWeights + _options.Rate * (Smoothed(_wanted) / Smoothed(made)).log()).clamp(-limit, limit);
        LogWeights.copy_(where(_wanted > 0, moved, LogWeights));

        // Half an image a class, so that a class that was not met does not count as infinitely rare.
        static Tensor Smoothed(Tensor shares) => shares + 0.5 / CountedImages;
    }

    private static Tensor Shares(Tensor classes) => classes.sum([0]).to(float32).cpu() / classes.shape[0];

    /// <inheritdoc/>
    public void Dispose()
    {
        _classesOf.Dispose();
        _wanted.Dispose();
        LogWeights.Dispose();
    }
}
