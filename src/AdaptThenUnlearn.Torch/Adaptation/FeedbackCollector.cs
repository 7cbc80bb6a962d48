using System.Globalization;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Threading;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Adaptation;

/// <summary>
/// Collects the images that training learns from: samples the generator, sorts the samples, and adds the images that the policy
/// gives.
/// </summary>
public sealed class FeedbackCollector
{
    private const int BatchSize = 100;

    private readonly ImageGenerator _generator;
    private readonly Annotation _annotation;
    private readonly GivenImages _given;
    private readonly UnlearningOptions _options;
    private readonly Device _device;

    private readonly int[] _sampledFeatures;   // positions of the features whose negatives are the generator's own samples
    private readonly int _samples;

    private readonly List<Tensor> _negatives = [];                // each [n, C, H, W]
    private readonly long[] _negativesByFeature;
    private readonly List<Tensor> _retainedImages = [];           // each [n, C, H, W]: samples that show no undesired feature
    private readonly List<Tensor> _undesiredProbabilities = [];   // each [n]: of these samples' likeliest undesired class
    private long _retained;

    private FeedbackCollector(
        ImageGenerator generator, Annotation annotation, GivenImages given, UnlearningOptions options, Device device)
    {
        (_generator, _annotation, _given, _options, _device) = (generator, annotation, given, options, device);
        _negativesByFeature = new long[annotation.Features.Count];
        _sampledFeatures = [.. annotation.Features.Index()
            .Where(feature => !given.Negatives.ContainsKey(feature.Item.Name))
            .Select(feature => feature.Index)];

        var allIsGiven = _sampledFeatures.Length == 0 && given.Positives is not null;
        _samples = allIsGiven ? 0 : options.FeedbackSamples;
    }

    /// <summary>Generates and sorts samples for every kind of image that the policy does not give.</summary>
    /// <param name="generator">Makes the samples.</param>
    /// <param name="annotation">Sorts the samples, with its own bound for clean ones.</param>
    /// <param name="given">Images that replace the samples of their kind, and are not sorted; stay the caller's.</param>
    /// <param name="options">
    /// From the policy: the number of samples, the fewest negatives, the smallest share of positives, the seed.
    /// </param>
    /// <param name="device">Where the generator is.</param>
    /// <param name="cancel">Ends collection between two batches.</param>
    /// <returns>Belongs to the caller.</returns>
    /// <exception cref="FeedbackException">A violated feature has too few negatives, or there are no positives.</exception>
    public static Feedback Collect(
        ImageGenerator generator,
        Annotation annotation,
        GivenImages given,
        UnlearningOptions options,
        Device device,
        CancellationToken cancel) =>
        new FeedbackCollector(generator, annotation, given, options, device).Collect(cancel);

    private Feedback Collect(CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();

        var retainedByClass = SortSamples(cancel);
        AddGivenNegatives();
        RequireEnoughNegatives();
        var cleanBelow = RaiseCleanBound();
        var positives = SelectPositives(cleanBelow);

        return new Feedback(
            new InMemoryImages(cat(_negatives).DetachFromDisposeScope()), new InMemoryImages(positives.DetachFromDisposeScope()))
        {
            CleanBelow = cleanBelow,
            NegativesByFeature = _annotation.Features.Index()
                .ToDictionary(feature => feature.Item.Name, feature => _negativesByFeature[feature.Index]),
            Samples = _samples,
            RetainedShares = _retained == 0
                ? null
                : [.. retainedByClass.cpu().data<long>().Select(images => images / (double)_retained)],
        };
    }

    // Returns how many retained samples show each class of the first annotator: [K], int64.
    private Tensor SortSamples(CancellationToken cancel)
    {
        var random = new RandomStreams(_options.Seed, "feedback");
        var retainedByClass = zeros(_annotation.FirstClassifier.Classes.Count, int64, _device);
        var batches = Enumerable.Range(0, (_samples + BatchSize - 1) / BatchSize);

        using var workers = WorkerThreads.For(_device, _generator is IProbedProgram || _annotation.RunsProgram);
        foreach (var (images, labels) in workers.InOrder(batches, batch => SampleBatch(random, batch), Release))
        {
            using var batchScope = NewDisposeScope();
            batchScope.Attach([images, .. labels.Tensors]);
            cancel.ThrowIfCancellationRequested();
            KeepNegatives(images, labels);
            if (_given.Positives is null)
                KeepRetained(images, labels, retainedByClass);
        }

        return retainedByClass;

        static void Release((Tensor Images, ImageLabels Labels) sampled)
        {
            sampled.Images.Dispose();
            foreach (var tensor in sampled.Labels.Tensors)
                tensor.Dispose();
        }
    }

