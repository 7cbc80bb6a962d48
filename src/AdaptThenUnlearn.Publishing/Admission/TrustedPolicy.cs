using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Publishing.Admission;

/// <summary>A policy of this repository, which judges a run in place of the recorded one.</summary>
/// <param name="File">Path of the file, as it was given.</param>
/// <param name="Text">Text of the file.</param>
/// <param name="Policy">The policy in it.</param>
public sealed record TrustedPolicy(string File, string Text, UnlearningPolicy Policy)
{
    /// <summary>Digest of the policy's lock; null where none lies beside it. A run must then have been made under it.</summary>
    public string? LockSha256 { get; init; }
}
