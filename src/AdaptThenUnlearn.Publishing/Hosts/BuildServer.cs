namespace AdaptThenUnlearn.Publishing.Hosts;

/// <summary>Whether a build server runs this process: its folders may hold what a checkout, a cache or another job put there.</summary>
public static class BuildServer
{
    /// <summary>Variables that build servers set; the first is the one that most of them share.</summary>
    public static IReadOnlyList<string> Variables { get; } =
    [
        "CI", "GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "JENKINS_URL", "TEAMCITY_VERSION", "BUILDKITE", "CIRCLECI", "TRAVIS", "APPVEYOR", "BITBUCKET_BUILD_NUMBER",
        "CODEBUILD_BUILD_ID",
    ];

    /// <summary>The variable that tells; null where none does. One that says <c>false</c> or <c>0</c> tells nothing.</summary>
    /// <param name="environment">Of the process.</param>
    public static string? DetectVariable(EnvironmentSnapshot environment) => Variables.FirstOrDefault(
        name => environment[name] is { } value && !value.Equals("false", StringComparison.OrdinalIgnoreCase) && value != "0");
}
