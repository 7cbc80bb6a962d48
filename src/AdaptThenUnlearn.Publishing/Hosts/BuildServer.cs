namespace AdaptThenUnlearn.Publishing.Hosts;

/// <summary>
/// Whether this process runs on a build server. Its folders may hold files of a checkout, a cache or another job.
/// </summary>
public static class BuildServer
{
    /// <summary>Variables that build servers set; most of them set the first.</summary>
    public static IReadOnlyList<string> Variables { get; } =
    [
        "CI", "GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "JENKINS_URL", "TEAMCITY_VERSION", "BUILDKITE", "CIRCLECI",
        "TRAVIS", "APPVEYOR", "BITBUCKET_BUILD_NUMBER", "CODEBUILD_BUILD_ID",
    ];

    /// <summary>
    /// The first variable that shows a build server; null where none does. The values <c>false</c> and <c>0</c> do not count.
    /// </summary>
    /// <param name="environment">Environment of the process.</param>
    public static string? DetectVariable(EnvironmentSnapshot environment) => Variables.FirstOrDefault(
        name => environment[name] is { } value && !value.Equals("false", StringComparison.OrdinalIgnoreCase) && value != "0");
}
