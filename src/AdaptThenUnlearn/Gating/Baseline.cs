using System.Text.Json.Serialization;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Gating;

/// <summary>The readings of the last accepted run, than which a generator may not be worse, as a record keeps them.</summary>
/// <param name="Sha256">Digest of the accepted run's record, 64 lower-case hexadecimal digits.</param>
/// <param name="PolicySha256">Digest of the policy in effect of that run.</param>
/// <param name="Finished">When that run was judged; UTC.</param>
/// <param name="Measured">Of the generator that the run released.</param>
/// <param name="Looks">How many looks that run could have taken at a rate, at least 1; its bounds share the error.</param>
/// <param name="Auditors">How each feature was counted.</param>
/// <param name="ShareCounter">Name of the classifier that counted the classes; null, and left out, where none did.</param>
/// <param name="ShareCounterSha256">
/// Its digest, as it is used; null, and left out, where the record does not say it.
/// </param>
/// <param name="ExtractorSha256">
/// Digest of the classifier that compared the images, as it is used; null, and left out, where it is that of the reading.
/// </param>
/// <param name="Attackers">What guided the attacks; null, and left out, where the policy asked for none.</param>
public sealed record Baseline(
    string Sha256,
    string PolicySha256,
    DateTimeOffset Finished,
    Measurement Measured,
    int Looks,
    IReadOnlyList<FeatureAuditor> Auditors,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? ShareCounter = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? ShareCounterSha256 = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? ExtractorSha256 = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] Attackers? Attackers = null);

/// <summary>How a feature is counted: by which classifier, and from which probability on.</summary>
/// <param name="Feature">Name of the feature.</param>
/// <param name="Sha256">
/// Digest of the auditor, as it is used; null where it is not known, which is comparable with nothing.
/// </param>
/// <param name="Threshold">The policy's threshold; null, and left out, where it gives none.</param>
public sealed record FeatureAuditor(
    string Feature,
    string? Sha256,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Threshold = null)
{
    /// <summary>How each feature of a policy is counted.</summary>
    /// <param name="policy">Names the auditors.</param>
    /// <param name="digestOf">The digest of a classifier, as it is used, by its name; null where it is not known.</param>
    public static IReadOnlyList<FeatureAuditor> ListAll(UnlearningPolicy policy, Func<string, string?> digestOf) =>
        [.. policy.UndesiredFeatures.Select(feature => Of(feature, policy, digestOf))];

    /// <summary>How a feature of a policy is counted.</summary>
    internal static FeatureAuditor Of(UndesiredFeature feature, UnlearningPolicy policy, Func<string, string?> digestOf)
    {
        // A calibration's threshold is part of the digest.
        var auditor = feature.Auditor ?? feature.Annotator;
        var isCalibrated = policy.Classifiers.GetValueOrDefault(auditor)?.Calibration is not null;
        return new FeatureAuditor(
            feature.Name, digestOf(auditor), isCalibrated ? null : feature.AuditorThreshold ?? feature.Threshold);
    }
}

/// <summary>
/// What guides the attacks of a run, and is not in their readings: another guide makes a weaker or a stronger attack.
/// </summary>
/// <param name="Annotators">Of each feature, with the threshold that the feature has for it.</param>
/// <param name="ImagesSha256">
/// Digest of the given images that are reconstructed; null, and left out, where there are none, or where they are not known.
/// </param>
/// <param name="OriginalSha256">
/// Digest of the generator before it was unlearned, which attacks start from or lead to; null, and left out, where it is not
/// known.
/// </param>
public sealed record Attackers(
    IReadOnlyList<FeatureAuditor> Annotators,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? ImagesSha256 = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? OriginalSha256 = null)
{
    /// <summary>What guides the attacks that a policy asks for; null where it asks for none.</summary>
    /// <param name="policy">Names the annotators.</param>
    /// <param name="digestOf">The digest of a classifier, as it is used, by its name; null where it is not known.</param>
    /// <param name="imagesSha256">Digest of the given images; null where there are none.</param>
    /// <param name="originalSha256">Digest of the policy's generator; null where it is not known.</param>
    public static Attackers? Of(
        UnlearningPolicy policy, Func<string, string?> digestOf, string? imagesSha256, string? originalSha256) =>
        policy.Audits is not { Count: > 0 } ? null : new Attackers(
            [.. policy.UndesiredFeatures.Select(
                feature => new FeatureAuditor(feature.Name, digestOf(feature.Annotator), feature.Threshold))],
            imagesSha256,
            originalSha256);
}

/// <summary>What a generator is compared with, so that it is not worse than the last that was accepted.</summary>
/// <param name="Baseline">Of the last accepted run.</param>
/// <param name="Auditors">How the features of the generator under judgement are counted.</param>
/// <param name="ShareCounterSha256">
/// Digest of the classifier that counts its classes, as it is used; null where it is not known.
/// </param>
/// <param name="PolicySha256">Digest of the policy in effect; null where it is not to be compared.</param>
/// <param name="Attackers">What guides the attacks on it; null where there are none.</param>
public sealed record Ratchet(
    Baseline Baseline,
    IReadOnlyList<FeatureAuditor> Auditors,
    string? ShareCounterSha256,
    string? PolicySha256 = null,
    Attackers? Attackers = null);
