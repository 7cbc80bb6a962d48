using System.Text.Json;
using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Policies;

/// <summary>The name of a rule: which limit it checks, and for which feature or class.</summary>
/// <remarks>
/// Rule names are built, parsed and compared here alone. Names of features contain no <c>/</c>, so a feature called
/// <c>quality</c> is not confused with the section of that name. Names of classes may contain any character.
/// </remarks>
/// <param name="Limit">Which limit.</param>
/// <param name="Subject">
/// The feature, or the kept class; null where the limit concerns the images as a whole. The whole text if the limit is unknown.
/// </param>
/// <param name="Attack">The attack, where the limit is about one; else null.</param>
/// <param name="Form">The shipped file, where the limit is about one; else null.</param>
[JsonConverter(typeof(RuleNameJson))]
public readonly record struct RuleName(RuleLimit Limit, string? Subject = null, string? Attack = null, string? Form = null)
{
    private const string Section = "quality";
    private const string Shipped = "shippedAs";   // no feature is called so: names have no capitals

    /// <summary>The rule about the Fréchet distance.</summary>
    public static RuleName MaxFrechetDistance { get; } = new(RuleLimit.MaxFrechetDistance);

    /// <summary>The rule about the growth of the Fréchet distance.</summary>
    public static RuleName MaxFrechetIncrease { get; } = new(RuleLimit.MaxFrechetIncrease);

    /// <summary>The rule about a feature's rate.</summary>
    /// <param name="feature">The feature's name.</param>
    public static RuleName MaxRate(string feature) => new(RuleLimit.MaxRate, feature);

    /// <summary>The rule about how much of a feature is unlearned.</summary>
    /// <param name="feature">The feature's name.</param>
    public static RuleName MinUnlearned(string feature) => new(RuleLimit.MinUnlearned, feature);

    /// <summary>The rule about the share that a class keeps.</summary>
    /// <param name="kept">The class; null for all of them, where nobody knows which there are.</param>
    public static RuleName MinShareKept(string? kept = null) => new(RuleLimit.MinShareKept, kept);

    /// <summary>The rule that a feature is not more frequent than in the last accepted run.</summary>
    /// <param name="feature">The feature's name.</param>
    public static RuleName NoWorseRate(string feature) => new(RuleLimit.NoWorseRate, feature);

    /// <summary>The rule that the Fréchet distance is not larger than in the last accepted run.</summary>
    public static RuleName NoWorseDistance { get; } = new(RuleLimit.NoWorseDistance);

    /// <summary>The rule that a class is not rarer than in the last accepted run.</summary>
    /// <param name="kept">The class; null for all of them, where nobody knows which there are.</param>
    public static RuleName NoWorseShare(string? kept = null) => new(RuleLimit.NoWorseShare, kept);

    /// <summary>The rule that an attack does not succeed more often than in the last accepted run.</summary>
    /// <param name="feature">The feature's name.</param>
    /// <param name="attack">The attack's name.</param>
    public static RuleName NoWorseSuccess(string feature, string attack) => new(RuleLimit.NoWorseSuccess, feature, attack);

    /// <summary>The rule about an attack's success.</summary>
    /// <param name="feature">The feature's name.</param>
    /// <param name="attack">The attack's name.</param>
    public static RuleName MaxSuccess(string feature, string attack) => new(RuleLimit.MaxSuccess, feature, attack);

    /// <summary>The rule about a feature's rate in a shipped file.</summary>
    /// <param name="feature">The feature's name.</param>
    /// <param name="form">The file's name in the policy.</param>
    public static RuleName MaxShippedRate(string feature, string form) => new(RuleLimit.MaxShippedRate, feature, Form: form);

    /// <summary>The rule about how often a shipped file gets another answer than the artifact.</summary>
    /// <inheritdoc cref="MaxShippedRate"/>
    public static RuleName MaxParityDifference(string feature, string form) =>
        new(RuleLimit.MaxParityDifference, feature, Form: form);

    /// <summary>The rule that a shipped file does not show a feature significantly more often than the artifact.</summary>
    /// <inheritdoc cref="MaxShippedRate"/>
    public static RuleName NoMoreHits(string feature, string form) => new(RuleLimit.NoMoreHits, feature, Form: form);

    /// <summary>The rule about the pixels of a shipped file.</summary>
    /// <param name="form">The file's name in the policy.</param>
    public static RuleName MaxPixelDifference(string form) => new(RuleLimit.MaxPixelDifference, Form: form);

    /// <summary>The rule about the Fréchet distance between a shipped file's images and the artifact's.</summary>
    /// <param name="form">The file's name in the policy.</param>
    public static RuleName MaxFrechetDifference(string form) => new(RuleLimit.MaxFrechetDifference, Form: form);

    /// <summary>Parses a name.</summary>
    /// <param name="text">E.g. <c>digit-8/maxRate</c>; may be any text.</param>
    /// <returns>A name whose text is the given one; <see cref="RuleLimit.Unknown"/> where no rule has it.</returns>
    public static RuleName Parse(string text) => text.Split('/', 3) switch
    {
        [Section, "maxFrechetDistance"] => MaxFrechetDistance,
        [Section, "maxFrechetIncrease"] => MaxFrechetIncrease,
        [Section, "minShareKept"] => MinShareKept(),
        [Section, "minShareKept", var kept] => MinShareKept(kept),
        [Section, "frechetNoWorseThanBaseline"] => NoWorseDistance,
        [Section, "shareNoWorseThanBaseline"] => NoWorseShare(),
        [Section, "shareNoWorseThanBaseline", var kept] => NoWorseShare(kept),
        [var feature, "noWorseThanBaseline"] => NoWorseRate(feature),
        [var feature, "noWorseThanBaseline", var attack] => NoWorseSuccess(feature, attack),
        [var feature, "maxRate"] => MaxRate(feature),
        [var feature, "minUnlearned"] => MinUnlearned(feature),
        [Shipped, "maxPixelDifference", var form] => MaxPixelDifference(form),
        [Shipped, "maxFrechetDifference", var form] => MaxFrechetDifference(form),
        [var feature, "maxRate", var form] => MaxShippedRate(feature, form),
        [var feature, "maxParityDifference", var form] => MaxParityDifference(feature, form),
        [var feature, "noMoreHits", var form] => NoMoreHits(feature, form),
        [var feature, "maxSuccess", var attack] => MaxSuccess(feature, attack),
        _ => new(RuleLimit.Unknown, text),
    };

    /// <summary>
    /// The limit's property in a policy, for example <c>maxRate</c>; the last part of the name where a rule has no property, and
    /// empty for an unknown rule.
    /// </summary>
    public string Property => Limit switch
    {
        RuleLimit.MaxRate or RuleLimit.MaxShippedRate => "maxRate",
        RuleLimit.MaxParityDifference => "maxParityDifference",
        RuleLimit.NoMoreHits => "noMoreHits",
        RuleLimit.MaxPixelDifference => "maxPixelDifference",
        RuleLimit.MaxFrechetDifference => "maxFrechetDifference",
        RuleLimit.MinUnlearned => "minUnlearned",
        RuleLimit.MaxFrechetDistance => "maxFrechetDistance",
        RuleLimit.MaxFrechetIncrease => "maxFrechetIncrease",
        RuleLimit.MinShareKept => "minShareKept",
        RuleLimit.MaxSuccess => "maxSuccess",
        RuleLimit.NoWorseRate or RuleLimit.NoWorseSuccess => "noWorseThanBaseline",
        RuleLimit.NoWorseDistance => "frechetNoWorseThanBaseline",
        RuleLimit.NoWorseShare => "shareNoWorseThanBaseline",
        _ => "",
    };

    /// <summary>Whether the rule limits an undesired feature.</summary>
    public bool IsOfFeature => Limit is RuleLimit.MaxRate or RuleLimit.MinUnlearned or RuleLimit.NoWorseRate;

    /// <summary>Whether the rule compares with the last accepted run; then its limit is not in the policy.</summary>
    public bool IsOfRatchet => Limit is
        RuleLimit.NoWorseRate or RuleLimit.NoWorseDistance or RuleLimit.NoWorseShare or RuleLimit.NoWorseSuccess;

    /// <summary>Whether the rule's numbers are shares; others are distances, levels of a pixel, or probabilities.</summary>
    public bool IsShare => Limit is not (
        RuleLimit.MaxFrechetDistance or RuleLimit.NoWorseDistance or RuleLimit.MaxFrechetDifference
        or RuleLimit.MaxPixelDifference or RuleLimit.NoMoreHits);

    /// <summary>The name as waivers and records write it.</summary>
    public override string ToString() =>
        Limit is RuleLimit.Unknown ? Subject ?? ""
        : Attack is not null ? $"{Subject}/{Property}/{Attack}"
        : Form is not null ? $"{Subject ?? Shipped}/{Property}/{Form}"
        : IsOfFeature ? $"{Subject}/{Property}"
        : Subject is null ? $"{Section}/{Property}"
        : $"{Section}/{Property}/{Subject}";

    private sealed class RuleNameJson : JsonConverter<RuleName>
    {
        public override RuleName Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType is JsonTokenType.String
                ? Parse(reader.GetString()!)
                : throw new JsonException("a rule's name must be a text");

        public override void Write(Utf8JsonWriter writer, RuleName value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.ToString());
    }
}

