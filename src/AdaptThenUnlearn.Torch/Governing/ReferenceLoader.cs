using System.Globalization;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>
/// Loads what generated images are compared with: a statistics file, a folder of images, or the original generator's own images.
/// </summary>
/// <param name="policy">Names the reference.</param>
/// <param name="inputs">Opens the files; notes what a reader should know of them.</param>
/// <param name="classifiers">Of the policy; stay the caller's.</param>
/// <param name="original">Is the reference where the policy says so; stays the caller's.</param>
/// <param name="progress">Receives how many images have been looked at, where images are looked at.</param>
/// <param name="cancel">Ends loading between two batches of images.</param>
internal sealed class ReferenceLoader(
    UnlearningPolicy policy,
    InputFiles inputs,
    PolicyClassifiers classifiers,
    LoadedGenerator original,
    IProgress<StageProgress> progress,
    CancellationToken cancel)
{
    /// <summary>Loads the reference.</summary>
    /// <param name="evaluation">Draws the original's images, with a separate random stream.</param>
    /// <returns>Null where the policy asks for no image quality; otherwise belongs to the caller.</returns>
    /// <exception cref="CheckpointException">The reference cannot be read.</exception>
    /// <exception cref="PolicyMismatchException">The reference does not fit the policy.</exception>
    public QualityReference? Load(EvaluationImages evaluation)
    {
        if (policy.Quality is not { } quality || classifiers.Extractor is not { } extractor)
            return null;

        if (quality.WhyTooFewImages(extractor.Extractor.FeatureSize, policy.Evaluation) is { } few)
            inputs.AddRemark("quality", few, isWarning: true);

        using var scope = NewDisposeScope();
        return quality.Reference == QualityReading.OriginalGenerator
            ? FromOriginal(evaluation, extractor)
            : FromFile(inputs.Resolve(quality.Reference), extractor);
    }

    private QualityReference FromOriginal(EvaluationImages evaluation, LoadedExtractor extractor)
    {
        var count = policy.Evaluation.Samples;
        var images = evaluation.ForReference();
        var batches = EvaluationImages.EnumerateBatches(count).Select(batch => images.Draw(original.Generator, batch));
        return FromImages(batches, count, QualityReading.OriginalReference(original.Sha256), extractor);
    }

    private QualityReference FromFile(string path, LoadedExtractor extractor)
    {
        var digest = inputs.Opened.Digest(path, cancel) ?? throw new CheckpointException(
            path, "is missing or cannot be read",
            "quality.reference names a statistics file (see `atu reference`), a folder of images, or original-generator");
        if (Directory.Exists(path))
            return FromFolder(path, digest, extractor);

        IReadOnlyList<string> undesired = [.. policy.UndesiredFeatures.Select(feature => feature.Class).Distinct()];
        if (FeatureMoments.IsFile(path))
            return QualityReference
                .Create(FeatureMoments.Read(path, inputs.Opened.File(path, cancel)), digest, undesired, extractor);

        using var statistics = ReferenceStatistics.Load(inputs.Opened.Checkpoint(path));
        return QualityReference.Create(statistics, digest, undesired, extractor);
    }

    private QualityReference FromFolder(string path, string digest, LoadedExtractor extractor)
    {
        var pictures = PictureFolder.List(path);
        inputs.AddRemark(InputRoles.Reference, pictures.Summary);
        RequireGeneratorSize(ImageFolder.SizeOf(pictures.Files));
        var batches = ImageFolder.Batches(
            pictures.Files, original.Generator.Shape.Channels, EvaluationImages.BatchSize, inputs.Opened.Folder(path, cancel));
        return FromImages(batches, pictures.Files.Count, digest, extractor);
    }

    private QualityReference FromImages(IEnumerable<Tensor> batches, int count, string name, LoadedExtractor extractor) =>
        QualityReference.Create(
            WithProgress(batches, count), name, extractor.Extractor, QualityReference.ExclusionRules(policy, classifiers));

    private IEnumerable<Tensor> WithProgress(IEnumerable<Tensor> batches, int count)
    {
        var seen = 0;
        foreach (var batch in batches)
        {
            cancel.ThrowIfCancellationRequested();
            seen += (int)batch.shape[0];
            progress.Report(new StageProgress("looking at the reference", seen, count, Losses: null));
            yield return batch;
        }
    }

    // The size of the first image is enough: reading the folder refuses an image of another size.
    private void RequireGeneratorSize((int Width, int Height) size)
    {
        var generated = original.Generator.Shape;
        if (size.Width != generated.Resolution || size.Height != generated.Resolution)
            throw new PolicyMismatchException("$.quality.reference", string.Create(
                CultureInfo.InvariantCulture,
                $"the folder's images are {size.Width}×{size.Height} pixels, the generator makes {generated}, "
                    + $"and the classifiers look at both"));
    }
}
