namespace AdaptThenUnlearn.Publishing.Hosts;

/// <summary>Azure Pipelines, for repositories on Azure Repos and on GitHub.</summary>
/// <remarks>
/// For a pull request, BUILD_SOURCEVERSION is a trial merge, and SYSTEM_PULLREQUEST_SOURCECOMMITID the head.
/// </remarks>
public sealed class AzurePipelines : ICiHost
{
    /// <inheritdoc/>
    public string Name => "Azure Pipelines";

    /// <inheritdoc/>
    public bool Matches(EnvironmentSnapshot environment) =>
        string.Equals(environment["TF_BUILD"], "true", StringComparison.OrdinalIgnoreCase);

    /// <inheritdoc/>
    public CiContext Describe(EnvironmentSnapshot environment)
    {
        var context = new CiContext
        {
            Host = Name,
            CodeHost = CodeHost.Azure,
            Event = environment["BUILD_REASON"],
            HeadSha = environment["SYSTEM_PULLREQUEST_SOURCECOMMITID"] ?? environment["BUILD_SOURCEVERSION"],
            Ref = ShortRef(environment["SYSTEM_PULLREQUEST_SOURCEBRANCH"] ?? environment["BUILD_SOURCEBRANCH"]),
            BaseRef = ShortRef(environment["SYSTEM_PULLREQUEST_TARGETBRANCH"]),
            Actor = environment["BUILD_REQUESTEDFOR"],
            IsFork = string.Equals(environment["SYSTEM_PULLREQUEST_ISFORK"], "true", StringComparison.OrdinalIgnoreCase),
            RunUrl = RunUrl(environment),
            Workspace = environment["BUILD_SOURCESDIRECTORY"],
        };

        // Publish on GitHub where the repository is there.
        return environment["BUILD_REPOSITORY_PROVIDER"] is "GitHub" or "GitHubEnterprise"
            ? context with
            {
                CodeHost = CodeHost.GitHub,
                Repository = environment["BUILD_REPOSITORY_NAME"],
                PullRequest = environment.PositiveNumber("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER"),
                ApiUrl = environment["GITHUB_API_URL"],
                ServerUrl = environment["GITHUB_SERVER_URL"] ?? ServerOf(environment["BUILD_REPOSITORY_URI"]),
            }
            : context with
            {
                Repository = environment["SYSTEM_TEAMPROJECT"] is { } project && environment["BUILD_REPOSITORY_NAME"] is { } name
                    ? $"{project}/{name}"
                    : null,
                PullRequest = environment.PositiveNumber("SYSTEM_PULLREQUEST_PULLREQUESTID"),
                ApiUrl = environment["SYSTEM_COLLECTIONURI"],
                ServerUrl = environment["SYSTEM_COLLECTIONURI"],
            };
    }

    private static string? RunUrl(EnvironmentSnapshot environment) =>
        environment["SYSTEM_COLLECTIONURI"] is { } collection && environment["SYSTEM_TEAMPROJECT"] is { } project
        && environment["BUILD_BUILDID"] is { } build
            ? $"{collection.TrimEnd('/')}/{project}/_build/results?buildId={build}"
            : null;

    private static string? ShortRef(string? name) =>
        name?.StartsWith("refs/heads/", StringComparison.Ordinal) == true ? name["refs/heads/".Length..]
        : name?.StartsWith("refs/tags/", StringComparison.Ordinal) == true ? name["refs/tags/".Length..]
        : name;

    // An address of a repository may hold a user and a password, which are left out.
    private static string? ServerOf(string? repository) =>
        Uri.TryCreate(repository, UriKind.Absolute, out var uri) && uri.Scheme is "https" or "http"
            ? uri.GetComponents(UriComponents.SchemeAndServer, UriFormat.UriEscaped)
            : null;
}
