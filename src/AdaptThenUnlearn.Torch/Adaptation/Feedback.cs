using AdaptThenUnlearn.Torch.Training;

namespace AdaptThenUnlearn.Torch.Adaptation;

/// <summary>
/// All images that training sees: the generator's own samples, sorted by the annotators, or images that the policy gives instead.
/// </summary>
/// <remarks>
/// Made by <see cref="FeedbackCollector"/>. Samples that are neither negative nor positive are left out as doubtful.
/// </remarks>
public sealed class Feedback : IDisposable
{
    private readonly InMemoryImages _negatives;
    private readonly InMemoryImages _positives;

    internal Feedback(InMemoryImages negatives, InMemoryImages positives) => (_negatives, _positives) = (negatives, positives);

    /// <summary>Images that show an undesired feature.</summary>
    public IImageSource Negatives => _negatives;

    /// <summary>
    /// Clean images: those in which every undesired class has a probability below <see cref="CleanBelow"/>, or those that the
    /// policy gives.
    /// </summary>
    public InMemoryImages Positives => _positives;

    /// <summary>
    /// Bound below which the probability of every undesired class had to be for a sample to be a positive, 0 to 1.
    /// </summary>
    /// <remarks>It is the policy's <c>cleanBelow</c>, or higher where that bound left too few positives.</remarks>
    public required double CleanBelow { get; init; }

    /// <summary>
    /// Number of negatives of each feature, by the feature's name. Where the policy gives images, these are counted.
    /// </summary>
    public required IReadOnlyDictionary<string, long> NegativesByFeature { get; init; }

    /// <summary>Number of samples that were generated and labelled; 0 where the policy gives every kind of image.</summary>
    public required int Samples { get; init; }

    /// <summary>
    /// For each class of the first annotator, its share of the retained samples, 0 to 1: what should survive. Null where no
    /// sample was retained.
    /// </summary>
    /// <remarks>
    /// Doubtful samples count too. Among the positives alone, classes that resemble the undesired feature are too rare, because
    /// more of their images are doubtful.
    /// </remarks>
    public required IReadOnlyList<double>? RetainedShares { get; init; }

    /// <inheritdoc/>
    public void Dispose()
    {
        _negatives.Dispose();
        _positives.Dispose();
    }
}
