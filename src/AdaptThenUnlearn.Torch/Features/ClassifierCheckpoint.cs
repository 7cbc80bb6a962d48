using System.Globalization;
using System.Text.Json;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>Loads and saves classifiers as safetensors whose metadata says what they are, and loads others that are known by their weights.</summary>
public static class ClassifierCheckpoint
{
    private const string Kind = "classifier";

    /// <summary>Loads a classifier.</summary>
    /// <param name="path">The checkpoint.</param>
    /// <param name="sha256">Pin, or null.</param>
    /// <param name="classes">Names of its outputs where the policy gives them, or null.</param>
    /// <param name="device">Where it goes.</param>
    /// <returns>In eval mode, with its digest; belongs to the caller.</returns>
    /// <exception cref="CheckpointException">The file is missing, damaged, not pinned so, or no classifier that this version knows.</exception>
    public static LoadedClassifier Load(string path, string? sha256, IReadOnlyList<string>? classes, Device device)
    {
        var digest = sha256 is null ? CheckpointDigest.Of(path) : CheckpointDigest.Check(path, sha256);
        var file = CheckpointFormats.Read(path);
        if (KnownClassifiers.Find(file) is { } known)
            return new LoadedClassifier(known.Load(file, classes, device), digest);
        if (file.Metadata.GetValueOrDefault("kind") != Kind)
            throw new CheckpointException(path, "is not a classifier of this tool (its metadata has no kind=classifier)", "make one with `atu train-classifier`");

        try
        {
            var shape = new ImageShape(int.Parse(file.Metadata["channels"], CultureInfo.InvariantCulture), int.Parse(file.Metadata["resolution"], CultureInfo.InvariantCulture));
            var stored = JsonSerializer.Deserialize<string[]>(file.Metadata["classes"]) ?? [];
            if (classes is not null && classes.Count != stored.Length)
                throw new CheckpointException(path, $"has {stored.Length} classes, the policy names {classes.Count}", $"the checkpoint's own are: {string.Join(", ", stored)}");

            var network = ClassifierArchitectures.Build(file.Metadata["architecture"], shape, classes ?? stored);
            return new LoadedClassifier(GeneratorCheckpoint.Filled(network, file, device), digest);
        }
        catch (Exception unreadable) when (unreadable is KeyNotFoundException or FormatException or JsonException or ArgumentException)
        {
            throw new CheckpointException(path, $"does not say what classifier it is: {unreadable.Message}", "make it anew with `atu train-classifier`", cause: unreadable);
        }
    }

    /// <summary>Saves a classifier; the same weights give the same bytes.</summary>
    /// <param name="path">Replaced all at once.</param>
    /// <param name="classifier">Stays the caller's.</param>
    /// <exception cref="FileNotWrittenException">The file cannot be written.</exception>
    public static void Save(string path, FeatureClassifier classifier) => SafetensorsFile.Write(path, classifier.state_dict(), new Dictionary<string, string>
    {
        ["kind"] = Kind,
        ["architecture"] = classifier.Architecture,
        ["channels"] = classifier.Shape.Channels.ToString(CultureInfo.InvariantCulture),
        ["resolution"] = classifier.Shape.Resolution.ToString(CultureInfo.InvariantCulture),
        ["classes"] = JsonSerializer.Serialize(classifier.Classes),
    });
}

/// <summary>A classifier from a checkpoint.</summary>
/// <param name="Classifier">In eval mode; owned by this.</param>
/// <param name="Sha256">Of the checkpoint.</param>
public sealed record LoadedClassifier(FeatureClassifier Classifier, string Sha256) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => Classifier.Dispose();
}
