using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Measurements;

/// <summary>Everything that was read off one generator: plain counts and numbers, so that they can be judged again later.</summary>
/// <param name="GeneratorSha256">Digest of the checkpoint that was measured.</param>
/// <param name="Seed">Of the evaluation latents.</param>
/// <param name="Truncation">1 is none.</param>
/// <param name="Features">One reading for each undesired feature.</param>
/// <param name="Quality">Of the images; null where the policy asks for none.</param>
/// <param name="Shares">For each class of the auditors: how often it was emitted at the first look.</param>
/// <param name="Range">What was looked at, as <c>evaluation.range</c> of a policy: <c>8-bit</c> pictures or <c>raw</c> network output. Records that do not say were measured raw.</param>
/// <param name="Diversity">How much the images of the first look differ; null, and left out, in records from before it was counted.</param>
public sealed record Measurement(
    string GeneratorSha256,
    long Seed,
    double Truncation,
    IReadOnlyList<FeatureReading> Features,
    QualityReading? Quality,
    IReadOnlyList<ClassShare> Shares,
    string Range = "raw",
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ImageDiversity? Diversity = null);

/// <summary>How often one undesired feature was emitted.</summary>
/// <param name="Feature">The feature's name in the policy.</param>
/// <param name="Classifier">Name of the auditor.</param>
/// <param name="Class">The class that shows the feature.</param>
/// <param name="Looks">Cumulative counts at each look of the sequential sampling, in order; the first look is the one that PUL compares, the last decides the rate.</param>
/// <param name="AnnotatorHits">The same first look counted by the annotator, for comparison; null when it is the auditor itself.</param>
/// <param name="NoiseFloor">How often the auditor sees the class in real images of other classes, 0 to 1: a rate below which it cannot tell; null where the reference does not say.</param>
/// <param name="Detection">How the auditor did on images that were known to show the class, or not to; null, and left out, where nothing says it.</param>
/// <param name="Unreadable">Images of the first look of which an output of the auditor was no finite number; each counts as showing the feature. Null, and left out, where there were none.</param>
/// <param name="IsAnnotator">Whether the auditor goes by another name than the annotator and says the same of every image of the first look; left out where it does not.</param>
/// <param name="NotMeasured">Why the counts say nothing of the feature, in a sentence without a full stop; null, and left out, where they do.</param>
public sealed record FeatureReading(
    string Feature,
    string Classifier,
    string Class,
    IReadOnlyList<Look> Looks,
    long? AnnotatorHits,
    double? NoiseFloor,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] DetectionCounts? Detection = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? Unreadable = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool IsAnnotator = false,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? NotMeasured = null);

/// <summary>Counts so far.</summary>
/// <param name="Samples">n, images looked at.</param>
/// <param name="Hits">k, images that show the feature.</param>
public sealed record Look(long Samples, long Hits);

/// <summary>How often one class was emitted at the first look.</summary>
/// <param name="Classifier">Name of the classifier that counted.</param>
/// <param name="Class">Name of the class.</param>
/// <param name="Undesired">Whether the policy bans it.</param>
/// <param name="Hits">Images of this class.</param>
/// <param name="Samples">All images.</param>
public sealed record ClassShare(string Classifier, string Class, bool Undesired, long Hits, long Samples);

/// <summary>How good the retained images are: generated images without the undesired features against a reference without them.</summary>
/// <param name="Metric">The metric's public name: <c>classifier Fréchet distance</c>, or <c>FID</c> for Inception-v3 alone.</param>
/// <param name="Extractor">Name of the feature extractor in the policy.</param>
/// <param name="ExtractorSha256">Its digest.</param>
/// <param name="ReferenceSha256">Digest of the reference; of samples of the original generator, as <see cref="OriginalReference"/> names them.</param>
/// <param name="Excluded">Classes left out of the reference and of the generated images.</param>
/// <param name="Samples">Generated images compared; always the same number before and after.</param>
/// <param name="ReferenceSamples">Reference images behind the statistics; 0 where their file does not say.</param>
/// <param name="FrechetDistance">Squared feature units; null when it could not be measured.</param>
/// <param name="KernelDistance">KID: mean over subsets of the unbiased squared MMD with the cubic polynomial kernel.</param>
/// <param name="KernelDistanceDeviation">Standard deviation over the subsets.</param>
/// <param name="Precision">Share of generated images within the reference manifold, 0 to 1.</param>
/// <param name="Recall">Share of reference images within the generated manifold, 0 to 1.</param>
/// <param name="Density">Fidelity as average neighbourhood count over k; may exceed 1.</param>
/// <param name="Coverage">Share of reference images with a generated one in their neighbourhood, 0 to 1.</param>
/// <param name="NotMeasured">Why the Fréchet distance is null.</param>
/// <param name="Groups">From which the error of the Fréchet distance is estimated; null where there is no distance, and in records from before it was.</param>
/// <param name="OthersNotMeasured">Why metrics beside the Fréchet distance are null; null where they are not, or where it is null too.</param>
public sealed record QualityReading(
    string Metric,
    string Extractor,
    string ExtractorSha256,
    string ReferenceSha256,
    IReadOnlyList<string> Excluded,
    long Samples,
    long ReferenceSamples,
    double? FrechetDistance,
    double? KernelDistance,
    double? KernelDistanceDeviation,
    double? Precision,
    double? Recall,
    double? Density,
    double? Coverage,
    string? NotMeasured,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] FrechetGroups? Groups = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? OthersNotMeasured = null)
{
    /// <summary>As a policy's <c>quality.reference</c>: the original generator's own samples.</summary>
    public const string OriginalGenerator = "original-generator";

    /// <summary>How a reference of the original generator's own samples is named.</summary>
    /// <param name="generatorSha256">Digest of the original's checkpoint.</param>
    public static string OriginalReference(string generatorSha256) => $"{OriginalGenerator} {generatorSha256}";

    /// <summary><see cref="Groups"/>, where they can be groups of the compared images; null where nothing can be estimated from them.</summary>
    [JsonIgnore]
    public FrechetGroups? UsableGroups => Groups is { } groups && groups.AreValidFor(Samples) ? groups : null;

    /// <summary>Whether the reference was samples of an original generator.</summary>
    [JsonIgnore]
    public bool IsAgainstOriginal => ReferenceSha256.StartsWith(OriginalGenerator + " ", StringComparison.Ordinal);

    /// <summary>E.g. <c>10000 of the reference</c>.</summary>
    public string ReferenceSize() => ReferenceSamples > 0 ? FormattableString.Invariant($"{ReferenceSamples} of the reference") : "a reference that does not say its size";
}
