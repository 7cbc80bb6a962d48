using System.Globalization;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Adaptation;

/// <summary>The generator's own samples, sorted by the annotators: all that training ever sees.</summary>
public sealed class Feedback : IDisposable
{
    private const int BatchSize = 100;

    private readonly HeldImages _negatives;
    private readonly HeldImages _positives;

    private Feedback(HeldImages negatives, HeldImages positives, IReadOnlyDictionary<string, long> negativesByFeature, int samples)
    {
        _negatives = negatives;
        _positives = positives;
        NegativesByFeature = negativesByFeature;
        Samples = samples;
    }

    /// <summary>Images that show an undesired feature.</summary>
    public IImageSource Negatives => _negatives;

    /// <summary>Images that are clean beyond doubt.</summary>
    public HeldImages Positives => _positives;

    /// <summary>Negatives of each feature, by its name.</summary>
    public IReadOnlyDictionary<string, long> NegativesByFeature { get; }

    /// <summary>All images looked at; those neither negative nor positive were left out as doubtful.</summary>
    public int Samples { get; }

    /// <summary>Generates and sorts samples.</summary>
    /// <param name="generator">Whose samples.</param>
    /// <param name="annotation">Sorts them.</param>
    /// <param name="samples">How many to look at.</param>
    /// <param name="minimumNegatives">Fewest negatives of each feature that training can learn from.</param>
    /// <param name="random">Where latents and noise come from.</param>
    /// <param name="device">Where the generator is.</param>
    /// <param name="cancel">Ends collection between two batches.</param>
    /// <exception cref="FeedbackException">Too few negatives of a feature, or no positives.</exception>
    public static Feedback Collect(
        ImageGenerator generator, Annotation annotation, int samples, int minimumNegatives, RandomStreams random, Device device, CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var negatives = new List<Tensor>();
        var positives = new List<Tensor>();
        var counts = new long[annotation.Features.Count];
        for (var batch = 0; batch * BatchSize < samples; batch++)
        {
            cancel.ThrowIfCancellationRequested();
            using var batchScope = NewDisposeScope();
            using var source = random.At("feedback", batch);
            var images = LatentDraw.Next(generator, Math.Min(BatchSize, samples - batch * BatchSize), source, device).Images(generator);
            var labels = annotation.Label(images);
            for (var feature = 0; feature < counts.Length; feature++)
                counts[feature] += labels.Shows[feature].sum().item<long>();
            negatives.Add(images[labels.ShowsAny].MoveToOuterDisposeScope());
            positives.Add(images[labels.Clean].MoveToOuterDisposeScope());
        }

        var byFeature = annotation.Features.Select((feature, number) => (feature.Name, Count: counts[number])).ToDictionary(pair => pair.Name, pair => pair.Count);
        var scarce = byFeature.Where(pair => pair.Value < minimumNegatives).ToList();
        if (scarce.Count > 0)
            throw new FeedbackException(string.Join("; ", scarce.Select(pair => string.Create(CultureInfo.InvariantCulture,
                $"the annotator found '{pair.Key}' in {pair.Value} of {samples} samples, and at least {minimumNegatives} are needed to learn from; raise unlearning.feedbackSamples (lower unlearning.minimumNegatives only if you know that so few will do)"))));
        var clean = cat(positives);
        if (clean.shape[0] == 0)
            throw new FeedbackException($"none of {samples} samples is clean: the annotator sees an undesired feature with probability of at least unlearning.cleanBelow in every one");

        return new Feedback(new HeldImages(cat(negatives).DetachFromDisposeScope()), new HeldImages(clean.DetachFromDisposeScope()), byFeature, samples);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _negatives.Dispose();
        _positives.Dispose();
    }
}

/// <summary>The generator's samples do not hold what training needs.</summary>
public sealed class FeedbackException(string message) : Exception(message);
