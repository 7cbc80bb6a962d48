using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Policies;

/// <summary>The text side of a classifier of the format <c>image-text</c>: its graph, and the files of its tokenizer.</summary>
/// <param name="Checkpoint">
/// Path of the ONNX graph that turns the tokens of a prompt into one embedding, relative to the policy file. It is run.
/// </param>
/// <param name="Vocabulary">Path of CLIP's vocabulary, <c>vocab.json</c>: the number of each token.</param>
/// <param name="Merges">Path of CLIP's merges, <c>merges.txt</c>: which tokens are joined, in order.</param>
/// <param name="Sha256">Pin: the SHA-256 of the graph's file, 64 hexadecimal digits.</param>
/// <param name="VocabularySha256">Pin: the SHA-256 of the vocabulary.</param>
/// <param name="MergesSha256">Pin: the SHA-256 of the merges.</param>
/// <param name="Output">
/// The graph's output with one embedding for each prompt. When absent, the graph has only one output.
/// </param>
/// <param name="TokenInput">The graph's input that gets the tokens.</param>
/// <param name="MaskInput">
/// The graph's input that gets 1 for each token and 0 where a prompt is filled up. A graph may do without.
/// </param>
/// <param name="Padding">
/// The token that fills up a prompt. When absent, the vocabulary's end token, for graphs whose embeddings do not depend on it.
/// </param>
public sealed record TextModelChoice(
    [FilePath, Examples("clip/text.onnx")] string Checkpoint,
    [FilePath, Examples("clip/vocab.json")] string Vocabulary,
    [FilePath, Examples("clip/merges.txt")] string Merges,
    [TextPattern(TextPatternAttribute.Sha256, TextPatternAttribute.Sha256Words)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Sha256 = null,
    [TextPattern(TextPatternAttribute.Sha256, TextPatternAttribute.Sha256Words)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? VocabularySha256 = null,
    [TextPattern(TextPatternAttribute.Sha256, TextPatternAttribute.Sha256Words)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? MergesSha256 = null,
    [NotBlank, Examples("text_embeds")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Output = null,
    [NotBlank, AbsentMeans(TextModelChoice.UsualTokenInput)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? TokenInput = null,
    [NotBlank, AbsentMeans(TextModelChoice.UsualMaskInput)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? MaskInput = null,
    [NotBlank, Examples("!")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Padding = null)
{
    /// <summary><see cref="TokenInput"/> of a policy that does not give it (Hugging Face's exports name it so).</summary>
    public const string UsualTokenInput = "input_ids";

    /// <summary><see cref="MaskInput"/> of a policy that does not give it, as exports of Hugging Face's models have it.</summary>
    public const string UsualMaskInput = "attention_mask";

    /// <summary>The same without paths and pins, which only find the files.</summary>
    internal TextModelChoice AsUsed() => WithPaths(_ => "");

    /// <summary>The same without pins, and with other words for the same paths.</summary>
    /// <param name="spell">Of a path.</param>
    internal TextModelChoice WithPaths(Func<string, string> spell) => this with
    {
        Checkpoint = spell(Checkpoint),
        Vocabulary = spell(Vocabulary),
        Merges = spell(Merges),
        Sha256 = null,
        VocabularySha256 = null,
        MergesSha256 = null,
    };
}
