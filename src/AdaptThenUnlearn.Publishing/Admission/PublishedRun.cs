using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Publishing.Admission;

/// <summary>A run as it is told on a pull request: its record, and what came of judging it again.</summary>
/// <param name="Record">As read.</param>
/// <param name="Verification">The stored readings, judged again today.</param>
/// <param name="Policy">What was judged by.</param>
/// <param name="PolicyText">Its text, in which annotations have their lines.</param>
/// <param name="PolicyFile">Its path from the repository's root; null when it lies elsewhere.</param>
public sealed record PublishedRun(RunRecord Record, Verification Verification, UnlearningPolicy Policy, string PolicyText, string? PolicyFile)
{
    /// <summary>Whether a failed gate is only told, and stops nothing.</summary>
    public bool Advisory { get; init; }

    /// <summary>Whether the record comes from a build that anyone may have changed.</summary>
    public bool Untrusted { get; init; }

    /// <summary>Whether it was judged by the repository's policy rather than by the one its record holds.</summary>
    public bool JudgedByTrustedPolicy { get; init; }

    /// <summary>Whether that is another policy than the run's own.</summary>
    public bool PolicyDiffers { get; init; }

    /// <summary>JSON paths of the trusted policy's pins that are missing, without which another build could have measured with any file.</summary>
    public IReadOnlyList<string> UnpinnedPaths { get; init; } = [];

    /// <summary>Whether rules are met by an untrusted record that nothing holds to this repository's policy and files: a claim, and no verdict.</summary>
    public bool IsUnproven => Untrusted && Verification.Passed && (!JudgedByTrustedPolicy || UnpinnedPaths.Count > 0);

    /// <summary>The commit that was measured.</summary>
    public string HeadSha { get; init; } = "";

    /// <summary>The build's page; a link that may be shown.</summary>
    public string? RunUrl { get; init; }

    /// <summary>Where the evidence lies; a link that may be shown.</summary>
    public string? ArtifactUrl { get; init; }

    /// <summary>What came of it, as it is told; failed where the record does not stand.</summary>
    public Outcome Outcome => IsUnproven ? Outcome.NotProven : Verification.Outcome.WithAdvisory(Advisory);

    /// <summary>The findings in the order in which they are told: what has to be looked at first.</summary>
    public IReadOnlyList<Finding> Findings =>
    [
        .. Verification.Verdict.Findings.OrderBy(finding => finding.State switch
        {
            FindingState.Failed => 0,
            FindingState.NotMeasured => 1,
            FindingState.Waived => 2,
            FindingState.Passed => 3,
            _ => 4,
        }),
    ];
}
