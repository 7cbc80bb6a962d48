namespace AdaptThenUnlearn.Publishing.Hosts;

/// <summary>Every host that is recognised. A new one: write its file, add its line.</summary>
public static class CiHosts
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<ICiHost> All { get; } = [new GitHubActions()];

    /// <summary>What is known here; where no host is recognised, what GitHub's own variables name, which any pipeline and any person may set.</summary>
    public static CiContext Describe(EnvironmentSnapshot environment) =>
        All.FirstOrDefault(host => host.Matches(environment))?.Describe(environment) ?? GitHubActions.Named(environment);
}
