namespace AdaptThenUnlearn.Publishing.Hosts;

/// <summary>GitLab CI, on gitlab.com, self-managed and dedicated.</summary>
/// <remarks>
/// In a pipeline for merged results, CI_COMMIT_SHA is a trial merge, and the head has a variable of its own. The merge request is
/// in the target project, while the pipeline of a fork runs in the fork.
/// </remarks>
public sealed class GitLabCi : ICiHost
{
    /// <inheritdoc/>
    public string Name => "GitLab CI";

    /// <inheritdoc/>
    public bool Matches(EnvironmentSnapshot environment) => environment["GITLAB_CI"] == "true";

    /// <inheritdoc/>
    public CiContext Describe(EnvironmentSnapshot environment)
    {
        var (source, target) =
            (environment["CI_MERGE_REQUEST_SOURCE_PROJECT_PATH"], environment["CI_MERGE_REQUEST_PROJECT_PATH"]);
        var branch = environment["CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"];
        return new()
        {
            Host = Name,
            CodeHost = CodeHost.GitLab,
            Repository = target ?? environment["CI_PROJECT_PATH"],
            Event = environment["CI_PIPELINE_SOURCE"],
            PullRequest = environment.PositiveNumber("CI_MERGE_REQUEST_IID"),
            HeadSha = environment["CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"] ?? environment["CI_COMMIT_SHA"],
            Ref = branch is null ? environment["CI_COMMIT_REF_NAME"] : source == target ? branch : $"{source}:{branch}",
            BaseRef = environment["CI_MERGE_REQUEST_TARGET_BRANCH_NAME"],
            Actor = environment["GITLAB_USER_LOGIN"],
            IsFork = source != target,
            ApiUrl = environment["CI_API_V4_URL"],
            ServerUrl = environment["CI_SERVER_URL"],
            RunUrl = environment["CI_JOB_URL"],
            Workspace = environment["CI_PROJECT_DIR"],
        };
    }
}
