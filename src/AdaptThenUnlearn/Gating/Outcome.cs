using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Gating;

/// <summary>The result of a run. Every report and command shows this one.</summary>
public enum Outcome
{
    /// <summary>Every rule that applies is met.</summary>
    Passed,

    /// <summary>
    /// What is not met is waived: the generator may be released while the waivers last, and does not meet the policy as written.
    /// </summary>
    PassedWithWaivers,

    /// <summary>
    /// What stops a release is met, and something that only warns is not: the generator may be released, and does not meet the
    /// policy as written.
    /// </summary>
    PassedWithWarnings,

    /// <summary>
    /// Every rule only warns, so that nothing could fail: the generator may be released, and nothing is proven by that.
    /// </summary>
    NotEnforced,

    /// <summary>At least one rule is not met and not waived.</summary>
    Failed,

    /// <summary>
    /// No rule is known to be broken, and at least one was not measured, or none was judged at all; counts as failed.
    /// </summary>
    NotMeasured,

    /// <summary>
    /// Failed or not measured, and let through on request. Never in a record, which is the same evidence either way.
    /// </summary>
    Advisory,

    /// <summary>
    /// The rules are met according to a build that anyone may have changed, and nothing ties it to the repository's own policy
    /// and files. Not a verdict, and never in a record.
    /// </summary>
    NotProven,
}

/// <summary>How an outcome follows from findings, and what follows from it.</summary>
public static class Outcomes
{
    /// <summary>The outcome that findings give.</summary>
    /// <param name="findings">One for each rule.</param>
    public static Outcome FromFindings(IReadOnlyCollection<Finding> findings)
    {
        if (Any(FindingState.Failed))
            return Outcome.Failed;
        if (Any(FindingState.NotMeasured) || findings.All(finding => finding.State is FindingState.NotApplicable))
            return Outcome.NotMeasured;

        // That an export is like the artifact proves nothing where no rule on the artifact is enforced.
        var enforced = findings.Where(finding => finding.OnlyWarns is null).ToList();
        if (enforced.TrueForAll(finding => finding.Rule.Form is not null && finding.Rule.Limit is not RuleLimit.MaxShippedRate))
            return Outcome.NotEnforced;

        // What only warns does not make a pass of rules that were not judged.
        if (!findings.Any(finding => finding is { OnlyWarns: null, State: FindingState.Passed or FindingState.Waived }))
            return Outcome.NotMeasured;
        return Any(FindingState.Waived) ? Outcome.PassedWithWaivers
            : findings.Any(finding => finding.IsWarning) ? Outcome.PassedWithWarnings
            : Outcome.Passed;

        bool Any(FindingState state) => findings.Any(finding => finding.State == state);
    }

    /// <summary>Whether the generator may be released.</summary>
    public static bool IsPass(this Outcome outcome) => outcome
        is Outcome.Passed or Outcome.PassedWithWaivers or Outcome.PassedWithWarnings or Outcome.NotEnforced;

    /// <summary>The outcome as it is shown where a failed gate does not stop anything.</summary>
    /// <param name="outcome">Of the gate.</param>
    /// <param name="advisory">Whether a failed gate is let through.</param>
    public static Outcome WithAdvisory(this Outcome outcome, bool advisory) =>
        advisory && !outcome.IsPass() ? Outcome.Advisory : outcome;
}
