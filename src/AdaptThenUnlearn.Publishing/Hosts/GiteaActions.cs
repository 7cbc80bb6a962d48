namespace AdaptThenUnlearn.Publishing.Hosts;

/// <summary>The Actions of Gitea and Forgejo, which set GitHub's variables as well as their own.</summary>
public sealed class GiteaActions : ICiHost
{
    private readonly GitHubActions _alike = new();

    /// <inheritdoc/>
    public string Name => "Gitea Actions";

    /// <inheritdoc/>
    public bool Matches(EnvironmentSnapshot environment) =>
        environment["GITEA_ACTIONS"] == "true" || environment["FORGEJO_ACTIONS"] == "true";

    /// <inheritdoc/>
    public CiContext Describe(EnvironmentSnapshot environment) => _alike.Describe(environment) with
    {
        Host = Name,
        CodeHost = CodeHost.Gitea,
        BotLogin = environment["FORGEJO_ACTIONS"] == "true" ? "forgejo-actions" : "gitea-actions",
        RunUrl = RunUrl(environment),
    };

    // Its pages count a repository's runs; GITHUB_RUN_ID counts the server's.
    private static string? RunUrl(EnvironmentSnapshot environment) =>
        environment["GITHUB_SERVER_URL"] is { } server && environment["GITHUB_REPOSITORY"] is { } repository
        && environment["GITHUB_RUN_NUMBER"] is { } run
            ? $"{server.TrimEnd('/')}/{repository}/actions/runs/{run}"
            : null;
}
