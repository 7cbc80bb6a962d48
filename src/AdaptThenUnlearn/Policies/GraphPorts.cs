using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Policies;

/// <summary>What an input of a graph gets. A generator's graph does not say it, unless it has only one input.</summary>
/// <param name="Is">
/// <c>latent</c>: standard normal numbers, as many as its width; exactly one input is the latent. <c>noise</c>: standard normal
/// maps. <c>truncation</c>: <c>evaluation.truncation</c>. <c>label</c>: the class <paramref name="Class"/>, or for an input of
/// one
/// number for each class a class that is drawn. <c>constant</c>: <paramref name="Value"/>.
/// </param>
/// <param name="Class">Number of the class for a <c>label</c>, from 0. When absent, each image has a class that is drawn.</param>
/// <param name="Value">
/// The numbers of a <c>constant</c>: a single one, which fills the input, or as many as the input has for an image.
/// </param>
public sealed record GraphInput(
    [KnownName(NameKind.GraphInput)] string Is,

    // An absent value is not written, here and below, so that a policy keeps its digest.
    [Within(0, 65535)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Class = null,
    [NotEmpty, Examples(1.0)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    IReadOnlyList<double>? Value = null)
{
    /// <summary>Standard normal numbers, which decide the image.</summary>
    public const string Latent = "latent";

    /// <summary>Standard normal maps, which decide details.</summary>
    public const string Noise = "noise";

    /// <summary>How far images may be from the mean one.</summary>
    public const string Truncation = "truncation";

    /// <summary>The class of a conditional generator.</summary>
    public const string Label = "label";

    /// <summary>The same numbers for every image.</summary>
    public const string Constant = "constant";

    internal static IReadOnlyList<string> Kinds { get; } = [Latent, Noise, Truncation, Label, Constant];

    internal IEnumerable<PolicyFinding> Check(JsonPath at) =>
    [
        .. at["class"].Must(Class is null || Is == Label, $"is only for '{Label}'", at["is"]),
        .. at["value"].Must(Value is null || Is == Constant, $"is only for '{Constant}'", at["is"]),
        .. at["value"].MustBePresent(Value is not null || Is != Constant, $"is missing: the input is a '{Constant}'", at["is"]),
    ];
}

/// <summary>Where a graph's images are, and how.</summary>
/// <param name="Name">The output that holds the images. When absent, the graph has only one.</param>
/// <param name="Layout">
/// <c>nchw</c>: channels before rows; <c>nhwc</c>: channels last. When absent, the output's shape must leave no doubt.
/// </param>
/// <param name="Range">
/// What black and white are: <c>-1..1</c>, <c>0..1</c> or <c>0..255</c>. When absent, the graph must end in Tanh or Sigmoid, or
/// give bytes.
/// </param>
public sealed record GraphOutput(
    [NotBlank, Examples("images")][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Name = null,
    [KnownName(NameKind.Layout)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Layout = null,
    [KnownName(NameKind.PixelRange)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Range = null);
