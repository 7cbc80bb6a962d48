using System.Text.Json.Serialization;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Gating;

/// <summary>The gate's verdict on one generator under one policy.</summary>
/// <param name="Passed">
/// Whether it may be released: at least one rule was judged, and every rule that applies passed, is waived, or only warns.
/// </param>
/// <param name="Findings">One for each rule, in the policy's order.</param>
/// <param name="Warnings">What did not decide anything but should be known, such as a waiver that was not needed.</param>
public sealed record Verdict(bool Passed, IReadOnlyList<Finding> Findings, IReadOnlyList<string> Warnings)
{
    private readonly Outcome? _recorded;

    /// <summary>The outcome that the findings give, whatever was set or read from a record.</summary>
    public Outcome Outcome
    {
        get => Passed || !Outcomes.FromFindings(Findings).IsPass() ? Outcomes.FromFindings(Findings) : Outcome.Failed;
        init => _recorded = value;
    }

    /// <summary>The outcome that a record states; null in records from before there was one.</summary>
    [JsonIgnore]
    public Outcome? Recorded => _recorded;
}

/// <summary>The result for one rule.</summary>
/// <param name="Rule">The rule's name, as waivers refer to it: <c>digit-8/maxRate</c>, <c>quality/maxFrechetIncrease</c>.</param>
/// <param name="State">Passed, failed, not measured (counts as failed), waived, a warning, or not applicable.</param>
/// <param name="Observed">What was measured; null when it was not.</param>
/// <param name="Judged">
/// What was compared with the limit: the observation's unfavourable bound, or the observation itself; null when not measured.
/// </param>
/// <param name="Comparator"><c>≤</c> or <c>≥</c>: how <paramref name="Judged"/> must compare with the limit.</param>
/// <param name="Limit">
/// The policy's limit, in the observation's unit; of a ratchet the accepted run's bound, and null where that is not known.
/// </param>
/// <param name="Explanation">One sentence: where the number comes from, or why there is none.</param>
/// <param name="Waiver">The live waiver of a failed rule.</param>
public sealed record Finding(
    RuleName Rule,
    FindingState State,
    double? Observed,
    double? Judged,
    string Comparator,
    double? Limit,
    string Explanation,
    Waiver? Waiver)
{
    /// <summary>
    /// Whether <see cref="Judged"/> counts in the auditor's errors; null, and left out, where no auditor judged, where the policy
    /// ignores them, and in records from before they were counted.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ErrorCorrection? AuditorErrors { get; init; }

    /// <summary>
    /// Why the rule only warns on the day of the verdict, met or not; null, and left out, where it stops a release when it is not
    /// met.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public RuleEnforcement? OnlyWarns { get; init; }

    /// <summary>Whether the rule is not met, or was not measured, and only warns.</summary>
    [JsonIgnore]
    public bool IsWarning => State is FindingState.Warned or FindingState.WarnedNotMeasured;

    /// <summary>Whether the rule prevents a release.</summary>
    [JsonIgnore]
    public bool StopsRelease => State is FindingState.Failed or FindingState.NotMeasured;
}

/// <summary>The state of a rule.</summary>
public enum FindingState
{
    /// <summary>The limit is met.</summary>
    Passed,

    /// <summary>The limit is not met.</summary>
    Failed,

    /// <summary>It is unknown whether the limit is met; counts as failed, and cannot be waived.</summary>
    NotMeasured,

    /// <summary>The limit is not met, and a live waiver lets it pass.</summary>
    Waived,

    /// <summary>The limit is not met, and the rule only warns.</summary>
    Warned,

    /// <summary>It is unknown whether the limit is met, and the rule only warns.</summary>
    WarnedNotMeasured,

    /// <summary>
    /// There was nothing to compare with the limit, such as a growth where nothing was trained; it neither passes nor fails.
    /// </summary>
    NotApplicable,
}
