using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using AdaptThenUnlearn.Torch.Features;
using Microsoft.ML.Tokenizers;

namespace AdaptThenUnlearn.Onnx;

/// <summary>CLIP's tokenizer: byte-level byte-pair encoding of lower-case words.</summary>
/// <remarks>
/// Radford et al. 2021 (arXiv:2103.00020), section 2.4. The steps are those of the published <c>tokenizer.json</c> of CLIP's
/// models: Unicode's form C, white space as one space, lower case, words by the pattern below, bytes, merges. The reference code
/// also mends wrongly decoded text and HTML entities (ftfy, html.unescape), which the published file does not, and this does not.
/// What would come out otherwise here than there is refused.
/// </remarks>
internal sealed partial class ClipTokenizer : IPromptTokenizer
{
    private readonly BpeTokenizer _tokenizer;
    private readonly IReadOnlyDictionary<string, int> _tokens;

    /// <summary>Makes it from its files.</summary>
    /// <param name="vocabulary">Both files.</param>
    public ClipTokenizer(ClipVocabulary vocabulary)
    {
        _tokens = vocabulary.Tokens;
        _tokenizer = BpeTokenizer.Create(new BpeOptions(vocabulary.Tokens)
        {
            Merges = vocabulary.Merges,
            ByteLevel = true,
            EndOfWordSuffix = ClipVocabulary.EndOfWord,
            PreTokenizer = new RegexPreTokenizer(Words(), specialTokens: null),
        });
    }

    /// <inheritdoc/>
    public int End => _tokens[ClipVocabulary.EndToken];

    /// <inheritdoc/>
    public int? Find(string token) =>
        _tokens.TryGetValue(token, out var number) || _tokens.TryGetValue(token + ClipVocabulary.EndOfWord, out number)
            ? number
            : null;

    /// <inheritdoc/>
    public IReadOnlyList<int> Encode(string prompt)
    {
        Require(prompt);

        // Turkish İ is the one letter that becomes two in lower case.
        var text = Spaces().Replace(prompt.Normalize(NormalizationForm.FormC), " ")
            .Replace("İ", "i\u0307", StringComparison.Ordinal).ToLowerInvariant();
        var tokens = _tokenizer.EncodeToIds(text);
        return tokens.Count > 0
            ? [_tokens[ClipVocabulary.StartToken], .. tokens, End]
            : throw new PromptException("has no words: say what an image of the class shows");
    }

    // What the published tokenizers would read otherwise, or what hides something from a reader.
    private static void Require(string prompt)
    {
        for (var index = 0; index < prompt.Length; index++)
        {
            if (!Rune.TryGetRuneAt(prompt, index, out var rune))
                throw new PromptException("holds half of a character; write it again");
            if (Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control && !Rune.IsWhiteSpace(rune))
                throw new PromptException(FormattableString.Invariant(
                    $"holds the control character U+{rune.Value:X4}; take it out"));
            if (!rune.IsBmp && (Rune.IsLetter(rune) || Rune.IsNumber(rune)))
                throw new PromptException(FormattableString.Invariant(
                    $"holds U+{rune.Value:X}, a letter or digit of a rare alphabet that is not read here; use common letters"));
            index += rune.Utf16SequenceLength - 1;
        }

        foreach (var special in new[] { ClipVocabulary.StartToken, ClipVocabulary.EndToken })
            if (prompt.Contains(special, StringComparison.OrdinalIgnoreCase))
                throw new PromptException($"holds '{special}', which the tokenizer adds itself; take it out");
        if (!Ascii.IsValid(prompt) && "e\u0301".Normalize(NormalizationForm.FormC) != "\u00e9")
            throw new PromptException(
                "has letters beyond ASCII, and this system cannot normalise them (DOTNET_SYSTEM_GLOBALIZATION_INVARIANT is set); "
                    + "use ASCII, or install ICU");
    }

    [GeneratedRegex(@"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")]
    private static partial Regex Words();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();
}

/// <summary>Makes CLIP's tokenizers.</summary>
internal sealed class ClipTokenizers : IPromptTokenizerFactory
{
    /// <inheritdoc/>
    public IPromptTokenizer Create(byte[] vocabulary, byte[] merges) =>
        new ClipTokenizer(ClipVocabulary.Read(vocabulary, merges));
}