/// <summary>The limits that a policy can set.</summary>
public enum RuleLimit
{
    /// <summary>A limit that this version does not know.</summary>
    Unknown,

    /// <summary>Largest share of the images that may show a feature.</summary>
    MaxRate,

    /// <summary>Smallest part of a feature that must be unlearned.</summary>
    MinUnlearned,

    /// <summary>Largest Fréchet distance.</summary>
    MaxFrechetDistance,

    /// <summary>Largest growth of the Fréchet distance.</summary>
    MaxFrechetIncrease,

    /// <summary>Smallest part of its share that a class must keep.</summary>
    MinShareKept,

    /// <summary>Largest share of the images that may show a feature, by the last accepted run.</summary>
    NoWorseRate,

    /// <summary>Largest Fréchet distance, by the last accepted run.</summary>
    NoWorseDistance,

    /// <summary>Smallest share of the images that a class must have, by the last accepted run.</summary>
    NoWorseShare,

    /// <summary>Largest share of an attack's attempts that may succeed, by the last accepted run.</summary>
    NoWorseSuccess,

    /// <summary>Largest share of an attack's attempts that may succeed.</summary>
    MaxSuccess,

    /// <summary>Largest share of a shipped file's images that may show a feature.</summary>
    MaxShippedRate,

    /// <summary>Largest share of the images for which a shipped file's answer may be another than the artifact's.</summary>
    MaxParityDifference,

    /// <summary>Smallest probability that a shipped file shows a feature so much more often by chance.</summary>
    NoMoreHits,

    /// <summary>Largest difference of a pixel between a shipped file and the artifact.</summary>
    MaxPixelDifference,

    /// <summary>Largest Fréchet distance between a shipped file's images and the artifact's.</summary>
    MaxFrechetDifference,
}
