using System.Text.Json.Serialization;
using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Policies;

/// <summary>
/// How an extractor's file is used: what it gets, and which of its numbers are the features. The same file used in another way is
/// another extractor.
/// </summary>
/// <param name="Preprocessing">
/// What is done to the images, rounded to 8 bits, before the program gets them; null where it gets levels from 0 to 255 in three
/// channels.
/// </param>
/// <param name="Output">The output of an ONNX graph that has the features; null where it has only one.</param>
/// <param name="Tokens">
/// Which row of an output <c>[N, tokens, D]</c> has an image's features: <see cref="First"/>; null where the output is
/// <c>[N, D]</c>.
/// </param>
public sealed record ExtractorUse(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ImagePreprocessing? Preprocessing = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Output = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Tokens = null)
{
    /// <summary>The first token of an image, which is the class token of ViT, DINOv2 and CLIP.</summary>
    public const string First = "first";

    /// <summary>Name of the property <see cref="Output"/>.</summary>
    public const string OutputProperty = "output";

    private const string PreprocessingProperty = "preprocessing";
    private const string TokensProperty = "tokens";

    /// <summary>Names of the properties in a policy's <c>quality</c>, and of the options of a command.</summary>
    public static IReadOnlyList<string> Properties { get; } = [PreprocessingProperty, OutputProperty, TokensProperty];

    internal static IReadOnlyList<string> AllTokens { get; } = [First];

    /// <summary>The value of one of <see cref="Properties"/>; null where nothing is said.</summary>
    /// <param name="property">Its name.</param>
    [JsonIgnore]
    public object? this[string property] => property switch
    {
        PreprocessingProperty => Preprocessing,
        OutputProperty => Output,
        TokensProperty => Tokens,
        _ => throw new ArgumentOutOfRangeException(nameof(property), property, "is not a property"),
    };

    /// <summary>Digest of an extractor that is used so: of its file, and of all that is said; of its file alone where nothing
    /// is.</summary>
    /// <param name="fileSha256">Digest of its file.</param>
    public string DigestAsUsed(string fileSha256) =>
        Properties.All(property => this[property] is null)
            ? fileSha256
            : Sha256Digest.Compute($"{fileSha256}\n{CanonicalJson.Write(this)}");

    /// <summary>
    /// For example <c>preprocessing "clip", output 'pooler_output'</c>; null where nothing is said. Preprocessing is named by its
    /// word, or written as JSON.
    /// </summary>
    public string? Describe()
    {
        List<string> said =
        [
            .. Preprocessing is null ? [] : new[] { $"{PreprocessingProperty} {Preprocessing.Describe()}" },
            .. Output is null ? [] : new[] { $"{OutputProperty} '{Output}'" },
            .. Tokens is null ? [] : new[] { $"{TokensProperty} '{Tokens}'" },
        ];
        return said.Count == 0 ? null : string.Join(", ", said);
    }
}