    // Detached from the scope of the thread that made them.
    private (Tensor Images, ImageLabels Labels) SampleBatch(RandomStreams random, int batch)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var source = random.At("feedback", batch);
        var count = Math.Min(BatchSize, _samples - batch * BatchSize);
        var images = LatentDraw.Sample(_generator, count, source, _device).Images(_generator);
        var labels = _annotation.Label(images);
        foreach (var tensor in labels.Tensors)
            tensor.DetachFromDisposeScope();
        return (images.DetachFromDisposeScope(), labels);
    }

    private void KeepNegatives(Tensor images, ImageLabels labels)
    {
        foreach (var feature in _sampledFeatures)
            _negativesByFeature[feature] += labels.Shows[feature].sum().item<long>();
        if (_sampledFeatures.Length > 0)
            _negatives.Add(images[labels.ShowsAnyOf(_sampledFeatures)].MoveToOuterDisposeScope());
    }

    private void KeepRetained(Tensor images, ImageLabels labels, Tensor retainedByClass)
    {
        var isRetained = labels.ShowsAny.logical_not();   // [n], bool
        _retainedImages.Add(images[isRetained].MoveToOuterDisposeScope());
        _undesiredProbabilities.Add(labels.UndesiredProbability[isRetained].MoveToOuterDisposeScope());
        _retained += _retainedImages[^1].shape[0];
        retainedByClass.add_(labels.Classes[isRetained].sum([0]));
    }

    private void AddGivenNegatives()
    {
        var names = _annotation.Features.Select(feature => feature.Name).ToList();
        foreach (var (name, images) in _given.Negatives)
        {
            _negativesByFeature[names.IndexOf(name)] = images.shape[0];
            _negatives.Add(images);
        }
    }

    private void RequireEnoughNegatives()
    {
        var problems = _annotation.Features.Index()
            .Where(feature => feature.Item.Violated && _negativesByFeature[feature.Index] < _options.MinimumNegatives)
            .Select(feature => DescribeTooFew(feature.Item.Name, _negativesByFeature[feature.Index]))
            .ToList();
        if (problems.Count > 0)
            throw new FeedbackException(string.Join("; ", problems));
    }

    private string DescribeTooFew(string name, long count) => _given.Negatives.ContainsKey(name)
        ? string.Create(CultureInfo.InvariantCulture,
            $"the folder of '{name}' holds {count} images, and at least {_options.MinimumNegatives} are needed to learn from; "
                + $"give more (lower unlearning.minimumNegatives only if you know that so few will do)")
        : string.Create(CultureInfo.InvariantCulture,
            $"the annotator found '{name}' in {count} of {_samples} samples, and at least {_options.MinimumNegatives} are "
                + $"needed to learn from; raise unlearning.feedbackSamples, or judge the generator as it is with --no-train "
                + $"(lower unlearning.minimumNegatives only if you know that so few will do)");

    // An annotator that is seldom sure leaves few samples below the policy's bound: the bound rises until the wanted share is
    // below it.
    private double RaiseCleanBound() => _given.Positives is null
        ? Math.Max(_annotation.CleanBelow, FindBound(_options.MinimumCleanOrDefault, cat(_undesiredProbabilities)))
        : _annotation.CleanBelow;

    // The smallest bound with the given share of the probabilities below it, equal ones included.
    private static double FindBound(double share, Tensor probabilities)
    {
        var needed = (int)Math.Ceiling(share * probabilities.shape[0]);
        return needed == 0 ? 0 : Math.Min(1, MathF.BitIncrement(probabilities.sort().Values[needed - 1].item<float>()));
    }

    private Tensor SelectPositives(double cleanBelow)
    {
        var positives = _given.Positives?.clone()
            ?? cat([
                .. _retainedImages.Zip(
                    _undesiredProbabilities,
                    (images, probabilities) => images[probabilities.lt(Scalars.Of(cleanBelow))])
            ]);
        return positives.shape[0] > 0
            ? positives
            : throw new FeedbackException(
                $"none of {_samples} samples is clean: the annotator sees an undesired feature with probability of at least "
                    + "unlearning.cleanBelow in every one");
    }
}
