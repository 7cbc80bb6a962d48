using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>Loads the extractors that come as a file of weights; classifiers are loaded by <see cref="ClassifierCheckpoint"/>.</summary>
public static class FeatureExtractors
{
    /// <summary>Loads one.</summary>
    /// <param name="kind">Which.</param>
    /// <param name="path">Its file; never fetched from anywhere.</param>
    /// <param name="sha256">Pin, or null.</param>
    /// <param name="device">Where it goes.</param>
    /// <param name="resolution">Height and width of the images it will be given; null where the caller does not know.</param>
    /// <param name="open">Gives a file as it was hashed before; null hashes it now.</param>
    /// <returns>In eval mode; belongs to the caller.</returns>
    /// <exception cref="CheckpointException">The file is missing, damaged, not pinned so, or not what the kind wants; the message says what that is.</exception>
    public static LoadedExtractor Load(WeightsExtractor kind, string path, string? sha256, Device device, int? resolution = null, Func<string, CheckpointFile>? open = null)
    {
        if (!Path.Exists(path))
            throw new CheckpointException(path, "there is no such file, and nothing is downloaded", $"'{kind.Name}' wants {kind.FileDescription}");

        var file = open is null ? CheckpointFile.Open(path) : open(path);
        var digest = CheckpointDigest.RequirePinned(file, sha256);
        return kind == WeightsExtractor.InceptionV3
            ? Loaded(InceptionExtractor.Load(file, device))
            : Loaded(ScriptedExtractor.Load(file, inception: kind == WeightsExtractor.InceptionV3TorchScript, device, resolution));

        LoadedExtractor Loaded<T>(T extractor) where T : IFeatureExtractor, IDisposable => new(extractor, kind.MetricName(digest), digest, Owned: extractor);
    }
}
