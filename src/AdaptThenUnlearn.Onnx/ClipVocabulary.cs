using System.Text;
using System.Text.Json;
using AdaptThenUnlearn.Torch.Features;

namespace AdaptThenUnlearn.Onnx;

/// <summary>The vocabulary and the merges of CLIP's tokenizer, as <c>vocab.json</c> and <c>merges.txt</c> hold them.</summary>
/// <remarks>
/// Both are checked whole: whatever a prompt says, its tokens are then in the vocabulary. The symbols of bytes are those of
/// GPT-2's encoder (Radford et al. 2019, <c>bytes_to_unicode</c> of the reference code), which CLIP's has too.
/// </remarks>
internal sealed class ClipVocabulary
{
    /// <summary>Marks a token that ends a word.</summary>
    public const string EndOfWord = "</w>";

    /// <summary>Begins every prompt.</summary>
    public const string StartToken = "<|startoftext|>";

    /// <summary>Ends every prompt.</summary>
    public const string EndToken = "<|endoftext|>";

    private const int MostEntries = 1_000_000;   // CLIP has 49,408 tokens and 48,894 merges
    private const int LongestToken = 1000;       // characters
    private const string OfTheModel = "name the file that comes with the model, and copy or download it again";

    private ClipVocabulary(Dictionary<string, int> tokens, List<string> merges) => (Tokens, Merges) = (tokens, merges);

    /// <summary>Number of each token.</summary>
    public IReadOnlyDictionary<string, int> Tokens { get; }

    /// <summary>Pairs of tokens that are joined, with a space between them; the first goes first.</summary>
    public IReadOnlyList<string> Merges { get; }

    /// <summary>Reads both files.</summary>
    /// <param name="vocabulary">Content of <c>vocab.json</c>.</param>
    /// <param name="merges">Content of <c>merges.txt</c>.</param>
    /// <exception cref="TokenizerFileException">One of them is damaged, or is of another tokenizer.</exception>
    public static ClipVocabulary Read(byte[] vocabulary, byte[] merges)
    {
        var tokens = ReadTokens(vocabulary);
        foreach (var special in new[] { StartToken, EndToken })
            if (!tokens.ContainsKey(special))
                throw Bad(
                    TokenizerFile.Vocabulary, $"has no token '{special}'",
                    "name the vocab.json of a CLIP model; tokenizers of other kinds are not read");
        foreach (var symbol in ByteSymbols().SelectMany(symbol => new[] { $"{symbol}", $"{symbol}{EndOfWord}" }))
            if (!tokens.ContainsKey(symbol))
                throw Bad(
                    TokenizerFile.Vocabulary, $"has no token '{symbol}', so that some prompts could not be written with it",
                    OfTheModel);
        return new ClipVocabulary(tokens, ReadMerges(merges, tokens));
    }

    /// <summary>The characters that stand for the 256 bytes, in no special order.</summary>
    internal static IEnumerable<char> ByteSymbols()
    {
        var hidden = 0;
        for (var number = 0; number < 256; number++)
            yield return number is > 32 and < 127 or > 160 and not 173 ? (char)number : (char)(256 + hidden++);
    }

    private static Dictionary<string, int> ReadTokens(byte[] content)
    {
        Dictionary<string, int> tokens = [];
        HashSet<int> numbers = [];
        try
        {
            var reader = new Utf8JsonReader(WithoutMark(content), new JsonReaderOptions { MaxDepth = 1 });
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
                throw Bad(TokenizerFile.Vocabulary, "is not a JSON object of tokens and their numbers", OfTheModel);
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var token = reader.GetString()!;
                if (!reader.Read() || reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out var number)
                    || number < 0)
                    throw Bad(TokenizerFile.Vocabulary, $"gives the token '{Shown(token)}' no number", OfTheModel);
                if (token.Length is 0 or > LongestToken || tokens.Count >= MostEntries)
                    throw Bad(TokenizerFile.Vocabulary, "has an empty or very long token, or too many of them", OfTheModel);
                if (!tokens.TryAdd(token, number) || !numbers.Add(number))
                    throw Bad(
                        TokenizerFile.Vocabulary, $"has the token '{Shown(token)}', or its number {number}, twice", OfTheModel);
            }

            while (reader.Read())
            {
                // what comes after the object is an error
            }
        }
        catch (Exception damaged) when (damaged is JsonException or InvalidOperationException)
        {
            throw new TokenizerFileException(
                TokenizerFile.Vocabulary, $"is not JSON: {Shown(damaged.Message)}", OfTheModel, damaged);
        }

        return tokens;
    }

    private static List<string> ReadMerges(byte[] content, Dictionary<string, int> tokens)
    {
        string text;
        try
        {
            text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(WithoutMark(content));
        }
        catch (DecoderFallbackException damaged)
        {
            throw new TokenizerFileException(TokenizerFile.Merges, "is not text in UTF-8", OfTheModel, damaged);
        }

        List<string> merges = [];
        HashSet<string> seen = [];
        foreach (var (index, raw) in text.Split('\n').Index())
        {
            var line = raw.TrimEnd('\r');
            if (line.Length == 0 || (index == 0 && line.Contains("#version", StringComparison.Ordinal)))
                continue;

            var at = FormattableString.Invariant($"line {index + 1}");
            if (merges.Count >= MostEntries || line.Length > 2 * LongestToken || line.Split(' ') is not [{ Length: > 0 } first,
                { Length: > 0 } second])
                throw Bad(TokenizerFile.Merges, $"{at} is not two tokens with a space between them: '{Shown(line)}'", OfTheModel);
            if (!tokens.ContainsKey(first) || !tokens.ContainsKey(second) || !tokens.ContainsKey(first + second))
                throw Bad(
                    TokenizerFile.Merges,
                    $"{at} joins '{Shown(first)}' and '{Shown(second)}', which with what they make are not all in the vocabulary",
                    "name the merges.txt that belongs to the vocabulary");
            if (!seen.Add(line))
                throw Bad(TokenizerFile.Merges, $"{at} repeats an earlier one: '{Shown(line)}'", OfTheModel);
            merges.Add(line);
        }

        return merges.Count > 0 ? merges : throw Bad(TokenizerFile.Merges, "holds no merges", OfTheModel);
    }

    private static ReadOnlySpan<byte> WithoutMark(byte[] content) =>
        content is [0xef, 0xbb, 0xbf, ..] ? content.AsSpan(3) : content;

    private static TokenizerFileException Bad(TokenizerFile file, string problem, string remedy) => new(file, problem, remedy);

    // Short, and without characters that would disturb a terminal.
    private static string Shown(string text) => string.Concat(
        text.Take(60).Select(character => char.IsControl(character) || char.IsSurrogate(character) ? '\ufffd' : character));
}
