using System.Text.Json;
using AdaptThenUnlearn.Onnx.Export;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Onnx.Tests;

/// <summary>A temporary folder with the smallest image–text model: linear in the pixels, and a sum of the tokens' rows.</summary>
/// <remarks>Its vocabulary has the 512 symbols of bytes and one merge: a word of other letters is one token a letter.</remarks>
internal sealed class ImageTextFolder : IDisposable
{
    public const int Size = 6;            // of an embedding
    public const int Start = 512;
    public const int End = 513;
    public const int Merged = 514;        // "of", as a whole word
    public const int Tokens = 515;

    static ImageTextFolder() => OnnxGraphRuntime.Register();

    public string Folder { get; } = Directory.CreateTempSubdirectory("atu-image-text-").FullName;

    public string At(string name) => Path.Combine(Folder, name);

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    /// <summary>What a policy says of the model in this folder.</summary>
    public static ClassifierChoice Choice(params (string Class, string[] Prompts)[] prompts) =>
        new("vision.onnx", null, null, Format: ClassifierChoice.ImageText)
        {
            TextModel = new TextModelChoice("text.onnx", "vocab.json", "merges.txt"),
            Prompts = prompts.ToDictionary(each => each.Class, each => (IReadOnlyList<string>)each.Prompts),
        };

    /// <summary>Opens a file of the folder by its name.</summary>
    public CheckpointFile Open(string name) => CheckpointFile.Open(At(name));

    /// <summary>Writes the four files into a folder.</summary>
    /// <param name="folder">Exists.</param>
    /// <param name="shape">Of an image, without the number of images.</param>
    /// <param name="length">Number of tokens: a number, or a name for any.</param>
    /// <param name="masked">Whether the text graph has an input for the mask.</param>
    /// <param name="size">Of the text side's embeddings.</param>
    /// <param name="factor">Of the text side's embeddings.</param>
    /// <returns>The pixels' weights <c>[pixels, Size]</c>, and the tokens' rows <c>[Tokens, size]</c>.</returns>
    public static (Tensor Pixels, Tensor Rows) Write(
        string folder, long[] shape, object? length = null, bool masked = true, int size = Size, float factor = 1)
    {
        using var source = new Generator(3, CPU);
        var pixels = randn([shape.Aggregate(1L, (product, side) => product * side), Size], generator: source);
        var rows = randn([Tokens, size], generator: source);

        var vision = new GraphBuilder();
        var images = vision.Input("pixel_values", ScalarType.Float32, ["N", .. shape.Select(side => (object)(int)side)]);
        vision.Output(
            vision.Node("MatMul", [vision.Node("Flatten", [images]), vision.Store("w", pixels)]), "image_embeds",
            ScalarType.Float32, "N", Size);
        File.WriteAllBytes(Path.Combine(folder, "vision.onnx"), vision.ToFile("test"));

        var text = new GraphBuilder();
        var tokens = text.Input("input_ids", ScalarType.Int64, "N", length ?? 77);
        var found = text.Node("Gather", [text.Store("rows", rows), tokens]);                           // [N, L, D]
        if (masked)
        {
            var mask = text.Node("Cast", [text.Input("attention_mask", ScalarType.Int64, "N", length ?? 77)], ("to", 1L));
            found = text.Node("Mul", [found, text.Node("Unsqueeze", [mask, text.Store(2)])]);
        }

        var sum = text.Node("ReduceSum", [found, text.Store(1)], ("keepdims", 0L));                    // [N, D]
        text.Output(text.Node("Mul", [sum, text.Store(factor)]), "text_embeds", ScalarType.Float32, "N", size);
        text.Output(found, "last_hidden_state", ScalarType.Float32, "N", length ?? 77, size);
        File.WriteAllBytes(Path.Combine(folder, "text.onnx"), text.ToFile("test"));

        var symbols = ClipVocabulary.ByteSymbols().Order().ToList();
        var vocabulary = symbols.Index().ToDictionary(each => $"{each.Item}", each => each.Index);
        foreach (var (index, symbol) in symbols.Index())
            vocabulary.Add($"{symbol}</w>", 256 + index);
        (vocabulary["<|startoftext|>"], vocabulary["<|endoftext|>"], vocabulary["of</w>"]) = (Start, End, Merged);
        File.WriteAllText(Path.Combine(folder, "vocab.json"), JsonSerializer.Serialize(vocabulary));
        File.WriteAllText(Path.Combine(folder, "merges.txt"), "#version: 0.2\no f</w>\n");
        return (pixels, rows);
    }

    /// <summary>The tokens of lower-case ASCII words, by the vocabulary's definition.</summary>
    public static IReadOnlyList<int> TokensOf(string prompt) =>
    [
        Start,
        .. prompt.Split(' ').SelectMany(word => word == "of"
            ? [Merged]
            : word.Select((letter, index) => letter - '!' + (index == word.Length - 1 ? 256 : 0))),
        End,
    ];
}
