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
public sealed record Baseline(
    string Sha256,
    string PolicySha256,
    DateTimeOffset Finished,
    Measurement Measured,
    int Looks,
    IReadOnlyList<FeatureAuditor> Auditors,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? ShareCounter = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? ShareCounterSha256 = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? ExtractorSha256 = null);

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
        [.. policy.UndesiredFeatures.Select(feature => new FeatureAuditor(
            feature.Name, digestOf(feature.Auditor ?? feature.Annotator), feature.AuditorThreshold ?? feature.Threshold))];
}

/// <summary>What a generator is compared with, so that it is not worse than the last that was accepted.</summary>
/// <param name="Baseline">Of the last accepted run.</param>
/// <param name="Auditors">How the features of the generator under judgement are counted.</param>
/// <param name="ShareCounterSha256">
/// Digest of the classifier that counts its classes, as it is used; null where it is not known.
/// </param>
/// <param name="PolicySha256">Digest of the policy in effect; null where it is not to be compared.</param>
public sealed record Ratchet(
    Baseline Baseline, IReadOnlyList<FeatureAuditor> Auditors, string? ShareCounterSha256, string? PolicySha256 = null);
