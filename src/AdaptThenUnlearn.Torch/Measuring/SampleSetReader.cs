using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>Reads sets of images, features or statistics, whatever form they are kept in.</summary>
/// <param name="extractor">Makes features from images; null where there are only features and statistics. Stays the
/// caller's.</param>
/// <param name="report">Called after each batch with what is read, the number of images seen so far, and the number of
/// all.</param>
/// <param name="cancel">Ends it between two batches.</param>
public sealed class SampleSetReader(LoadedExtractor? extractor, Action<string, long, long> report, CancellationToken cancel)
{
    private const int BatchSize = 100;
    private const string InStatistics = "images, in statistics";

    /// <summary>Reads a folder of images, an <c>.npy</c> array of images or features, or a statistics file.</summary>
    /// <returns>Belongs to the caller, its features to the caller's dispose scope.</returns>
    /// <exception cref="UnsuitableImagesException">There is no such file, its images do not fit the extractor, or there is no
    /// extractor for them.</exception>
    /// <exception cref="ImageFileException">A file is damaged.</exception>
    /// <exception cref="Checkpoints.Tensors.CheckpointException">The statistics are damaged.</exception>
    public SampleSet Read(string path)
    {
        if (Directory.Exists(path))
            return ReadFolder(path);
        if (Path.GetExtension(path).Equals(".npy", StringComparison.OrdinalIgnoreCase))
            return ReadArray(path);
        if (!File.Exists(path))
            throw new UnsuitableImagesException($"{path} is neither a folder nor a file");

        if (FeatureMoments.IsFile(path))
        {
            var moments = FeatureMoments.Read(path);
            return new SampleSet(path, InStatistics, moments, zeros(0, moments.FeatureSize))
            {
                ExtractorSha256 = moments.ExtractorSha256,
            };
        }

        using var statistics = ReferenceStatistics.Load(path);
        using var merged = statistics.MergeExcept([]);
        return new SampleSet(path, InStatistics, FeatureMoments.FromStatistics(merged), statistics.Samples([]))
        {
            ExtractorSha256 = statistics.ExtractorSha256,
        };
    }

    private SampleSet ReadFolder(string path)
    {
        var featureExtractor = RequireExtractor(path);
        var pictures = PictureFolder.List(path);
        if (featureExtractor.ExplainMismatch(ImageFolder.SizeOf(pictures.Files)) is { } mismatch)
            throw new UnsuitableImagesException($"{path}: {mismatch}");

        var batches = ImageFolder.Batches(pictures.Files, featureExtractor.InputShape?.Channels ?? 3, BatchSize);
        return FromImages(path, batches, pictures.Files.Count, featureExtractor) with { SkippedFiles = pictures.PassedOver };
    }

    private SampleSet ReadArray(string path)
    {
        var array = NumpyFile.Read(path);
        if (array.dim() == 2)
            return FromFeatures(path, "feature vectors", array);
        if (array.dim() != 4)
            throw new UnsuitableImagesException(
                $"{path}: an array of {array.dim()} dimensions is neither features [N, d] nor images [N, C, H, W]");

        var featureExtractor = RequireExtractor(path);
        var (images, doubt) = ImageArray.Parse(path, array);
        var set = FromImages(path, FeaturePass.Batches(images), images.shape[0], featureExtractor);
        return set with { Doubt = doubt is null ? null : $"{path}: {doubt}" };
    }

    private SampleSet FromImages(string path, IEnumerable<Tensor> batches, long count, IFeatureExtractor featureExtractor)
    {
        var features = FeaturePass.Features(featureExtractor, batches.Select(Checked), seen => report("features of " +
            $"{path}", seen, count), cancel);
        return FromFeatures(path, "images", features) with { ExtractorSha256 = extractor!.Sha256AsUsed };

        Tensor Checked(Tensor batch) =>
            featureExtractor.ExplainMismatch(batch) is { } mismatch ? throw new UnsuitableImagesException($"{path}: " +
                $"{mismatch}") : batch;
    }

    private static SampleSet FromFeatures(string path, string kind, Tensor features)
    {
        if (!features.is_floating_point())
            throw new UnsuitableImagesException($"{path}: features are floating-point numbers, and these are {features.dtype}");

        using var statistics = FeatureStatistics.FromFeatures(features);
        return new SampleSet(path, kind, FeatureMoments.FromStatistics(statistics), features);
    }

    private IFeatureExtractor RequireExtractor(string path) =>
        extractor?.Extractor ?? throw new UnsuitableImagesException($"{path} holds images; name what makes features from them " +
            "with --extractor");
}
