using System.Globalization;
using System.Text.Json;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>
/// Loads and saves classifiers as safetensors whose metadata says what they are, and loads others that are known by their
/// weights.
/// </summary>
public static class ClassifierCheckpoint
{
    /// <summary>The <c>kind</c> in its metadata.</summary>
    public const string Kind = "classifier";

    private const string OutputsKey = "outputs";
    private const string ClassesKey = "classes";
    private const string HeldOutKey = "heldOut";

    // In a section of its own, because it is no weight of the network.
    private const string ScoresName = "heldOut/scores";

    /// <summary>Loads a classifier.</summary>
    /// <param name="path">The checkpoint.</param>
    /// <param name="sha256">Pin, or null.</param>
    /// <param name="classes">Names of its outputs where the policy gives them, or null.</param>
    /// <param name="device">Where it goes.</param>
    /// <param name="outputs">One of <see cref="OutputKinds"/> where the policy says so, or null.</param>
    /// <param name="format">A format's name, or <c>auto</c>; a program that is named is run.</param>
    /// <param name="images">What the generator makes: a program does not say what it takes.</param>
    /// <param name="preprocessor">Prepares these images; null where the classifier takes them as they are.</param>
    /// <param name="architecture">
    /// One of <see cref="TorchvisionClassifiers.Names"/> where the policy says so; then it needs classes and images too. Null
    /// otherwise.
    /// </param>
    /// <param name="output">The output of an ONNX graph where the policy names one; null otherwise.</param>
    /// <returns>In eval mode, with its digest; belongs to the caller.</returns>
    /// <exception cref="CheckpointException">
    /// The file is missing, damaged or not the pinned one, or is not a classifier that this version knows.
    /// </exception>
    public static LoadedClassifier Load(
        string path,
        string? sha256,
        IReadOnlyList<string>? classes,
        Device device,
        string? outputs = null,
        string format = CheckpointFormats.Auto,
        ImageShape? images = null,
        Preprocessor? preprocessor = null,
        string? architecture = null,
        string? output = null) =>
        Load(CheckpointFile.Open(path), sha256, classes, device, outputs, format, images, preprocessor, architecture, output);

