using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Measuring;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Comparing;

/// <summary>The images of a generator that was retrained without a class, as the reference of the distance Ret-FD.</summary>
/// <remarks>Tiwary et al. 2025 (arXiv:2309.14054) call it Ret-FID where the features are Inception-v3's.</remarks>
public sealed class RetrainedReference : IDisposable
{
    private readonly EvaluationImages _images;
    private readonly QualityReference _reference;
    private readonly GeneratorEvaluator _evaluator;

    /// <summary>Draws the retrained generator's images, from latents that no measurement uses.</summary>
    /// <param name="policy">Names the extractor, the class and the number of images.</param>
    /// <param name="classifiers">Of the policy; stay the caller's.</param>
    /// <param name="retrained">Path of the retrained generator's checkpoint.</param>
    /// <param name="device">Where generators go.</param>
    /// <exception cref="CheckpointException">The checkpoint cannot be read.</exception>
    /// <exception cref="ArgumentException">
    /// The policy asks for no quality, so that there is no extractor to compare with.
    /// </exception>
    public RetrainedReference(UnlearningPolicy policy, PolicyClassifiers classifiers, string retrained, Device device)
    {
        if (policy.Quality is null)
            throw new ArgumentException("the policy measures no image quality, so there is no extractor to compare with");

        _images = EvaluationImages.FromOptions(policy.Evaluation, device);
        var referenceImages = _images.ForReference();
        using var scope = NewDisposeScope();
        using var loaded = Load(retrained);
        Sha256 = loaded.Sha256;
        var drawn = EvaluationImages
            .EnumerateBatches(policy.Evaluation.Samples)
            .Select(batch => referenceImages.Draw(loaded.Generator, batch));
        _reference = QualityReference.Create(
            drawn, $"retrained {Sha256}", classifiers.Extractor!.Extractor, QualityReference.ExclusionRules(policy, classifiers));
        _evaluator = new GeneratorEvaluator(policy, classifiers, _reference, _images);
    }

    /// <summary>Digest of the retrained generator's checkpoint.</summary>
    public string Sha256 { get; }

    /// <summary>
    /// Classifier Fréchet distance of a generator's retained images to the retrained generator's; null where it could not be
    /// measured.
    /// </summary>
    /// <param name="checkpoint">Path of the generator's checkpoint.</param>
    /// <param name="cancel">Ends the measurement between two batches.</param>
    /// <exception cref="CheckpointException">The checkpoint cannot be read.</exception>
    public double? MeasureDistance(string checkpoint, CancellationToken cancel)
    {
        using var loaded = Load(checkpoint);
        return _evaluator.Measure(loaded.Generator, loaded.Sha256, new Progress<long>(), cancel).Quality?.FrechetDistance;
    }

    /// <summary>The same distance of those of a generator's images that an annotator finds clean.</summary>
    /// <param name="clean">The clean images.</param>
    /// <param name="sha256">Digest of the generator's checkpoint.</param>
    /// <param name="cancel">Ends the measurement between two batches.</param>
    /// <exception cref="TooFewCleanException">Hardly any image is clean.</exception>
    internal double? MeasureDistance(CleanImages clean, string sha256, CancellationToken cancel) =>
        clean.Measure(_evaluator, sha256, new Progress<long>(), cancel).Quality?.FrechetDistance;

    private LoadedGenerator Load(string path) =>
        GeneratorCheckpoint.Load(path, "auto", sha256: null, discriminatorPath: null, _images.Device);

    /// <inheritdoc/>
    public void Dispose() => _reference.Dispose();
}
