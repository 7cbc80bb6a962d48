using AdaptThenUnlearn.Publishing.AzureRepos;
using AdaptThenUnlearn.Publishing.GitHub;
using AdaptThenUnlearn.Publishing.GitLab;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Publishing.Http;
using AdaptThenUnlearn.Publishing.PullRequests;

namespace AdaptThenUnlearn.Publishing;

/// <summary>The client of each kind of code host. To add one, write its client and add its line.</summary>
public static class CodeHosts
{
    /// <summary>Makes the client for a target, and sends nothing yet.</summary>
    /// <param name="connection">Where to, and with what.</param>
    public static IPullRequestApi Connect(HostConnection connection) => connection.Target.Host switch
    {
        CodeHost.GitLab => new GitLabApi(connection),
        CodeHost.Azure => new AzureReposApi(connection),
        _ => new GitHubApi(connection),
    };
}
