using System.CommandLine;
using AdaptThenUnlearn.Files;
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

    /// <summary><c>--preprocessing</c>.</summary>
    public Option<string> Preprocessing { get; } = new("--preprocessing")
    {
        Description = $"What is done to the images before a program gets them: {Words}, or a JSON file with a policy's " +
            "'preprocessing'",
        HelpName = "WORD or FILE",
    };

    /// <summary><c>--output</c>.</summary>
    public Option<string> Output { get; } = new("--output")
    {
        Description = "Output of an ONNX graph that has the features, where it has several",
        HelpName = "NAME",
    };

    /// <summary><c>--tokens</c>.</summary>
    public Option<string> Tokens { get; } = new("--tokens")
    {
        Description = "Which token has the features of an image, where the output has a row for each: " +
            $"{ExtractorUse.First} (the class token of ViT, DINOv2 and CLIP)",
        HelpName = ExtractorUse.First,
    };

    private const int MostBytes = 1 << 16;   // of a file with preprocessing

    private static string Words => Suggestion.JoinWithOr([.. ImagePreprocessing.Published.Keys]);

    /// <summary>All of the options.</summary>
    public IReadOnlyList<Option> All => [Extractor, Weights, Preprocessing, Output, Tokens];

    /// <summary>The files that the options name, with what they are, for messages.</summary>
    public IEnumerable<(string What, string? Path)> Files(ParseResult parsed) =>
    [
        ("--extractor", parsed.GetValue(Extractor)),
        ("--weights", parsed.GetValue(Weights)?.FullName),
        ("--preprocessing", parsed.GetValue(Preprocessing)),
    ];

    /// <summary>The named kind of extractor with a file of weights; null for a classifier, or if none is named.</summary>
    public WeightsExtractor? Kind(ParseResult parsed) =>
        parsed.GetValue(Extractor) is { } name ? WeightsExtractor.Find(name) : null;

    /// <summary>Loads the named extractor; null if none is named.</summary>
    /// <exception cref="BadArgumentException">
    /// Weights are needed and not given, or given and not needed; or the extractor cannot be used as the options say.
    /// </exception>
    /// <exception cref="Torch.Checkpoints.Tensors.CheckpointException">A file cannot be read, or is not an extractor.</exception>
    public LoadedExtractor? Load(ParseResult parsed, Device device)
    {
        var weights = parsed.GetValue(Weights);
        var use = Use(parsed);
        if (Kind(parsed) is { } kind)
        {
            if (weights is null)
                throw new BadArgumentException(
                    $"--extractor {kind.Name} needs --weights, and nothing is downloaded: name a copy of {kind.FileDescription}");
            foreach (var property in ExtractorUse.Properties)
                if (kind.FindMisuse(use, property) is { } misuse)
                    throw new BadArgumentException($"--{property} {misuse}");
            try
            {
                return FeatureExtractors.Load(kind, weights.FullName, sha256: null, device, use: use);
            }
            catch (ArgumentException unfit)
            {
                throw new BadArgumentException($"--preprocessing {parsed.GetValue(Preprocessing)}: {unfit.Message}");
            }
        }

        if (ExtractorUse.Properties.FirstOrDefault(property => use[property] is not null) is { } without)
            throw new BadArgumentException(
                $"--{without} is for the extractors '{WeightsExtractor.TorchScript.Name}' and '{WeightsExtractor.Onnx.Name}': " +
                "a classifier's checkpoint says what it takes");
        if (weights is not null)
            throw new BadArgumentException(
                $"--weights is for --extractor {string.Join(", ", WeightsExtractor.Names)}; a classifier's checkpoint contains " +
                "its weights");
        if (parsed.GetValue(Extractor) is not { } checkpoint)
            return null;

        var classifier = ClassifierCheckpoint.Load(checkpoint, sha256: null, classes: null, device);
        return LoadedExtractor.FromClassifier(classifier) with { Owned = classifier };
    }

    private ExtractorUse Use(ParseResult parsed)
    {
        var tokens = parsed.GetValue(Tokens);
        return tokens is null or ExtractorUse.First
            ? new ExtractorUse(ReadPreprocessing(parsed.GetValue(Preprocessing)), parsed.GetValue(Output), tokens)
            : throw new BadArgumentException(Suggestion.NotOneOf(tokens, [ExtractorUse.First], "choice for --tokens"));
    }

    private static ImagePreprocessing? ReadPreprocessing(string? given)
    {
        if (given is null)
            return null;
        if (ImagePreprocessing.Published.TryGetValue(given, out var published))
            return published;
        if (!RegularFile.Exists(given))
            throw new BadArgumentException(
                $"--preprocessing {given}: there is no such file, and {Suggestion.NotOneOf(
                    given, [.. ImagePreprocessing.Published.Keys], "known word")}");

        var (steps, errors) = ImagePreprocessing.Read(RegularFile.ReadAllText(given, MostBytes), given);
        return steps ?? throw new BadArgumentException(
            $"--preprocessing {string.Join("; ", errors.Select(error => FormattableString.Invariant(
                $"{error.File}({error.Line},{error.Column}): {error.Path}: {error.Message}")))}");
    }
}