    /// <summary>Loads a classifier.</summary>
    /// <param name="opened">As it was hashed.</param>
    /// <param name="sha256">Pin, or null.</param>
    /// <param name="classes">Names of its outputs where the policy gives them, or null.</param>
    /// <param name="device">Where it goes.</param>
    /// <param name="outputs">One of <see cref="OutputKinds"/> where the policy says so, or null.</param>
    /// <param name="format">A format's name, or <c>auto</c>; a program that is named is run.</param>
    /// <param name="images">What the generator makes: a program does not say what it takes.</param>
    /// <param name="preprocessor">Prepares these images; null where the classifier takes them as they are.</param>
    /// <param name="architecture">
    /// One of <see cref="TorchvisionClassifiers.Names"/> where the policy says so; then it needs classes and images too. Null
    /// otherwise.
    /// </param>
    /// <param name="output">The output of an ONNX graph where the policy names one; null otherwise.</param>
    /// <returns>In eval mode, with its digest; belongs to the caller.</returns>
    /// <exception cref="CheckpointException">
    /// The file is damaged or not the pinned one, or is not a classifier that this version knows.
    /// </exception>
    public static LoadedClassifier Load(
        CheckpointFile opened,
        string? sha256,
        IReadOnlyList<string>? classes,
        Device device,
        string? outputs = null,
        string format = CheckpointFormats.Auto,
        ImageShape? images = null,
        Preprocessor? preprocessor = null,
        string? architecture = null,
        string? output = null)
    {
        var path = opened.Path;
        var digest = CheckpointDigest.RequirePinned(opened, sha256);
        if (format == TorchScriptFormat.FormatName && classes is not null && images is not null)
            return new LoadedClassifier(
                ScriptedClassifier.Load(
                    opened, images, classes, ParseOutputs(outputs), preprocessor, ClassifierChoice.PositionOf(output), device),
                digest);

        if (format == OnnxFormat.FormatName && classes is not null && images is not null)
            return new LoadedClassifier(
                GraphClassifier.Load(opened, images, classes, ParseOutputs(outputs), preprocessor, output, device), digest);

        var file = CheckpointFormats.Read(opened, format);
        if (architecture is not null && classes is not null && images is not null)
            return new LoadedClassifier(
                TorchvisionClassifiers.Load(architecture, file, images, classes, ParseOutputs(outputs), preprocessor, device),
                digest);
        if (KnownClassifiers.Find(file) is { } known)
            return new LoadedClassifier(known.Load(file, classes, device), digest);
        if (file.Metadata.GetValueOrDefault("kind") != Kind)
            throw new CheckpointException(
                path,
                "is not a classifier of this tool (its metadata has no kind=classifier)",
                "make one with `atu train-classifier`; say in the policy which \"architecture\" of torchvision it is; or export "
                    + "your own as TorchScript, with \"format\": \"torchscript\" (docs/features.md has examples)");

        try
        {
            var shape = new ImageShape(
                int.Parse(file.Metadata["channels"], CultureInfo.InvariantCulture),
                int.Parse(file.Metadata["resolution"], CultureInfo.InvariantCulture));
            var stored = JsonSerializer.Deserialize<string[]>(file.Metadata[ClassesKey]) ?? [];
            if (classes is not null && classes.Count != stored.Length)
                throw new CheckpointException(
                    path,
                    $"has {stored.Length} classes, the policy names {classes.Count}",
                    $"the checkpoint's own are: {string.Join(", ", stored)}");

            var storedOutputs = file.Metadata.GetValueOrDefault(OutputsKey);
            if (outputs is not null && storedOutputs is not null && outputs != storedOutputs)
                throw new CheckpointException(
                    path,
                    $"has {storedOutputs} outputs, the policy says {outputs}",
                    "leave 'outputs' out of the policy: it is for checkpoints that do not say");

            var network = file.Metadata["architecture"] == FrozenFeaturesHead.Name
                ? FrozenFeaturesHead.Build(file, shape, classes ?? stored, ParseOutputs(outputs ?? storedOutputs))
                : ClassifierArchitectures
                    .Build(file.Metadata["architecture"], shape, classes ?? stored, ParseOutputs(outputs ?? storedOutputs));
            var heldOut = HeldOutIn(file);

            // Scores are of the outputs and classes that the checkpoint says; where the policy says others, they are of no use.
            if (network.Outputs != ParseOutputs(storedOutputs) || !network.Classes.SequenceEqual(stored))
                heldOut = heldOut is null ? null : new HeldOutCounts(heldOut.ByClass, heldOut.LabelsSha256);
            return new LoadedClassifier(GeneratorCheckpoint.LoadStateDict(network, file, device), digest, heldOut);
        }
        catch (Exception unreadable)
            when (unreadable is KeyNotFoundException or FormatException or JsonException or ArgumentException)
        {
            throw new CheckpointException(
                path,
                $"does not say what classifier it is: {unreadable.Message}",
                "make it again with `atu train-classifier`",
                cause: unreadable);
        }
    }

    /// <summary>
    /// Length of a classifier's feature vectors, by the weights of its last layer; null where the file has none of a known name.
    /// </summary>
    /// <param name="file">Its tensors are not loaded.</param>
    public static int? FeatureSize(TensorFile file) =>
        (file.Find("output.weight") ?? file.Find("fc.f7.weight")) is { Shape: [_, var features] } ? (int)features : null;

    /// <summary>Saves a classifier; the same weights give the same bytes.</summary>
    /// <param name="path">Replaced all at once.</param>
    /// <param name="classifier">Stays the caller's.</param>
    /// <param name="heldOut">Counts on images that it was not trained on; null where there are none.</param>
    /// <exception cref="FileNotWrittenException">The file cannot be written.</exception>
    public static void Save(string path, FeatureClassifier classifier, HeldOutCounts? heldOut = null)
    {
        var metadata = new Dictionary<string, string>
        {
            ["kind"] = Kind,
            ["architecture"] = classifier.Architecture,
            ["channels"] = classifier.Shape.Channels.ToString(CultureInfo.InvariantCulture),
            ["resolution"] = classifier.Shape.Resolution.ToString(CultureInfo.InvariantCulture),
            [ClassesKey] = JsonSerializer.Serialize(classifier.Classes),
        };
        foreach (var (key, text) in classifier.Settings)
            metadata[key] = text;
        if (classifier.Outputs is ClassifierOutputs.Sigmoid)
            // files without the key have softmax outputs: older versions had no other
            metadata[OutputsKey] = OutputKinds.Sigmoid;
        if (heldOut is not null)
            metadata[HeldOutKey] = heldOut.ToText();
        using var scope = NewDisposeScope();
        IEnumerable<KeyValuePair<string, Tensor>> tensors = classifier.state_dict();
        if (heldOut is { Scores.Count: > 0 })
            tensors = tensors.Append(KeyValuePair.Create(
                ScoresName, ScoreRows.Write([.. classifier.Classes.Select(name => heldOut.Scores[name])])));
        SafetensorsFile.Write(path, tensors, metadata);
    }

