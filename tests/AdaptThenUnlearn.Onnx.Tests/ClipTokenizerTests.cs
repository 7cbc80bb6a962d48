using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AdaptThenUnlearn.Tests;
using AdaptThenUnlearn.Torch.Features;

namespace AdaptThenUnlearn.Onnx.Tests;

/// <summary>CLIP's tokenizer against another one's tokens, and files that are damaged.</summary>
public sealed class ClipTokenizerTests
{
    private static readonly string _folder =
        Path.Combine(Repository.Root, "tests", "AdaptThenUnlearn.Onnx.Tests", "Clip");
    private static readonly byte[] _vocabulary = File.ReadAllBytes(Path.Combine(_folder, "vocab.json"));
    private static readonly byte[] _merges = File.ReadAllBytes(Path.Combine(_folder, "merges.txt"));

    // Punctuation, accents, digits, emoji, contractions, upper case, scripts: Clip/README.md says whose tokens they are.
    [Fact]
    public void Encode_ManyPrompts_GivesThePublishedTokenizersTokens()
    {
        var tokenizer = new ClipTokenizers().Create(_vocabulary, _merges);
        using var expected = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(_folder, "tokens.json")));
        var cases = expected.RootElement.EnumerateArray().Where(
            each => each.GetProperty("ids").GetArrayLength() > 2).ToList();

        Assert.True(cases.Count > 80);
        Assert.All(cases, each => Assert.Equal(
            each.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()),
            tokenizer.Encode(each.GetProperty("prompt").GetString()!)));
    }

    [Fact]
    public void Encode_APhotoOfADog_GivesTheNumbersOfThePublishedModels() => Assert.Equal(
        [49406, 320, 1125, 539, 320, 1929, 49407], new ClipTokenizers().Create(_vocabulary, _merges).Encode("a photo of a dog"));

    [Theory]
    [InlineData("  ", "has no words")]
    [InlineData("a\u0007b", "control character U+0007")]
    [InlineData("a \ud835\udcb6b", "U+1D4B6")]
    [InlineData("a dog <|endoftext|> a cat", "which the tokenizer adds itself")]
    [InlineData("a dog <|StartOfText|>", "which the tokenizer adds itself")]
    public void Encode_PromptsThatOthersReadOtherwise_AreRefused(string prompt, string expected) => Assert.Contains(
        expected,
        Assert.Throws<PromptException>(() => new ClipTokenizers().Create(_vocabulary, _merges).Encode(prompt)).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Encode_HalfOfACharacter_IsRefused() => Assert.Contains(
        "half of a character",
        Assert.Throws<PromptException>(
            () => new ClipTokenizers().Create(_vocabulary, _merges).Encode("half " + (char)0xd83d + " of it")).Message,
        StringComparison.Ordinal);

    [Theory]
    [InlineData("", "is not JSON")]
    [InlineData("words", "is not JSON")]
    [InlineData("[1]", "is not a JSON object")]
    [InlineData("{\"a\":\"b\"}", "no number")]
    [InlineData("{\"a\":1,\"a\":2}", "twice")]
    [InlineData("{\"a\":1,\"b\":1}", "twice")]
    [InlineData("{\"a\":-1}", "no number")]
    [InlineData("{\"a\":{}}", "is not JSON")]   // deeper than such a file is
    [InlineData("{\"a\":true}", "no number")]
    [InlineData("{\"\\ud800\":1}", "is not JSON")]
    [InlineData("{\"a\":1} x", "is not JSON")]
    [InlineData("{\"a\":1}", "has no token '<|startoftext|>'")]
    [InlineData("{\"<|startoftext|>\":1}", "has no token '<|endoftext|>'")]
    [InlineData("{\"<|startoftext|>\":1,\"<|endoftext|>\":2}", "so that some prompts could not be written")]
    public void Create_ADamagedVocabulary_SaysWhatItIs(string content, string expected)
    {
        var refused = Assert.Throws<TokenizerFileException>(
            () => new ClipTokenizers().Create(Encoding.UTF8.GetBytes(content), _merges));

        Assert.Equal(TokenizerFile.Vocabulary, refused.File);
        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
        Assert.NotEmpty(refused.Remedy);
    }

    [Theory]
    [InlineData("", "holds no merges")]
    [InlineData("#version: 0.2\n", "holds no merges")]
    [InlineData("#version: 0.2\ni n\nin\n", "line 3 is not two tokens")]
    [InlineData("i n\ni  n\n", "line 2 is not two tokens")]
    [InlineData("i n\ni n\n", "line 2 repeats")]
    [InlineData("i n\nq zz\n", "line 2 joins 'q' and 'zz'")]
    [InlineData("i n\nz q\n", "line 2 joins 'z' and 'q'")]
    public void Create_DamagedMerges_SayWhichLine(string content, string expected)
    {
        var refused = Assert.Throws<TokenizerFileException>(
            () => new ClipTokenizers().Create(_vocabulary, Encoding.UTF8.GetBytes(content)));

        Assert.Equal(TokenizerFile.Merges, refused.File);
        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
    }

    // The start token of one vocabulary, without which no prompt begins.
    [Theory]
    [InlineData(ClipVocabulary.StartToken)]
    [InlineData(ClipVocabulary.EndToken)]
    public void Create_VocabularyWithoutAnEnd_IsRefused(string token)
    {
        var all = JsonNode.Parse(_vocabulary)!.AsObject();
        all.Remove(token);

        var refused = Assert.Throws<TokenizerFileException>(
            () => new ClipTokenizers().Create(Encoding.UTF8.GetBytes(all.ToJsonString()), _merges));

        Assert.Contains($"has no token '{token}'", refused.Message, StringComparison.Ordinal);
    }

    // Bytes changed, cut and doubled at random: a tokenizer, or the product's own exception.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Create_AnyBytes_GivesATokenizerOrOneRefusal(bool ofVocabulary)
    {
        var random = new Random(7);
        var (refused, whole) = (0, ofVocabulary ? _vocabulary : _merges);
        for (var round = 0; round < 150; round++)
        {
            var bytes = whole.ToArray();
            for (var change = random.Next(1, 4); change > 0; change--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            if (round % 3 == 0)
                bytes = bytes[..random.Next(bytes.Length)];
            try
            {
                var tokenizer = new ClipTokenizers().Create(
                    ofVocabulary ? bytes : _vocabulary, ofVocabulary ? _merges : bytes);
                Assert.Equal(tokenizer.End, tokenizer.Encode("a photo of a dog")[^1]);
            }
            catch (TokenizerFileException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 50, 150);
    }
}
