using System.Globalization;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Adaptation;

/// <summary>All that training ever sees: the generator's own samples, sorted by the annotators, or images that the policy gives instead.</summary>
public sealed class Feedback : IDisposable
{
    private const int BatchSize = 100;

    private readonly InMemoryImages _negatives;
    private readonly InMemoryImages _positives;

    private Feedback(InMemoryImages negatives, InMemoryImages positives, double cleanBelow, IReadOnlyDictionary<string, long> negativesByFeature, int samples, IReadOnlyList<double>? retainedShares)
    {
        CleanBelow = cleanBelow;
        RetainedShares = retainedShares;
        _negatives = negatives;
        _positives = positives;
        NegativesByFeature = negativesByFeature;
        Samples = samples;
    }

    /// <summary>Images that show an undesired feature.</summary>
    public IImageSource Negatives => _negatives;

    /// <summary>Images that are clean beyond doubt.</summary>
    public InMemoryImages Positives => _positives;

    /// <summary>Below which probability of every undesired class a sample was a positive: what was asked for, or more where that left too few.</summary>
    public double CleanBelow { get; }

    /// <summary>Negatives of each feature, by its name; where images were given, those.</summary>
    public IReadOnlyDictionary<string, long> NegativesByFeature { get; }

    /// <summary>All samples looked at; those neither negative nor positive were left out as doubtful. None where every kind of image was given.</summary>
    public int Samples { get; }

    /// <summary>For each class of the first annotator, its share of the samples that show nothing undesired, doubtful ones included: what should survive. Null where there were none.</summary>
    /// <remarks>Among the positives the undesired feature's neighbours are too rare, because more of their images are doubtful.</remarks>
    public IReadOnlyList<double>? RetainedShares { get; }

    /// <summary>Generates and sorts samples, for what was not given.</summary>
    /// <param name="generator">Whose samples.</param>
    /// <param name="annotation">Sorts them; what is clean to it is clean here.</param>
    /// <param name="given">Stand in for the samples of their kind, and are taken as they are; stay the caller's.</param>
    /// <param name="samples">How many to look at.</param>
    /// <param name="minimumNegatives">Fewest negatives of each violated feature that training can learn from.</param>
    /// <param name="minimumClean">Share of the samples that show nothing undesired, 0 to 1, that must be positives, doubtful or not: the least doubtful ones.</param>
    /// <param name="random">Where latents and noise come from.</param>
    /// <param name="device">Where the generator is.</param>
    /// <param name="cancel">Ends collection between two batches.</param>
    /// <exception cref="FeedbackException">Too few negatives of a feature, or no positives.</exception>
    public static Feedback Collect(
        ImageGenerator generator, Annotation annotation, GivenImages given, int samples, int minimumNegatives, double minimumClean, RandomStreams random, Device device, CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var negatives = new List<Tensor>();
        var retainedImages = new List<Tensor>();
        var retainedProbabilities = new List<Tensor>();
        var counts = new long[annotation.Features.Count];
        var retained = 0L;
        var retainedByClass = zeros(annotation.FirstClassifier.Classes.Count, int64, device);
        var sampledFeatures = Enumerable.Range(0, counts.Length).Where(feature => !given.Negatives.ContainsKey(annotation.Features[feature].Name)).ToList();
        if (sampledFeatures.Count == 0 && given.Positives is not null)
            samples = 0;
        for (var batch = 0; batch * BatchSize < samples; batch++)
        {
            cancel.ThrowIfCancellationRequested();
            using var batchScope = NewDisposeScope();
            using var source = random.At("feedback", batch);
            var images = LatentDraw.Sample(generator, Math.Min(BatchSize, samples - batch * BatchSize), source, device).Images(generator);
            var labels = annotation.Label(images);
            foreach (var feature in sampledFeatures)
                counts[feature] += labels.Shows[feature].sum().item<long>();
            if (sampledFeatures.Count > 0)
                negatives.Add(images[labels.ShowsAnyOf(sampledFeatures)].MoveToOuterDisposeScope());
            if (given.Positives is null)
            {
                var isRetained = labels.ShowsAny.logical_not();
                retainedImages.Add(images[isRetained].MoveToOuterDisposeScope());
                retainedProbabilities.Add(labels.UndesiredProbability[isRetained].MoveToOuterDisposeScope());
                retained += retainedImages[^1].shape[0];
                retainedByClass.add_(labels.Classes[isRetained].sum([0]));
            }
        }

        foreach (var (name, images) in given.Negatives)
        {
            counts[annotation.Features.Select(feature => feature.Name).ToList().IndexOf(name)] = images.shape[0];
            negatives.Add(images);
        }

        var byFeature = annotation.Features.Select((feature, number) => (feature.Name, Count: counts[number])).ToDictionary(pair => pair.Name, pair => pair.Count);
        var tooFew = byFeature.Where(pair => pair.Value < minimumNegatives && annotation.Features.Single(feature => feature.Name == pair.Key).Violated).ToList();
        if (tooFew.Count > 0)
            throw new FeedbackException(string.Join("; ", tooFew.Select(pair => DescribeTooFew(pair.Key, pair.Value))));
        var cleanBelow = given.Positives is null ? Math.Max(annotation.CleanBelow, FindBound(minimumClean, cat(retainedProbabilities))) : annotation.CleanBelow;
        var clean = given.Positives?.clone() ?? cat([.. retainedImages.Zip(retainedProbabilities, (images, doubt) => images[doubt.lt(cleanBelow)])]);
        if (clean.shape[0] == 0)
            throw new FeedbackException($"none of {samples} samples is clean: the annotator sees an undesired feature with probability of at least unlearning.cleanBelow in every one");

        return new Feedback(new InMemoryImages(cat(negatives).DetachFromDisposeScope()), new InMemoryImages(clean.DetachFromDisposeScope()), cleanBelow, byFeature, samples,
            retained == 0 ? null : [.. retainedByClass.cpu().data<long>().Select(images => images / (double)retained)]);

        string DescribeTooFew(string name, long count) => given.Negatives.ContainsKey(name)
            ? string.Create(CultureInfo.InvariantCulture,
                $"the folder of '{name}' holds {count} images, and at least {minimumNegatives} are needed to learn from; give more (lower unlearning.minimumNegatives only if you know that so few will do)")
            : string.Create(CultureInfo.InvariantCulture,
                $"the annotator found '{name}' in {count} of {samples} samples, and at least {minimumNegatives} are needed to learn from; raise unlearning.feedbackSamples, or judge the generator as it is with --no-train (lower unlearning.minimumNegatives only if you know that so few will do)");
    }

    // The least bound below which a share of the doubts lie, ties included.
    private static double FindBound(double share, Tensor doubts)
    {
        var needed = (int)Math.Ceiling(share * doubts.shape[0]);
        return needed == 0 ? 0 : Math.Min(1, MathF.BitIncrement(doubts.sort().Values[needed - 1].item<float>()));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _negatives.Dispose();
        _positives.Dispose();
    }
}