    /// <summary>
    /// Counts on images that the classifier was not trained on, from a checkpoint's metadata; null where these have none.
    /// </summary>
    /// <param name="metadata">The file's metadata.</param>
    /// <exception cref="FormatException">The counts are damaged.</exception>
    public static HeldOutCounts? HeldOutIn(IReadOnlyDictionary<string, string> metadata) =>
        metadata.TryGetValue(HeldOutKey, out var text) ? HeldOutCounts.Parse(text) : null;

    /// <summary>
    /// Counts on images that the classifier was not trained on, with its scores where the checkpoint keeps them; null where it
    /// has no counts.
    /// </summary>
    /// <param name="file">The checkpoint.</param>
    /// <exception cref="FormatException">The counts or the scores are damaged.</exception>
    /// <exception cref="CheckpointException">The file is missing or has changed.</exception>
    public static HeldOutCounts? HeldOutIn(TensorFile file)
    {
        var counts = HeldOutIn(file.Metadata);
        if (counts is null || file.Find(ScoresName) is not { } stored)
            return counts;

        using var scope = NewDisposeScope();
        var names = JsonSerializer.Deserialize<string[]>(file.Metadata[ClassesKey]) ?? [];
        if (names.FirstOrDefault(name => !counts.ByClass.ContainsKey(name)) is { } uncounted)
            throw new FormatException($"it has held-out scores, and no held-out counts of the class '{uncounted}'");
        var scores = ScoreRows.Read(
            stored.Load(), [.. names.Select(name => (name, counts.ByClass[name].With, counts.ByClass[name].Without))]);
        return counts with { Scores = names.Zip(scores).ToDictionary(pair => pair.First, pair => pair.Second) };
    }

    /// <summary>The name of a kind of outputs, one of <see cref="OutputKinds"/>.</summary>
    internal static string NameOf(ClassifierOutputs outputs) => outputs switch
    {
        ClassifierOutputs.Sigmoid => OutputKinds.Sigmoid,
        ClassifierOutputs.Probabilities => OutputKinds.Probabilities,
        ClassifierOutputs.IndependentProbabilities => OutputKinds.IndependentProbabilities,
        _ => OutputKinds.Softmax,
    };

    /// <summary>A kind of outputs by its name; softmax where there is none.</summary>
    /// <exception cref="FormatException">There is no such kind.</exception>
    internal static ClassifierOutputs ParseOutputs(string? outputs) => outputs switch
    {
        OutputKinds.Sigmoid => ClassifierOutputs.Sigmoid,
        OutputKinds.Softmax or null => ClassifierOutputs.Softmax,
        OutputKinds.Probabilities => ClassifierOutputs.Probabilities,
        OutputKinds.IndependentProbabilities => ClassifierOutputs.IndependentProbabilities,
        _ => throw new FormatException($"'{outputs}' is not a kind of outputs; use one of: {string.Join(", ", OutputKinds.All)}"),
    };
}

/// <summary>A classifier from a checkpoint.</summary>
/// <param name="Classifier">In eval mode; owned by this.</param>
/// <param name="Sha256">Digest of the checkpoint.</param>
/// <param name="HeldOut">Counts on images that it was not trained on; null where the checkpoint does not say.</param>
public sealed record LoadedClassifier(FeatureClassifier Classifier, string Sha256, HeldOutCounts? HeldOut = null) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => Classifier.Dispose();
}
