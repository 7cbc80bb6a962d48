using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary>What the runs have in common.</summary>
/// <param name="File">Must hold a policy.</param>
/// <param name="Classes">At least one.</param>
/// <param name="Seeds">At least one.</param>
public sealed record ComparisonScope(PolicyFile File, IReadOnlyList<string> Classes, IReadOnlyList<long> Seeds)
{
    /// <summary>The policy in the file, with the values that the command line sets.</summary>
    public UnlearningPolicy Policy => File.Policy;
}
