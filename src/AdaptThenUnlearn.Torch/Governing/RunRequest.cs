using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>What a run is asked to do.</summary>
/// <param name="Policy">Without errors.</param>
/// <param name="Source">The policy as it was written.</param>
/// <param name="Resume">Whether to continue where an interrupted run stopped.</param>
/// <param name="Train">Whether undesired features are unlearned; otherwise the generator is only judged.</param>
/// <param name="Device">Where tensors are.</param>
/// <param name="Tool">Name and version of the tool, for the record.</param>
/// <param name="DiscardOtherRuns">
/// Whether to start over where the saved state is another run's; otherwise such a state is an error.
/// </param>
/// <param name="Origin">The build that the run is part of, for the record; null where nothing is known of one.</param>
/// <param name="Parts">
/// Files of every part of the original's measurement, in any order; null to measure it here. Only without
/// <paramref name="Train"/>.
/// </param>
/// <param name="Lock">
/// The policy's lock, of this very policy, under which the generator is measured and judged; null without one.
/// </param>
/// <param name="Accepted">The last accepted run, than which the generator may not be worse; null without one.</param>
/// <param name="TrustsAttack">
/// Whether an attack that an interrupted run finished may be resumed from, given its folder and file name: it is not signed, and
/// decides the verdict. Null where none is trusted.
/// </param>
public sealed record RunRequest(
    UnlearningPolicy Policy,
    PolicySource Source,
    bool Resume,
    bool Train,
    Device Device,
    string Tool,
    bool DiscardOtherRuns = false,
    BuildOrigin? Origin = null,
    IReadOnlyList<string>? Parts = null,
    RequestedLock? Lock = null,
    AcceptedRun? Accepted = null,
    Func<string, string, bool>? TrustsAttack = null);

/// <summary>The lock under which a run is to be made.</summary>
/// <param name="PolicySha256">The lock's digest: that of the policy in effect.</param>
/// <param name="Time">When the policy was locked, as the lock says; UTC.</param>
/// <param name="Stamped">The time in the lock's time-stamp token; null where it has none.</param>
public sealed record RequestedLock(string PolicySha256, DateTimeOffset Time, DateTimeOffset? Stamped);
