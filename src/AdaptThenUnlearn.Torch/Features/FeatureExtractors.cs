using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>
/// Loads the extractors that come as a file of weights; classifiers are loaded by <see cref="ClassifierCheckpoint"/>.
/// </summary>
public static class FeatureExtractors
{
    /// <summary>Loads an extractor.</summary>
    /// <param name="kind">The kind that the policy names.</param>
    /// <param name="path">Its file; nothing is downloaded.</param>
    /// <param name="sha256">Pin, or null.</param>
    /// <param name="device">Device of the extractor.</param>
    /// <param name="images">The images it will be given; null where the caller does not know.</param>
    /// <param name="open">Opens a file that was hashed before; null hashes it now.</param>
    /// <param name="use">What a program gets, and what of its output is taken; null where nothing is said.</param>
    /// <returns>In eval mode; belongs to the caller.</returns>
    /// <exception cref="CheckpointException">
    /// The file is missing, damaged, not the pinned one, or not what the kind needs; the message says what that is.
    /// </exception>
    /// <exception cref="ArgumentException">The kind cannot be used so, or its preprocessing does not fit the images.</exception>
    public static LoadedExtractor Load(
        WeightsExtractor kind,
        string path,
        string? sha256,
        Device device,
        ImageShape? images = null,
        Func<string, CheckpointFile>? open = null,
        ExtractorUse? use = null)
    {
        var used = use ?? new ExtractorUse();
        if (ExtractorUse.Properties.Select(property => (property, kind.FindMisuse(used, property)))
            .FirstOrDefault(found => found.Item2 is not null) is (var wrong, { } why))
            throw new ArgumentException($"'{wrong}' {why}");

        var input = ExtractorInput.Create(used.Preprocessing, images);
        if (!Path.Exists(path))
            throw new CheckpointException(
                path, "there is no such file, and nothing is downloaded", $"'{kind.Name}' wants {kind.FileDescription}");

        var file = open is null ? CheckpointFile.Open(path) : open(path);
        var digest = CheckpointDigest.RequirePinned(file, sha256);
        return kind == WeightsExtractor.InceptionV3
            ? Loaded(InceptionExtractor.Load(file, device))
            : kind == WeightsExtractor.Onnx
            ? Loaded(GraphExtractor.Load(file, device, input, used))
            : Loaded(ScriptedExtractor.Load(
                file, kind == WeightsExtractor.InceptionV3TorchScript, device, input, used.Tokens));

        LoadedExtractor Loaded<T>(T extractor) where T : IFeatureExtractor, IDisposable =>
            new(extractor, kind.MetricName(digest), digest, Owned: extractor) { Use = used };
    }
}
