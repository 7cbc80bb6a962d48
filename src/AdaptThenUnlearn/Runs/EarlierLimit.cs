using System.Globalization;
using System.Text.Json.Serialization;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Runs;

/// <summary>How often a generator may emit a feature, by an earlier run of it.</summary>
/// <param name="Feature">Name of the feature in that run's policy.</param>
/// <param name="Class">The auditor's class that shows it.</param>
/// <param name="AuditorSha256">Digest of the auditor, as it is used.</param>
/// <param name="MaxRate">
/// Largest allowed share of images, 0 to 1. Where the policy had <c>minUnlearned</c> alone, the share that it left of the rate
/// before.
/// </param>
/// <param name="Threshold">The auditor's threshold; null, and left out, where the policy gave none.</param>
public sealed record EarlierLimit(
    string Feature,
    string Class,
    string AuditorSha256,
    double MaxRate,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Threshold = null)
{
    /// <summary>Whether the rule by which a feature is limited stops a release.</summary>
    internal static bool IsEnforced(UndesiredFeature feature, UnlearningPolicy policy, DateOnly today) =>
        feature.RuleNames().Any(rule => policy.FindLeniency(rule, today) is null);

    /// <summary>The limit of a feature, as later runs must keep it.</summary>
    internal static EarlierLimit Of(
        UndesiredFeature feature, UnlearningPolicy policy, IReadOnlyList<InputFile> inputs, Measurement before,
        DateOnly today)
    {
        var auditor = FeatureAuditor.Of(feature, policy, name => AcceptedRun.DigestOf(name, policy, inputs));
        return new EarlierLimit(
            feature.Name,
            feature.Class,
            auditor.Sha256 ?? throw new ArgumentException("an auditor is not among the inputs", nameof(inputs)),
            feature.MaxRate is { } most && policy.FindLeniency(RuleName.MaxRate(feature.Name), today) is null
                ? most
                : Math.Max(
                    feature.MaxRate ?? 0,
                    LeftBy(feature.MinUnlearned ?? 0, policy, before.Features.First(read => read.Feature == feature.Name))),
            auditor.Threshold);
    }

    /// <summary>Why a policy does not keep this limit, in words that follow "and"; null where it does.</summary>
    internal string? WhyUnkept(UnlearningPolicy policy, Func<string, string?> digestOf, DateOnly today)
    {
        var same = policy.UndesiredFeatures
            .Where(own => own.Class == Class && IsAsStrict(FeatureAuditor.Of(own, policy, digestOf)))
            .ToList();
        var limited = same.Where(own => own.MaxRate <= MaxRate).ToList();
        return same.Count == 0
                ? $"this policy has no feature with that class, auditor (SHA-256 {AuditorSha256}) and threshold: add it, with "
                    + $"\"maxRate\": {Number} or less"
            : limited.Count == 0
                ? $"'maxRate' of '{same[0].Name}' must be {Number} or less"
            : limited.TrueForAll(own => policy.FindLeniency(RuleName.MaxRate(own.Name), today) is not null)
                ? $"'{RuleName.MaxRate(limited[0].Name)}' only warns: it must stop a release"
            : null;
    }

    internal bool IsWhole() =>
        IsKey(Feature) && !string.IsNullOrWhiteSpace(Class) && IsDigest(AuditorSha256)
        && MaxRate is >= 0 and <= 1 && Threshold is null or (> 0 and < 1);

    /// <summary>Whether a text from a file is the key of a policy or a feature.</summary>
    internal static bool IsKey(string? text) =>
        text is { Length: > 0 and <= 64 }
        && text.All(letter => char.IsAsciiLetterLower(letter) || char.IsAsciiDigit(letter) || letter == '-');

    /// <summary>Whether a text from a file is a SHA-256 as it is written here.</summary>
    internal static bool IsDigest(string? text) => text is { Length: 64 } && text.All(char.IsAsciiHexDigitLower);

    private string Number => MaxRate.ToString(CultureInfo.InvariantCulture);

    // A lower threshold sees the feature in more images.
    private bool IsAsStrict(FeatureAuditor own) => own.Sha256 == AuditorSha256
        && (own.Threshold is { } threshold ? threshold <= Threshold : Threshold is null);

    // No bound can be below the smallest rate that the policy's sample proves.
    private static double LeftBy(double minUnlearned, UnlearningPolicy policy, FeatureReading before) => Math.Max(
        (1 - minUnlearned) * before.Looks[0].Hits / before.Looks[0].Samples, policy.Evaluation.SmallestProvableRate());
}
