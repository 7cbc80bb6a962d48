using System.CommandLine;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Features;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli;

/// <summary>Options about what turns images into features: a classifier, or an extractor with weights of its own.</summary>
public sealed class ExtractorOptions
{
    /// <summary>Its option, not required.</summary>
    public Option<string> Extractor { get; } = new("--extractor")
    {
        Description = $"What makes features of images: a classifier's checkpoint, or {string.Join(", ", WeightsExtractor.Names)} with --weights (the last two run the program in that file)",
        HelpName = "CHECKPOINT or name",
    };

    /// <summary>Its option.</summary>
    public Option<FileInfo> Weights { get; } = new("--weights") { Description = $"The file of such an extractor; nothing is downloaded. {WeightsExtractor.InceptionV3.Name}: {WeightsExtractor.InceptionV3.FileDescription}" };

    /// <summary>The kind of extractor that comes with weights, or null for a classifier or none.</summary>
    public WeightsExtractor? Kind(ParseResult parsed) => parsed.GetValue(Extractor) is { } name ? WeightsExtractor.Find(name) : null;

    /// <summary>Loads what the options name; null where they name none.</summary>
    /// <exception cref="BadArgumentException">Weights are needed and not given, or given and not needed.</exception>
    /// <exception cref="Torch.Checkpoints.Tensors.CheckpointException">A file cannot be read, or is not what it should be.</exception>
    public LoadedExtractor? Load(ParseResult parsed, Device device)
    {
        var weights = parsed.GetValue(Weights);
        if (Kind(parsed) is { } kind)
            return weights is null
                ? throw new BadArgumentException($"--extractor {kind.Name} needs --weights, and nothing is downloaded: name a copy of {kind.FileDescription}")
                : FeatureExtractors.Load(kind, weights.FullName, sha256: null, device);

        if (weights is not null)
            throw new BadArgumentException($"--weights is for --extractor {string.Join(", ", WeightsExtractor.Names)}; a classifier's checkpoint has its own");
        if (parsed.GetValue(Extractor) is not { } checkpoint)
            return null;

        var classifier = ClassifierCheckpoint.Load(checkpoint, sha256: null, classes: null, device);
        return LoadedExtractor.FromClassifier(classifier) with { Owned = classifier };
    }
}
