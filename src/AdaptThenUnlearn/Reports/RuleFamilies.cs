using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Reports;

/// <summary>Folds rules that differ only in their class and need no attention, so that a table stays short.</summary>
/// <remarks>A rule that failed, is waived, warns or was not measured always has a row of its own.</remarks>
public static class RuleFamilies
{
    private const int Smallest = 3;

    /// <summary>The rows of a table of rules, in the verdict's order; a family stands where its first rule stood.</summary>
    /// <param name="findings">Of a verdict.</param>
    public static IReadOnlyList<RuleFamily> Fold(IReadOnlyCollection<Finding> findings) =>
        [.. findings
            .Select((finding, place) => (finding, key: IsFoldable(finding) ? Key(finding) : place))
            .GroupBy(each => each.key, each => each.finding)
            .SelectMany(group => group.Count() < Smallest
                ? group.Select(finding => new RuleFamily([finding]))
                : [new RuleFamily([.. group])])];

    private static bool IsFoldable(Finding finding) =>
        finding is { State: FindingState.Passed, Judged: not null } or { State: FindingState.NotApplicable }
        && finding is { Waiver: null, Rule: { Limit: RuleLimit.MinShareKept or RuleLimit.NoWorseShare, Subject: not null } };

    // What does not apply is alike only for the same reason; what passed has its own numbers, and they are shown as a range.
    private static object Key(Finding finding) => (
        finding.State,
        finding.Rule.Limit,
        finding.Limit,
        finding.Comparator,
        finding.State is FindingState.NotApplicable ? finding.Explanation : "");
}

/// <summary>One row of a table of rules: a rule, or several that differ only in their class.</summary>
/// <param name="Findings">At least one; of the same limit and state.</param>
public sealed record RuleFamily(IReadOnlyList<Finding> Findings)
{
    /// <summary>Whether the row stands for several rules.</summary>
    public bool IsFolded => Findings.Count > 1;

    /// <summary>The rule's name; of a family, the part that its rules share, e.g. <c>quality/minShareKept</c>.</summary>
    public RuleName Rule => IsFolded ? Findings[0].Rule with { Subject = null } : Findings[0].Rule;

    /// <summary>The finding that is nearest to the limit.</summary>
    public Finding Nearest => Findings.MinBy(Distance)!;

    /// <summary>The finding that is farthest from the limit.</summary>
    public Finding Farthest => Findings.MaxBy(Distance)!;

    private static double? Distance(Finding finding) =>
        finding is { Judged: { } judged, Limit: { } limit } ? Math.Abs(judged - limit) : null;
}
