namespace AdaptThenUnlearn.Publishing.Hosts;

/// <summary>Every CI host that is recognised. To add one, write its file and add its line.</summary>
public static class CiHosts
{
    /// <summary>All hosts; the first one that matches an environment describes it.</summary>
    public static IReadOnlyList<ICiHost> All { get; } =
        [new GiteaActions(), new GitHubActions(), new GitLabCi(), new AzurePipelines()];

    /// <summary>What is known about the build.</summary>
    /// <remarks>
    /// Where no host is recognised, GitHub's own variables still name repository, commit and server: any pipeline and any person
    /// may set them. Where the repository is said to be on another kind of host than the build's own, what the build says about
    /// repository, pull request and addresses is not of that host and is left out.
    /// </remarks>
    /// <param name="environment">Environment of the process.</param>
    /// <param name="codeHost">The kind of host that keeps the repository; null where the build's own counts.</param>
    public static CiContext Describe(EnvironmentSnapshot environment, CodeHost? codeHost = null)
    {
        var build = All.FirstOrDefault(host => host.Matches(environment))?.Describe(environment)
            ?? GitHubActions.DescribeRepository(environment);
        if (codeHost is not { } asked || asked == build.CodeHost)
            return build;

        var repository = asked is CodeHost.GitHub ? GitHubActions.DescribeRepository(environment) : new CiContext();
        return build with
        {
            CodeHost = asked,
            Repository = repository.Repository,
            PullRequest = null,
            HeadLabel = null,
            IsFork = false,
            BotLogin = null,
            ApiUrl = repository.ApiUrl,
            ServerUrl = repository.ServerUrl,
        };
    }
}
