using System.Globalization;
using System.Text.Json.Serialization;
using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Policies;

/// <summary>A file that is deployed in place of the generator's checkpoint: an export, or weights of another precision.</summary>
/// <param name="Checkpoint">Path of the file, relative to the policy file.</param>
/// <param name="Name">
/// What rules, reports and messages call it: 1 to 64 of the characters a-z, 0-9 and '-'. When absent, the name of the file.
/// </param>
/// <param name="Format">
/// The file's format, found by content when absent. <c>torchscript</c> and <c>onnx</c> run the program in the file.
/// </param>
/// <param name="Sha256">Pin: the SHA-256 of the file, 64 hexadecimal digits. A file with another digest is refused.</param>
/// <param name="LatentSize">Length of a latent vector, as for the generator.</param>
/// <param name="Layers">The layers, as for the generator.</param>
/// <param name="Inputs">For the format <c>onnx</c>: what each input of the graph gets, as for the generator.</param>
/// <param name="Output">For the format <c>onnx</c>: where the graph's images are, and how, as for the generator.</param>
/// <param name="MaxParityDifference">
/// Largest share of the images for which the auditor's answer may be another than for the artifact's image from the same latent,
/// 0 to 1; judged by its upper bound. With it, the file may not show a feature significantly more often. When absent, neither is
/// judged.
/// </param>
/// <param name="MaxPixelDifference">
/// Largest difference that a pixel may have from the artifact's, in the 256 levels of a picture file. When absent, it is not
/// judged.
/// </param>
/// <param name="MaxFrechetDifference">
/// Largest Fréchet distance between the artifact's images and this file's, from the same latents, in squared units of the
/// features of <c>quality.extractor</c>. When absent, it is not measured.
/// </param>
public sealed record ShippedForm(
    [FilePath, Examples("exports/generator.onnx")] string Checkpoint,

    // An absent value is not written, here and below, as for the generator.
    [TextPattern(TextPatternAttribute.Key, TextPatternAttribute.KeyWords), Examples("onnx-int8")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Name = null,
    [KnownName(NameKind.CheckpointFormat), AbsentMeans("auto")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Format = null,
    [TextPattern(TextPatternAttribute.Sha256, TextPatternAttribute.Sha256Words)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Sha256 = null,
    [Within(1, 65536)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? LatentSize = null,
    [NotEmpty, LayerPattern]
    [Examples("ConvTranspose2d(64, 32, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1))", "ReLU()")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    IReadOnlyList<string>? Layers = null,
    [NotEmpty][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    IReadOnlyDictionary<string, GraphInput>? Inputs = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    GraphOutput? Output = null,
    [Within(0, 1), Examples(0.002)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    double? MaxParityDifference = null,
    [Within(0, 255), Examples(16)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    int? MaxPixelDifference = null,
    [Within(0), Examples(0.5)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    double? MaxFrechetDifference = null)
{
    /// <summary><see cref="Name"/>, or the name of the file.</summary>
    [JsonIgnore]
    public string NameInEffect => Name ?? ClassifierChoice.NormalizePath(Checkpoint).Split('/')[^1];

    /// <summary><see cref="Format"/>, or <c>auto</c>.</summary>
    [JsonIgnore]
    public string FormatInEffect => Format ?? "auto";

    /// <summary>The rules that this file adds to a policy.</summary>
    /// <param name="policy">Has the features.</param>
    internal IEnumerable<RuleName> RuleNames(UnlearningPolicy policy) =>
    [
        .. policy.UndesiredFeatures.Where(feature => feature.MaxRate is not null)
            .Select(feature => RuleName.MaxShippedRate(feature.Name, NameInEffect)),
        .. MaxParityDifference is null
            ? []
            : policy.UndesiredFeatures.SelectMany(feature => new[]
            {
                RuleName.MaxParityDifference(feature.Name, NameInEffect), RuleName.NoMoreHits(feature.Name, NameInEffect),
            }),
        .. MaxPixelDifference is null ? [] : new[] { RuleName.MaxPixelDifference(NameInEffect) },
        .. MaxFrechetDifference is null ? [] : new[] { RuleName.MaxFrechetDifference(NameInEffect) },
    ];

    internal IEnumerable<PolicyFinding> Check(JsonPath at, UnlearningPolicy policy) =>
    [
        .. GeneratorChoice.CheckUseOfFile(at, FormatInEffect, LatentSize, Layers, Inputs, Output),
        .. at["checkpoint"].Must(
            policy.Generator.Checkpoint is not { } own
                || ClassifierChoice.NormalizePath(own) != ClassifierChoice.NormalizePath(Checkpoint),
            "is the generator's own checkpoint, which is judged already; name what is deployed in its place",
            JsonPath.Root["generator"]["checkpoint"]),
        .. at["maxFrechetDifference"].Must(
            MaxFrechetDifference is null || policy.Quality is not null,
            "needs 'quality', whose extractor's features are compared", JsonPath.Root["quality"]),
        .. policy.UndesiredFeatures.SelectMany((feature, index) => at["maxParityDifference"].MustBePresent(
            MaxParityDifference is < 1 || feature.MaxRate is not null,
            $"is missing: the feature '{feature.Name}' has no 'maxRate', so that nothing would be judged of how often this file "
                + "shows it",
            JsonPath.Root["undesiredFeatures"][index])),
        .. at["maxParityDifference"].MustBePresent(
            MaxParityDifference is < 1 || !HasOtherLimits(policy)
                || policy.UndesiredFeatures.Any(feature => feature.MaxRate is null),   // said above
            "is missing: limits other than 'maxRate' are judged of the artifact alone, and this one ties the file to it"),
        .. CheckProvability(at, policy.Evaluation),
    ];

    private static bool HasOtherLimits(UnlearningPolicy policy) =>
        policy.UndesiredFeatures.Any(feature => feature.MinUnlearned is not null)
        || (policy.Audits ?? []).Any(audit => !audit.IsAdvisory)
        || policy.Ratchet is true
        || policy.Quality is { MaxFrechetDistance: not null } or { MaxFrechetIncrease: not null } or { MinShareKept: not null };

    private IEnumerable<PolicyFinding> CheckProvability(JsonPath at, EvaluationOptions evaluation)
    {
        if (MaxParityDifference is { } limit
            && evaluation is { Samples: > 0, Confidence: > 0 and < 1 }
            && ClopperPearson.UpperBound(0, evaluation.Samples, evaluation.Confidence) is var bound && limit < bound)
            yield return at["maxParityDifference"].Warning(
                PolicyCodes.UnprovableLimit,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"cannot be proved: without a difference in {evaluation.Samples} images the upper bound is still "
                        + $"{bound:0.0#e-0}; raise 'evaluation.samples' or the limit"),
                JsonPath.Root["evaluation"]["samples"], JsonPath.Root["evaluation"]["confidence"]);
        if (MaxParityDifference >= 1)
            yield return at["maxParityDifference"].Warning(
                PolicyCodes.LaxRule, "allows every answer to differ, so it is not a limit");
        if (MaxPixelDifference >= 255)
            yield return at["maxPixelDifference"].Warning(
                PolicyCodes.LaxRule, "allows black to be white, so it is not a limit");
    }
}
