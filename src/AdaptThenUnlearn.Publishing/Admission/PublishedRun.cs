using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Publishing.Admission;

/// <summary>
/// A run as it is published: its record, and the verdict of judging it again. The reader makes it, and nothing changes it.
/// </summary>
/// <param name="Record">The record as it was read.</param>
/// <param name="Verification">Today's verdict on the stored readings.</param>
/// <param name="Policy">The policy that the run was judged by.</param>
/// <param name="PolicyText">Text of that policy, in which annotations find their lines.</param>
/// <param name="PolicyFile">Path of that policy from the repository's root; null where it is outside the repository.</param>
public sealed record PublishedRun(
    RunRecord Record, Verification Verification, UnlearningPolicy Policy, string PolicyText, string? PolicyFile)
{
    /// <summary>Whether the record comes from a build that anyone may have changed.</summary>
    public bool Untrusted { get; init; }

    /// <summary>Whether it was judged by the repository's policy rather than by the one in its record.</summary>
    public bool JudgedByTrustedPolicy { get; init; }

    /// <summary>Whether the repository's policy differs from the one in the record.</summary>
    public bool PolicyDiffers { get; init; }

    /// <summary>The policy with the seed that the readings were taken with: under a lock, it is not the policy's own.</summary>
    public UnlearningPolicy MeasuredPolicy => Record.Lock is null
        ? Policy
        : Policy with { Evaluation = Policy.Evaluation with { Seed = Record.Before.Seed } };

    /// <summary>
    /// JSON paths of the pins that the trusted policy lacks. Without them another build could have measured with any file.
    /// </summary>
    public IReadOnlyList<string> UnpinnedPaths { get; init; } = [];

    /// <summary>
    /// Whether an untrusted build chose the accepted run that it was compared with: nothing shows that it is this repository's.
    /// </summary>
    public bool ChoseBaseline => Untrusted && Verification.Verdict.Findings.Any(finding => finding.Rule.IsOfRatchet);

    /// <summary>
    /// Earlier runs of the same policy and generator, oldest first. They are shown as recorded and decide nothing.
    /// </summary>
    public IReadOnlyList<RunRecord> Earlier { get; init; } = [];

    /// <summary>The run of the base branch that this one is compared with; null where none is at hand.</summary>
    public RunRecord? Baseline { get; init; }

    /// <summary>
    /// Whether an untrusted record meets the rules and is not tied to this repository's policy and files: a claim, not a verdict.
    /// </summary>
    public bool IsUnproven => Untrusted && Verification.Passed &&
        (!JudgedByTrustedPolicy || UnpinnedPaths.Count > 0 || ChoseBaseline);

    /// <summary>The outcome; failed where the record is not valid.</summary>
    public Outcome Outcome => IsUnproven ? Outcome.NotProven : Verification.Outcome;

    /// <summary>The findings in the order in which pages show them: what needs attention comes first.</summary>
    public IReadOnlyList<Finding> Findings =>
    [
        .. Verification.Verdict.Findings.OrderBy(finding => finding.State switch
        {
            FindingState.Failed => 0,
            FindingState.NotMeasured => 1,
            FindingState.Waived => 2,
            FindingState.Warned or FindingState.WarnedNotMeasured => 3,
            FindingState.Passed => 4,
            _ => 5,
        }),
    ];

    /// <summary>
    /// The outcome where a failed gate may be only advice. What is not proven stays so: there is no failed gate to let through.
    /// </summary>
    /// <param name="advisory">Whether a failed gate stops nothing.</param>
    public Outcome OutcomeWithAdvisory(bool advisory) => IsUnproven ? Outcome : Outcome.WithAdvisory(advisory);
}
