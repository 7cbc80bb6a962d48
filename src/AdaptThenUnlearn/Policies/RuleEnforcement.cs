using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Policies;

/// <summary>When a rule begins to stop a release, and whether it does so at all. Rules without one stop it always.</summary>
/// <param name="Rule">
/// Name of the rule, such as <c>digit-8/maxRate</c>; <c>quality/minShareKept</c> stands for every class without its own entry.
/// </param>
/// <param name="Severity">
/// <c>error</c>: a rule that is not met stops the release. <c>warn</c>: it is a warning, whatever the day.
/// </param>
/// <param name="EffectiveFrom">
/// First UTC day on which the rule stops a release, yyyy-MM-dd; until then it only warns. When absent, it does so at once.
/// </param>
[NeedsOneOf("severity", "effectiveFrom")]
public sealed record RuleEnforcement(
    [NotBlank, Examples("digit-8/maxRate", "quality/minShareKept")] string Rule,
    [KnownName(NameKind.RuleSeverity), AbsentMeans(RuleEnforcement.Error)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Severity = null,
    [Day, Examples("2027-01-01")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? EffectiveFrom = null)
{
    /// <summary>The rule stops a release.</summary>
    public const string Error = "error";

    /// <summary>The rule warns.</summary>
    public const string Warn = "warn";

    /// <summary>The values of <see cref="Severity"/>.</summary>
    internal static IReadOnlyList<string> Severities { get; } = [Error, Warn];

    /// <summary>Whether a rule that is not met is only a warning. A day that is none counts as begun.</summary>
    /// <param name="today">UTC day.</param>
    public bool OnlyWarns(DateOnly today) => Severity == Warn || Waiver.ParseDay(EffectiveFrom) > today;

    /// <summary>
    /// Why the rule only warns, e.g. <c>it only warns until it takes effect on 2027-01-01</c>; without a full stop.
    /// </summary>
    [JsonIgnore]
    public string Why => Severity == Warn
        ? "by its severity it only warns"
        : $"it only warns until it takes effect on {EffectiveFrom}";

    internal IEnumerable<PolicyFinding> Check(JsonPath at, UnlearningPolicy policy) =>
    [
        .. RuleName.Parse(Rule) is { Limit: RuleLimit.MinShareKept or RuleLimit.NoWorseShare, Subject: null }
            && policy.Quality?.MinShareKept is not null
            ? []
            : policy.CheckRule(at["rule"], Rule),
        .. at["rule"].Must(
            !policy.IsAdvisory(RuleName.Parse(Rule)),
            "has no effect: the attack is 'advisory', so its rule warns on every day; remove one of them",
            JsonPath.Root["audits"]),
        .. at["effectiveFrom"].Must(
            Severity != Warn || EffectiveFrom is null,
            $"has no effect: with 'severity' '{Warn}' the rule warns on every day; leave one of them out", at["severity"]),
    ];
}
