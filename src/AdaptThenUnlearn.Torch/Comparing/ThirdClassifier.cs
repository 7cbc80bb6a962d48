using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Threading;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Comparing;

/// <summary>
/// A classifier that is used for nothing but to count again what the auditor counted: it labels no feedback, chooses no candidate
/// and judges nothing.
/// </summary>
public sealed class ThirdClassifier : IDisposable
{
    private readonly LoadedClassifier _loaded;

    private ThirdClassifier(string path, LoadedClassifier loaded) => (Path, _loaded) = (path, loaded);

    /// <summary>Path of its checkpoint.</summary>
    public string Path { get; }

    /// <summary>SHA-256 of its checkpoint.</summary>
    public string Sha256 => _loaded.Sha256;

    /// <summary>Loads a classifier whose file says what it is, such as one of <c>atu train-classifier</c>.</summary>
    /// <param name="path">Its checkpoint.</param>
    /// <param name="device">Where it goes.</param>
    /// <returns>Belongs to the caller.</returns>
    /// <exception cref="CheckpointException">The file is missing or damaged, or is no classifier of this tool.</exception>
    public static ThirdClassifier Load(string path, Device device) =>
        new(path, ClassifierCheckpoint.Load(path, sha256: null, classes: null, device));

    /// <summary>Why it cannot count for some runs; null where it can.</summary>
    /// <param name="images">What the generators make; null where nothing will be counted.</param>
    /// <param name="classes">The classes to count.</param>
    /// <param name="others">The files that the runs read, by role.</param>
    public string? WhyUnfit(
        ImageShape? images, IEnumerable<string> classes, IEnumerable<(string Role, string Sha256)> others)
    {
        var classifier = _loaded.Classifier;
        if (others.FirstOrDefault(other => other.Sha256 == Sha256) is { Role: { } role })
            return $"is the file of the {role}: a third classifier must be none that labels or judges in these runs";
        if (images is not null && classifier.Shape != images)
            return $"takes {classifier.Shape} images, and the generator makes {images}";
        return classes.FirstOrDefault(name => !classifier.Classes.Contains(name)) is { } unknown
            ? $"has no class '{unknown}'; its classes are: {string.Join(", ", classifier.Classes)}"
            : null;
    }

    /// <summary>Counts the class in a generator's evaluation images, which every measurement looks at.</summary>
    /// <param name="generator">In eval mode; stays the caller's.</param>
    /// <param name="request">Names the class and the number of images.</param>
    /// <param name="device">Where the networks are.</param>
    /// <param name="cancel">Ends counting between two batches.</param>
    internal long Count(ImageGenerator generator, ComparisonRequest request, Device device, CancellationToken cancel)
    {
        var (policy, rule) = (request.Policy, RuleFor(request));
        var images = EvaluationImages.FromOptions(policy.Evaluation, device);
        using var workers = WorkerThreads.For(device, policy.ProgramRoles().Count > 0);
        var hits = 0L;
        foreach (var found in workers.InOrder(
            EvaluationImages.EnumerateBatches(policy.Evaluation.Samples),
            batch => CountIn(() => images.Draw(generator, batch), rule),
            release: _ => { }))
        {
            cancel.ThrowIfCancellationRequested();
            hits += found;
        }

        return hits;
    }

    /// <summary>Counts the class in as many of a generator's clean images.</summary>
    /// <param name="clean">The clean images.</param>
    /// <param name="request">Names the class and the number of images.</param>
    /// <param name="cancel">Ends counting between two batches.</param>
    /// <exception cref="TooFewCleanException">Hardly any image is clean.</exception>
    internal long Count(CleanImages clean, ComparisonRequest request, CancellationToken cancel)
    {
        var rule = RuleFor(request);
        return EvaluationImages.EnumerateBatches(request.Policy.Evaluation.Samples)
            .Sum(batch => CountIn(() => clean.Take(batch.Size, cancel), rule));
    }

    /// <inheritdoc/>
    public void Dispose() => _loaded.Dispose();

    // The threshold of a feature is that of another classifier.
    private FeatureRule RuleFor(ComparisonRequest request) => new(_loaded.Classifier, request.Key.Class, Threshold: null);

    private static long CountIn(Func<Tensor> draw, FeatureRule rule)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        return new SeenImages(draw()).Show(rule).sum().item<long>();
    }
}
