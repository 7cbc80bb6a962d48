namespace AdaptThenUnlearn.Publishing.Hosts;

/// <summary>Every CI host that is recognised. To add one, write its file and add its line.</summary>
public static class CiHosts
{
    /// <summary>All hosts; the first one that matches an environment describes it.</summary>
    public static IReadOnlyList<ICiHost> All { get; } = [new GitHubActions()];

    /// <summary>What is known about the build.</summary>
    /// <remarks>
    /// Where no host is recognised, GitHub's own variables still name repository, commit and server: any pipeline and any person
    /// may set them.
    /// </remarks>
    public static CiContext Describe(EnvironmentSnapshot environment) =>
        All.FirstOrDefault(host => host.Matches(environment))?.Describe(environment)
        ?? GitHubActions.DescribeRepository(environment);
}
