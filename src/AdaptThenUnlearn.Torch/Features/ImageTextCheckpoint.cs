using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Onnx;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>Loads classifiers that are an image–text model and prompts, from the four files of the model.</summary>
/// <remarks>The text side runs once, while it is loaded: what stays is one embedding for each class.</remarks>
public static class ImageTextCheckpoint
{
    private const long LargestTokenizerFile = 32L << 20;   // bytes; CLIP's have 1 MB

    /// <summary>Loads a classifier.</summary>
    /// <param name="choice">As the policy says; it was checked when it was read.</param>
    /// <param name="open">Opens a file by its path in the policy.</param>
    /// <param name="images">What the generator makes.</param>
    /// <param name="preprocessor">Prepares these images; null where the graph takes them as they are.</param>
    /// <param name="device">Where it goes; the graphs run on the CPU.</param>
    /// <returns>With the digests of its files; belongs to the caller.</returns>
    /// <exception cref="CheckpointException">
    /// A file is missing, damaged or not the pinned one, or the graphs are not the two sides of such a model.
    /// </exception>
    /// <exception cref="PromptException">A prompt cannot be read, or is too long for the model.</exception>
    public static LoadedClassifier Load(
        ClassifierChoice choice, Func<string, CheckpointFile> open, ImageShape images, Preprocessor? preprocessor, Device device)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();

        // Refuse files that are not the pinned ones before one of them is run.
        var text = choice.TextModel!;
        var image = Open(open, choice.Checkpoint, choice.Sha256);
        var graph = Open(open, text.Checkpoint, text.Sha256);
        var (vocabulary, merges) = OpenTokenizer(text, open);
        var tokenizer = Create(vocabulary, merges);

        // Embed the classes, then try the image side on them.
        using var encoder = new TextEncoder(graph, text, tokenizer);
        var classes = encoder.Encode([.. choice.ClassNames!.Select(name => (name, choice.Prompts![name]))]);
        return new LoadedClassifier(
            ImageTextClassifier.Load(image, images, choice, classes, graph.Path, preprocessor, device), image.Sha256);
    }

    /// <summary>Reads the prompts as the model will get them, without running anything.</summary>
    /// <param name="choice">As the policy says; it was checked when it was read.</param>
    /// <param name="open">Opens a file by its path in the policy.</param>
    /// <exception cref="CheckpointException">A file of the text side is missing, damaged or not the pinned one.</exception>
    /// <exception cref="PromptException">A prompt cannot be read, or is too long for the model.</exception>
    public static void CheckPrompts(ClassifierChoice choice, Func<string, CheckpointFile> open)
    {
        var text = choice.TextModel!;
        var graph = Open(open, text.Checkpoint, text.Sha256);
        var (vocabulary, merges) = OpenTokenizer(text, open);
        var tokenizer = Create(vocabulary, merges);
        var inputs = new TextInputs(graph.Path, OnnxModel.Read(graph), text);
        foreach (var (name, prompts) in choice.Prompts!)
            foreach (var (index, prompt) in prompts.Index())
                PromptTokens.Read(tokenizer, name, index, prompt, inputs.Length);
    }

    private static CheckpointFile Open(Func<string, CheckpointFile> open, string path, string? pin)
    {
        var file = open(path);
        CheckpointDigest.RequirePinned(file, pin);
        return file;
    }

    private static (CheckpointFile Vocabulary, CheckpointFile Merges) OpenTokenizer(
        TextModelChoice text, Func<string, CheckpointFile> open) =>
        (Open(open, text.Vocabulary, text.VocabularySha256), Open(open, text.Merges, text.MergesSha256));

    private static IPromptTokenizer Create(CheckpointFile vocabulary, CheckpointFile merges)
    {
        if (PromptTokenizers.Registered is not { } factory)
            throw new CheckpointException(
                vocabulary.Path, "is a tokenizer's, and this program has no tokenizers",
                "add the package AdaptThenUnlearn.Onnx to the program and call OnnxGraphRuntime.Register() when it starts");
        try
        {
            return factory.Create(BytesOf(vocabulary), BytesOf(merges));
        }
        catch (TokenizerFileException damaged)
        {
            throw new CheckpointException(
                damaged.File is TokenizerFile.Vocabulary ? vocabulary.Path : merges.Path, damaged.Message, damaged.Remedy,
                cause: damaged);
        }
    }

    private static byte[] BytesOf(CheckpointFile file)
    {
        using var bytes = CheckpointBytes.Open(file);
        return bytes.Length <= LargestTokenizerFile
            ? bytes.Read(0, (int)bytes.Length, "tokens")
            : throw new CheckpointException(
                file.Path, FormattableString.Invariant($"has {bytes.Length} bytes, and a tokenizer's file has at most 32 MB"),
                "name the vocab.json and the merges.txt that come with the model");
    }
}
