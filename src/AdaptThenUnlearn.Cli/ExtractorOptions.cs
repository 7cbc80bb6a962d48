using System.CommandLine;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Features;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli;

/// <summary>Options that name the feature extractor: a classifier, or an extractor with a file of weights.</summary>
public sealed class ExtractorOptions
{
    /// <summary><c>--extractor</c>; optional unless a command requires it.</summary>
    public Option<string> Extractor { get; } = new("--extractor")
    {
        Description = $"Feature extractor: a classifier's checkpoint, or {string.Join(", ", WeightsExtractor.Names)} with " +
            "--weights (the last two run the program in that file)",
        HelpName = "CHECKPOINT or name",
    };

    /// <summary><c>--weights</c>.</summary>
    public Option<FileInfo> Weights { get; } = new("--weights")
    {
        Description = $"File with the extractor's weights; nothing is downloaded. {WeightsExtractor.InceptionV3.Name}: " +
            $"{WeightsExtractor.InceptionV3.FileDescription}",
    };

    /// <summary>The named kind of extractor with a file of weights; null for a classifier, or if none is named.</summary>
    public WeightsExtractor? Kind(ParseResult parsed) =>
        parsed.GetValue(Extractor) is { } name ? WeightsExtractor.Find(name) : null;

    /// <summary>Loads the named extractor; null if none is named.</summary>
    /// <exception cref="BadArgumentException">Weights are needed and not given, or given and not needed.</exception>
    /// <exception cref="Torch.Checkpoints.Tensors.CheckpointException">A file cannot be read, or is not an extractor.</exception>
    public LoadedExtractor? Load(ParseResult parsed, Device device)
    {
        var weights = parsed.GetValue(Weights);
        if (Kind(parsed) is { } kind)
            return weights is null
                ? throw new BadArgumentException(
                    $"--extractor {kind.Name} needs --weights, and nothing is downloaded: name a copy of {kind.FileDescription}")
                : FeatureExtractors.Load(kind, weights.FullName, sha256: null, device);

        if (weights is not null)
            throw new BadArgumentException(
                $"--weights is for --extractor {string.Join(", ", WeightsExtractor.Names)}; a classifier's checkpoint contains " +
                "its weights");
        if (parsed.GetValue(Extractor) is not { } checkpoint)
            return null;

        var classifier = ClassifierCheckpoint.Load(checkpoint, sha256: null, classes: null, device);
        return LoadedExtractor.FromClassifier(classifier) with { Owned = classifier };
    }
}
